//! Records the AWS calls of each function, so that a check can evaluate the permissions of its role against them.
//!
//! A test names the function that makes the calls with [`acting_as`]; calls outside of it, such as the preparation of a
//! test, are not recorded. Each distinct call is one line of JSON in `target/aws-calls`, which `tests/permissions` reads.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    sync::{LazyLock, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde::Serialize;
use serde_json::Value;

tokio::task_local! {
    static FUNCTION: String;
}

/// Runs `work` as a function: by its logical id in the template, e.g. `EmailSend`, or by what it serves, e.g.
/// `GET /me`. The calls of tasks that `work` spawns are not recorded.
pub fn acting_as<F: Future>(function: impl Into<String>, work: F) -> impl Future<Output = F::Output> {
    // Boxed, because a test that awaits many of them would overflow its stack.
    FUNCTION.scope(function.into(), Box::pin(work))
}

/// One action on one resource, as IAM authorises it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Call {
    /// With its service, e.g. `dynamodb:GetItem`.
    action: String,
    /// As the request names it, e.g. `main/index/due` or `uploads/incoming/1`. The service tells of what kind it is.
    resource: String,
    /// The condition keys of the request.
    keys: BTreeMap<String, BTreeSet<String>>,
}

impl Call {
    fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), keys: BTreeMap::new() }
    }

    fn with(mut self, key: impl Into<String>, values: impl IntoIterator<Item = String>) -> Self {
        self.keys.entry(key.into()).or_default().extend(values);
        self
    }
}

/// Records what a request asks for, if a function makes it.
pub(crate) fn record(request: &HttpRequest) {
    let Ok(function) = FUNCTION.try_with(Clone::clone) else { return };
    for call in calls(request) {
        let line = serde_json::json!({ "function": function, "call": call }).to_string();
        append(line);
    }
}

/// Appends a line to the file of this test program. Each line is one write, so that programs can share the folder.
fn append(line: String) {
    static WRITTEN: LazyLock<Mutex<(HashSet<String>, File)>> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/aws-calls");
        fs::create_dir_all(&folder).expect("a folder for the calls");
        let program = std::env::current_exe().expect("the test program");
        let name = program.file_stem().expect("its name").to_string_lossy().into_owned();
        let file = OpenOptions::new().create(true).append(true).open(folder.join(name + ".jsonl"));
        Mutex::new((HashSet::new(), file.expect("a file for the calls")))
    });
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    if written.0.insert(line.clone()) {
        written.1.write_all((line + "\n").as_bytes()).expect("a call is written");
    }
}

fn calls(request: &HttpRequest) -> Vec<Call> {
    let body = request.body().bytes().unwrap_or_default();
    let json = || serde_json::from_slice::<Value>(body).unwrap_or_default();
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let url = http_url(request.uri());
    match (target.split_once('.'), service(request)) {
        (Some(("DynamoDB_20120810", operation)), _) => dynamodb(operation, &json()),
        (Some(("TrentService", operation)), _) => vec![kms(operation, &json())],
        (Some(("AmazonSQS", operation)), _) => {
            let queue = text(&json()["QueueUrl"]).rsplit('/').next().unwrap_or_default().to_owned();
            vec![Call::new(format!("sqs:{operation}"), queue)]
        }
        (Some(("secretsmanager", operation)), _) => {
            vec![Call::new(format!("secretsmanager:{operation}"), text(&json()["SecretId"]))]
        }
        (_, "s3") => vec![s3(request.method(), &url)],
        (_, "ses") => ses(request.method(), &url.0, &json()),
        (_, "sns") => vec![sns(body)],
        (_, service) => panic!("the recording does not know how IAM authorises a call of {service} {target}"),
    }
}

/// Path and query, without the first slash.
pub(crate) fn http_url(uri: &str) -> (String, String) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    (path.to_owned(), query.to_owned())
}

