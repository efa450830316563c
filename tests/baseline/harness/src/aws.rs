//! An AWS that answers at once, or after a fixed time. What the product's own storage code has written into it before the
//! measurements can be read; from then on it takes every write and keeps none, so that each call
//! finds what the first one found.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::http::{self, Request, Response};

/// The fake.
#[derive(Clone)]
pub struct Aws {
    pub endpoint: String,
    state: Arc<RwLock<State>>,
}

#[derive(Default)]
struct State {
    /// By table and both keys, so that they lie in the order in which a Query lists them.
    items: BTreeMap<[String; 3], Stored>,
    /// The value of the one secret.
    secret: String,
    /// What lies in the buckets: every object is this file.
    file: Arc<[u8]>,
    latency: Duration,
    frozen: bool,
}

struct Stored {
    /// As DynamoDB writes it in JSON.
    item: Value,
    /// The whole answer to a GetItem.
    answer: Arc<[u8]>,
}

impl State {
    fn keep(&mut self, place: [String; 3], item: Value) {
        let answer = json!({ "Item": item }).to_string().into_bytes().into();
        self.items.insert(place, Stored { item, answer });
    }
}

impl Aws {
    /// Starts it.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(RwLock::new(State { file: Arc::new([]), ..State::default() }));
        let shared = state.clone();
        let address = http::serve(move |request| answer(&shared, request))?;
        Ok(Self { endpoint: format!("http://{address}"), state })
    }

    /// Keeps nothing more, and takes its time from now on.
    pub fn freeze(&self, file: Vec<u8>, latency: Duration) {
        let mut state = write(&self.state);
        state.latency = latency;
        state.file = file.into();
        state.frozen = true;
    }

    /// The stored item whose partition key begins so, as DynamoDB writes it in JSON.
    pub fn item(&self, pk_prefix: &str) -> Option<Value> {
        let state = read(&self.state);
        let (_, stored) = state.items.iter().find(|([_, pk, _], _)| pk.starts_with(pk_prefix))?;
        Some(stored.item.clone())
    }
}

fn read(state: &RwLock<State>) -> RwLockReadGuard<'_, State> {
    state.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(state: &RwLock<State>) -> RwLockWriteGuard<'_, State> {
    state.write().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &RwLock<State>, request: &Request) -> Response {
    let latency = read(state).latency;
    if !latency.is_zero() {
        thread::sleep(latency);
    }
    match request.header("x-amz-target").and_then(|target| target.split_once('.')) {
        Some((_, operation)) => {
            let input = serde_json::from_slice(&request.body).unwrap_or_default();
            let body = call(state, operation, &input);
            Response::new(200, body).with("content-type", "application/x-amz-json-1.0")
        }
        None if request.path.starts_with("/v2/email/") => ses(),
        None if request.body.starts_with(b"Action=") => sns(request),
        None => s3(state, request),
    }
}

fn call(state: &RwLock<State>, operation: &str, input: &Value) -> Arc<[u8]> {
    let text = match operation {
        "GetItem" => {
            let key = place(&input["TableName"], &input["Key"]);
            if let Some(stored) = read(state).items.get(&key) {
                return stored.answer.clone();
            }
            json!({})
        }
        "BatchGetItem" => get_all(&read(state), input),
        "Query" => query(&read(state), input),
        "PutItem" => {
            put(state, input);
            json!({})
        }
        "TransactWriteItems" => {
            for write in input["TransactItems"].as_array().into_iter().flatten() {
                put(state, &write["Put"]);
                add(state, &write["Update"]);
            }
            json!({})
        }
        "UpdateItem" => {
            add(state, input);
            json!({ "Attributes": updated(&read(state), input) })
        }
        "GenerateDataKey" => {
            let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
            json!({ "CiphertextBlob": key, "Plaintext": key, "KeyId": "key" })
        }
        "Encrypt" => json!({ "CiphertextBlob": input["Plaintext"], "KeyId": "key" }),
        "Decrypt" => json!({ "Plaintext": input["CiphertextBlob"], "KeyId": "key" }),
        "GetSecretValue" => {
            let secret = &read(state).secret;
            json!({ "ARN": "arn", "Name": "signing", "VersionId": "1", "SecretString": secret })
        }
        "PutSecretValue" => {
            let mut state = write(state);
            if !state.frozen {
                input["SecretString"].as_str().unwrap_or_default().clone_into(&mut state.secret);
            }
            json!({ "ARN": "arn", "Name": "signing", "VersionId": "1" })
        }
        "SendMessage" => json!({ "MessageId": "00000000-0000-0000-0000-000000000001" }),
        "SendMessageBatch" => {
            let sent = input["Entries"].as_array().into_iter().flatten();
            let sent =
                sent.map(|entry| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "" }));
            json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] })
        }
        "GetQueueAttributes" => json!({ "Attributes": { "QueueArn": "arn" } }),
        _ => json!({}),
    };
    text.to_string().into_bytes().into()
}

fn put(state: &RwLock<State>, input: &Value) {
    let mut state = write(state);
    if !state.frozen && input["Item"].is_object() {
        state.keep(place(&input["TableName"], &input["Item"]), input["Item"].clone());
    }
}

/// Adds to counters and sets; nothing else that updates write is read before the measurements.
fn add(state: &RwLock<State>, input: &Value) {
    let expression = input["UpdateExpression"].as_str().unwrap_or_default();
    let mut state = write(state);
    let Some((_, sums)) = expression.split_once("ADD ").filter(|_| !state.frozen) else { return };
    let place = place(&input["TableName"], &input["Key"]);
    let mut item = state.items.get(&place).map_or_else(|| input["Key"].clone(), |stored| stored.item.clone());
    for (name, value) in sums.split(", ").filter_map(|sum| sum.split_once(' ')) {
        let name = input["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
        item[name] = sum(&item[name], &input["ExpressionAttributeValues"][value]);
    }
    state.keep(place, item);
}

fn sum(old: &Value, new: &Value) -> Value {
    if let Some(members) = new["SS"].as_array() {
        let all = old["SS"].as_array().into_iter().flatten().chain(members);
        return json!({ "SS": all.filter_map(Value::as_str).collect::<BTreeSet<_>>() });
    }
    let number = |value: &Value| value["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or(0_i64);
    json!({ "N": (number(old) + number(new)).to_string() })
}

/// What an update answers: the item that it is of, or, of a bucket, which is never there, when that
/// is full again.
fn updated(state: &State, input: &Value) -> Value {
    state.items.get(&place(&input["TableName"], &input["Key"])).map_or_else(
        || json!({ "full_at": input["ExpressionAttributeValues"][":after"] }),
        |stored| stored.item.clone(),
    )
}

fn get_all(state: &State, input: &Value) -> Value {
    let found = |(table, wanted): (&String, &Value)| {
        let keys = wanted["Keys"].as_array().into_iter().flatten();
        let items = keys.filter_map(|key| state.items.get(&place(&json!(table), key)));
        (table.clone(), items.map(|stored| stored.item.clone()).collect())
    };
    let tables = input["RequestItems"].as_object().into_iter().flatten();
    json!({ "Responses": tables.map(found).collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {} })
}

/// All on one page, those of an index in the order of the table.
fn query(state: &State, input: &Value) -> Value {
    let table = input["TableName"].as_str().unwrap_or_default();
    let condition = input["KeyConditionExpression"].as_str().unwrap_or_default();
    let of_table = state.items.iter().filter(|([of, ..], _)| of == table).map(|(_, stored)| &stored.item);
    let mut items: Vec<_> =
        of_table.filter(|item| meets(item, condition, &input["ExpressionAttributeValues"])).collect();
    if input["ScanIndexForward"] == false {
        items.reverse();
    }
    items.truncate(input["Limit"].as_u64().and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX));
    json!({ "Items": items, "Count": items.len(), "ScannedCount": items.len() })
}

/// Whether an item meets a key condition, in the forms that the product writes: `pk = :pk`,
/// `sk < :before`, `begins_with(sk, :prefix)`, joined by `AND`.
fn meets(item: &Value, condition: &str, values: &Value) -> bool {
    condition.split(" AND ").all(|part| {
        let words: Vec<_> = part.split([' ', ',', '(', ')']).filter(|word| !word.is_empty()).collect();
        let (name, operator, value) = match words[..] {
            ["begins_with", name, value] => (name, "begins_with", value),
            [name, operator, value] => (name, operator, value),
            _ => return false,
        };
        let (Some(stored), Some(value)) = (item[name]["S"].as_str(), values[value]["S"].as_str()) else {
            return false;
        };
        match operator {
            "begins_with" => stored.starts_with(value),
            "=" => stored == value,
            "<" => stored < value,
            ">" => stored > value,
            ">=" => stored >= value,
            _ => false,
        }
    })
}

fn place(table: &Value, key: &Value) -> [String; 3] {
    [table, &key["pk"]["S"], &key["sk"]["S"]].map(|part| part.as_str().unwrap_or_default().to_owned())
}

fn ses() -> Response {
    let body = json!({ "MessageId": "1", "SendingEnabled": true }).to_string();
    Response::new(200, body.into_bytes()).with("content-type", "application/json")
}

/// Of the query protocol, which names the action in the body and in the answer.
fn sns(request: &Request) -> Response {
    let body = String::from_utf8_lossy(&request.body);
    let action = body.split(['=', '&']).nth(1).unwrap_or_default();
    let text = format!(
        "<{action}Response><{action}Result><MessageId>1</MessageId></{action}Result></{action}Response>"
    );
    Response::new(200, text.into_bytes()).with("content-type", "text/xml")
}

fn s3(state: &RwLock<State>, request: &Request) -> Response {
    let etag = "\"d41d8cd98f00b204e9800998ecf8427e\"";
    match request.method.as_str() {
        "GET" => {
            let file = read(state).file.clone();
            Response::new(200, file).with("etag", etag).with("content-type", "image/jpeg")
        }
        "DELETE" => Response::new(204, []),
        _ => Response::new(200, []).with("etag", etag),
    }
}