/// The service that a request is signed for.
pub(crate) fn service(request: &HttpRequest) -> &str {
    let signed = request.headers().get("authorization").unwrap_or_default();
    // Credential=‹key›/‹date›/‹region›/‹service›/aws4_request
    signed.split('/').nth(3).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A request over several tables is authorised for each table and each kind of write by itself.
fn dynamodb(operation: &str, body: &Value) -> Vec<Call> {
    let key = |item: &Value| text(&item["pk"]["S"]);
    let mut parts: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut part = |action: &str, table: String, keys: Vec<String>| {
        parts.entry((format!("dynamodb:{action}"), table)).or_default().extend(keys);
    };
    match operation {
        "TransactWriteItems" => {
            for write in body["TransactItems"].as_array().into_iter().flatten() {
                for (kind, write) in write.as_object().into_iter().flatten() {
                    let action =
                        if kind == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{kind}Item") };
                    let item = if kind == "Put" { &write["Item"] } else { &write["Key"] };
                    part(action, text(&write["TableName"]), vec![key(item)]);
                }
            }
        }
        "BatchGetItem" => {
            for (table, wanted) in body["RequestItems"].as_object().into_iter().flatten() {
                let keys = wanted["Keys"].as_array().into_iter().flatten().map(key).collect();
                part("BatchGetItem", table.clone(), keys);
            }
        }
        "GetItem" | "UpdateItem" | "DeleteItem" => {
            part(operation, text(&body["TableName"]), vec![key(&body["Key"])]);
        }
        "PutItem" => part(operation, text(&body["TableName"]), vec![key(&body["Item"])]),
        "Query" => {
            let table = text(&body["TableName"]);
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}"));
            part(operation, table + &index.unwrap_or_default(), vec![partition(body)]);
        }
        _ => panic!("the recording does not know which keys {operation} names"),
    }
    let call = |((action, table), keys)| Call::new(action, table).with("dynamodb:LeadingKeys", keys);
    parts.into_iter().map(call).collect()
}

/// The partition that a query reads: the value that its condition compares the first key with.
fn partition(query: &Value) -> String {
    let condition = text(&query["KeyConditionExpression"]);
    let value = condition.split(" AND ").find_map(|clause| {
        let (name, value) = clause.split_once(" = ")?;
        name.trim_matches(['(', ' ']).ends_with("pk").then(|| value.trim_matches([')', ' ']))
    });
    let value = value.unwrap_or_else(|| panic!("a query without a partition: {condition}"));
    text(&query["ExpressionAttributeValues"][value]["S"])
}

fn kms(operation: &str, body: &Value) -> Call {
    let context = body["EncryptionContext"].as_object().into_iter().flatten();
    context.fold(Call::new(format!("kms:{operation}"), text(&body["KeyId"])), |call, (name, value)| {
        call.with(format!("kms:EncryptionContext:{name}"), [text(value)])
    })
}

/// By path, as an endpoint that stands for all of AWS is asked.
fn s3(method: &str, (path, query): &(String, String)) -> Call {
    let path = path.trim_end_matches('/');
    let version = if query.contains("versionId=") { "Version" } else { "" };
    match (method, path.contains('/')) {
        ("GET" | "HEAD", true) => Call::new(format!("s3:GetObject{version}"), path),
        ("PUT", true) => Call::new("s3:PutObject", path),
        ("DELETE", true) => Call::new(format!("s3:DeleteObject{version}"), path),
        ("GET" | "HEAD", false) => Call::new("s3:ListBucket", path),
        _ => panic!("the recording does not know what {method} {path} asks of S3"),
    }
}

/// A mail is authorised for the identity that it comes from, and for its configuration set.
fn ses(method: &str, path: &str, body: &Value) -> Vec<Call> {
    match (method, path) {
        ("GET", "v2/email/account") => vec![Call::new("ses:GetAccount", "*")],
        ("POST", "v2/email/outbound-emails") => {
            let from = text(&body["FromEmailAddress"]);
            let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
            let identity = Call::new("ses:SendEmail", format!("identity/{domain}"));
            let set = body["ConfigurationSetName"].as_str();
            let set = set.map(|set| Call::new("ses:SendEmail", format!("configuration-set/{set}")));
            std::iter::once(identity).chain(set).collect()
        }
        _ => panic!("the recording does not know what {method} {path} asks of SES"),
    }
}

fn sns(body: &[u8]) -> Call {
    let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    let action = form.get("Action").map(String::as_str).unwrap_or_default();
    // A phone number is its own resource, and no ARN; which one does not matter.
    let number = form.contains_key("PhoneNumber").then(|| "a phone number".to_owned());
    let resource = number.or_else(|| form.get("TopicArn").cloned()).unwrap_or_else(|| "*".into());
    Call::new(format!("sns:{action}"), resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;
    use serde_json::json;

    fn request(target: &str, body: &Value) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
        request.headers_mut().insert("x-amz-target", target.to_owned());
        request
    }

    fn signed(service: &str, method: &str, uri: &str, body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).unwrap();
        request.set_uri(uri.to_owned()).unwrap();
        let signature =
            format!("AWS4-HMAC-SHA256 Credential=key/20261130/eu-west-1/{service}/aws4_request, …");
        request.headers_mut().try_insert("authorization", signature).unwrap();
        request
    }

    fn keys(call: &Call, key: &str) -> Vec<String> {
        call.keys[key].iter().cloned().collect()
    }

    fn told(request: &HttpRequest) -> Vec<String> {
        calls(request).iter().map(|call| format!("{} {}", call.action, call.resource)).collect()
    }

    #[test]
    fn a_transaction_is_authorised_by_table_and_kind_of_write() {
        let key = |pk: &str| json!({ "pk": { "S": pk }, "sk": { "S": "X" } });
        let body = json!({ "TransactItems": [
            { "Put": { "TableName": "main", "Item": key("USER#1") } },
            { "Put": { "TableName": "main", "Item": key("OUTBOX#1") } },
            { "Put": { "TableName": "audit", "Item": key("USER#1") } },
            { "Update": { "TableName": "main", "Key": key("COUNT#1") } },
            { "Delete": { "TableName": "main", "Key": key("EMAIL#1") } },
            { "ConditionCheck": { "TableName": "main", "Key": key("USER#2") } },
        ] });
        let calls = calls(&request("DynamoDB_20120810.TransactWriteItems", &body));
        let found: Vec<_> = calls
            .iter()
            .map(|call| (call.action.as_str(), call.resource.as_str(), keys(call, "dynamodb:LeadingKeys")))
            .collect();
        assert_eq!(
            found,
            [
                ("dynamodb:ConditionCheckItem", "main", vec!["USER#2".into()]),
                ("dynamodb:DeleteItem", "main", vec!["EMAIL#1".into()]),
                ("dynamodb:PutItem", "audit", vec!["USER#1".into()]),
                ("dynamodb:PutItem", "main", vec!["OUTBOX#1".into(), "USER#1".into()]),
                ("dynamodb:UpdateItem", "main", vec!["COUNT#1".into()]),
            ]
        );
    }

    #[test]
    fn a_query_names_its_index_and_its_partition() {
        let body = json!({
            "TableName": "main", "IndexName": "due",
            "KeyConditionExpression": "due_pk = :due AND due_sk <= :until",
            "ExpressionAttributeValues": { ":due": { "S": "DUE#1" }, ":until": { "S": "2" } },
        });
        let [call] = &calls(&request("DynamoDB_20120810.Query", &body))[..] else { panic!("one call") };
        assert_eq!(call.resource, "main/index/due");
        assert_eq!(keys(call, "dynamodb:LeadingKeys"), ["DUE#1"]);
    }

    #[test]
    fn a_batch_is_authorised_by_table() {
        let key = |pk: &str| json!({ "pk": { "S": pk }, "sk": { "S": "X" } });
        let body = json!({ "RequestItems": {
            "main": { "Keys": [key("A"), key("B")] }, "search": { "Keys": [key("C")] },
        } });
        let calls = calls(&request("DynamoDB_20120810.BatchGetItem", &body));
        let found: Vec<_> = calls.iter().map(|call| keys(call, "dynamodb:LeadingKeys")).collect();
        assert_eq!(found, [vec!["A", "B"], vec!["C"]]);
    }

    #[test]
    fn a_key_is_used_in_a_context() {
        let body = json!({ "KeyId": "key", "EncryptionContext": { "field": "totp" } });
        let [call] = &calls(&request("TrentService.Decrypt", &body))[..] else { panic!("one call") };
        assert_eq!((call.action.as_str(), call.resource.as_str()), ("kms:Decrypt", "key"));
        assert_eq!(keys(call, "kms:EncryptionContext:field"), ["totp"]);
    }

    #[test]
    fn other_services_are_known_by_what_they_are_asked() {
        let send = request("AmazonSQS.SendMessage", &json!({ "QueueUrl": "https://sqs.test/1/EmailQueue" }));
        assert_eq!(told(&send), ["sqs:SendMessage EmailQueue"]);
        let read = request("secretsmanager.GetSecretValue", &json!({ "SecretId": "Keys" }));
        assert_eq!(told(&read), ["secretsmanager:GetSecretValue Keys"]);
        let object = "http://127.0.0.1:1/uploads/incoming/1?versionId=2&x-id=DeleteObject";
        assert_eq!(told(&signed("s3", "DELETE", object, "")), ["s3:DeleteObjectVersion uploads/incoming/1"]);
        let bucket = signed("s3", "HEAD", "http://127.0.0.1:1/media/", "");
        assert_eq!(told(&bucket), ["s3:ListBucket media"]);
        let mail = json!({ "FromEmailAddress": "Us <us@example.org>", "ConfigurationSetName": "set" });
        let mail = signed("ses", "POST", "http://127.0.0.1:1/v2/email/outbound-emails", &mail.to_string());
        assert_eq!(
            told(&mail),
            ["ses:SendEmail identity/example.org", "ses:SendEmail configuration-set/set"]
        );
        let text = signed("sns", "POST", "http://127.0.0.1:1/", "Action=Publish&PhoneNumber=%2B44");
        assert_eq!(told(&text), ["sns:Publish a phone number"]);
        let notice = signed("sns", "POST", "http://127.0.0.1:1/", "Action=Publish&TopicArn=Alerts");
        assert_eq!(told(&notice), ["sns:Publish Alerts"]);
    }
}
