//! Hostile input for every operation, taken from the contract: arrays in place of objects, numbers that no store
//! keeps, compressed bodies, `HEAD`, and arbitrary JSON.

use axum::http::Method;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::{
    authorization::{self, Owner},
    client::{Answer, Client},
};

/// The signature over these bodies is verified before they are read.
const SIGNED: [&str; 2] = ["/webhooks/background-check", "/webhooks/stripe"];

/// An operation of the contract.
struct Operation {
    method: String,
    path: String,
    parameters: Vec<Value>,
    /// The schema of its body, with every reference resolved.
    body: Option<Value>,
    /// Who may call it.
    caller: &'static str,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&conformance::document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let body = operation.pointer("/requestBody/content").map(|content| {
                let [media_type] = content.as_object().unwrap().values().collect::<Vec<_>>()[..] else {
                    panic!("{method} {path} takes several media types")
                };
                resolved(&document, &media_type["schema"])
            });
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let parameters = parameters.iter().map(|parameter| resolved(&document, parameter)).collect();
            let method = method.to_uppercase();
            let name = format!("{method} {path}");
            let caller = authorization::caller_of(&name);
            all.push(Operation { method, path: path.clone(), parameters, body, caller });
        }
    }
    all
}

/// A schema with what its references name in their place.
fn resolved(document: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                return resolved(document, document.pointer(name.trim_start_matches('#')).unwrap());
            }
            let members = members.iter().map(|(name, member)| (name.clone(), resolved(document, member)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(|item| resolved(document, item)).collect(),
        other => other.clone(),
    }
}

/// The schema that is not `null`, of a value that may be `null`.
fn given(schema: &Value) -> &Value {
    let either = schema["oneOf"].as_array();
    either.and_then(|either| either.iter().find(|each| each["type"] != "null")).unwrap_or(schema)
}

fn is(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|each| each == kind),
        one => one == kind,
    }
}

/// A value of the schema's types, with all that it may have.
fn sample(schema: &Value) -> Value {
    let schema = given(schema);
    if is(schema, "object") {
        let properties = schema["properties"].as_object().into_iter().flatten();
        return properties.map(|(name, property)| (name.clone(), sample(property))).collect();
    }
    if is(schema, "array") {
        return json!([sample(&schema["items"])]);
    }
    match schema.get("example") {
        Some(example) => example.clone(),
        None if is(schema, "boolean") => json!(true),
        None if is(schema, "integer") || is(schema, "number") => {
            schema.get("minimum").cloned().unwrap_or(json!(1))
        }
        None => json!("x"),
    }
}

/// The pointers of all places in a body that the schema gives that type.
fn places(schema: &Value, kinds: &[&str], pointer: &str) -> Vec<String> {
    let schema = given(schema);
    let here = kinds.iter().any(|kind| is(schema, kind)).then(|| pointer.to_owned());
    let properties = schema["properties"].as_object().into_iter().flatten();
    let inside =
        properties.flat_map(|(name, property)| places(property, kinds, &format!("{pointer}/{name}")));
    let items = schema.get("items").map(|items| places(items, kinds, &format!("{pointer}/0")));
    here.into_iter().chain(inside).chain(items.into_iter().flatten()).collect()
}

/// The value, in which that place has another one. What leads there is taken from `source`, if it is missing.
fn with(value: &Value, source: &Value, pointer: &str, other: Value) -> Value {
    let Some(rest) = pointer.strip_prefix('/') else { return other };
    let (name, rest) =
        rest.split_once('/').map_or((rest, String::new()), |(name, rest)| (name, format!("/{rest}")));
    match value {
        Value::Array(items) => {
            let place: usize = name.parse().unwrap();
            let mut items = if items.is_empty() { source.as_array().unwrap().clone() } else { items.clone() };
            items[place] = with(&items[place], &source[place], &rest, other);
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut members = members.clone();
            let inner = members.get(name).unwrap_or(&source[name]);
            members.insert(name.to_owned(), with(inner, &source[name], &rest, other));
            Value::Object(members)
        }
        _ => with(source, source, pointer, other),
    }
}

/// Calls it as somebody new who may, on somebody else's things, within all limits.
async fn call(client: &Client, operation: &Operation, url: &str, body: Value) -> Answer {
    client.turn_clock(3600);
    let token = authorization::token(client, operation.caller).await;
    client.call(&operation.method, url, token.as_deref(), body).await
}

/// The operations whose bodies are JSON, each with its URL, its schema, and a good body.
fn with_bodies(owner: &Owner) -> Vec<(Operation, String, Value, Value)> {
    let operations = operations().into_iter().filter(|each| !SIGNED.contains(&each.path.as_str()));
    let with_bodies = operations.filter_map(|operation| {
        let schema = operation.body.clone()?;
        let (url, body) = authorization::example(&operation.method, &operation.path, owner);
        Some((operation, url, schema, body))
    });
    with_bodies.collect()
}

#[tokio::test]
async fn an_array_is_no_object() {
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    let mut tried = 0;
    for (operation, url, schema, _) in with_bodies(&owner) {
        let whole = sample(&schema);
        for pointer in places(&schema, &["object"], "") {
            let members = whole.pointer(&pointer).unwrap().as_object().unwrap();
            let by_position: Vec<Value> = members.values().cloned().collect();
            for array in [json!([]), Value::Array(by_position)] {
                let body = with(&whole, &whole, &pointer, array);
                // At the root, the client of the tests would take an array for no body.
                let answer = call(&client, &operation, &url, Value::String(body.to_string())).await;
                let problem = answer.problem();
                assert_eq!(
                    problem,
                    (400, "invalid_request", vec![pointer.as_str()]),
                    "{} {url} {body}",
                    operation.method
                );
                assert_eq!(
                    answer.body["errors"][0]["code"], "wrong_type",
                    "{} {url} {body}",
                    operation.method
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Numbers that JSON can say, and many stores cannot keep, or keep as another one.
const NASTY: [&str; 21] = [
    "1e-131",
    "-1e-131",
    "1e126",
    "-1e126",
    "1e400",
    "-1e400",
    "5e-324",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "-0",
    "-0.0",
    "0.1234567890123456789012345678901234567890123456789",
    "12345678901234567890123456789012345678901234567890",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-9223372036854775809",
    "4294967296",
    "2147483648",
    "1e0",
    "-1",
];

#[tokio::test]
async fn no_number_is_an_error_of_ours() {
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    let (mut tried, mut taken) = (0, Vec::new());
    for (operation, url, schema, body) in with_bodies(&owner) {
        let whole = sample(&schema);
        for pointer in places(&schema, &["integer", "number"], "") {
            for nasty in NASTY {
                let body = with(&body, &whole, &pointer, json!("NASTY")).to_string();
                let body = body.replace("\"NASTY\"", nasty);
                let answer = call(&client, &operation, &url, Value::String(body.clone())).await;
                assert!(answer.status.as_u16() < 500, "{url} {body}: {} {}", answer.status, answer.body);
                assert_ne!(answer.status, 429, "{url} {body}");
                if answer.body["code"] == "invalid_request" {
                    assert_eq!(answer.problem().2, [pointer.as_str()], "{url} {body}");
                }
                if answer.status.is_success() {
                    taken.push(format!("{url}{pointer} {nasty}"));
                }
                tried += 1;
            }
        }
    }
    assert!(tried >= 15 * NASTY.len(), "{tried}");
    for place in ["/me/parent-profile/location/latitude", "/me/sitter-profile/home/longitude"] {
        for nasty in ["1e-131", "5e-324", "-0.0"] {
            assert!(taken.contains(&format!("{place} {nasty}")), "{place} {nasty}");
        }
    }
}

#[tokio::test]
async fn no_number_in_a_query_is_an_error_of_ours() {
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    let mut tried = 0;
    for operation in operations() {
        let (url, _) = authorization::example(&operation.method, &operation.path, &owner);
        for parameter in &operation.parameters {
            let schema = given(&parameter["schema"]);
            if parameter["in"] != "query" || !(is(schema, "integer") || is(schema, "number")) {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            for nasty in NASTY.into_iter().chain(["NaN", "inf", "-inf", "infinity", "1e", "0x1"]) {
                let (path, query) = url.split_once('?').unwrap_or((&url, ""));
                let others = query
                    .split('&')
                    .filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{name}=")));
                let pairs: Vec<String> =
                    others.map(str::to_owned).chain([format!("{name}={nasty}")]).collect();
                let url = format!("{path}?{}", pairs.join("&"));
                let answer = call(&client, &operation, &url, Value::Null).await;
                assert!(answer.status.as_u16() < 500, "{url}: {} {}", answer.status, answer.body);
                tried += 1;
            }
        }
    }
    assert!(tried > 10 * NASTY.len(), "{tried}");
}

#[tokio::test]
async fn a_compressed_body_is_not_read() {
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    for operation in operations().iter().filter(|operation| operation.body.is_some()) {
        let (url, body) = authorization::example(&operation.method, &operation.path, &owner);
        let body = Value::String(body.to_string());
        client.turn_clock(3600);
        let token = authorization::token(&client, operation.caller).await;
        for coding in ["gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd"] {
            let headers = [("content-encoding", coding)];
            let answer =
                client.call_with(&operation.method, &url, token.as_deref(), body.clone(), &headers).await;
            assert_eq!(answer.problem(), (415, "unsupported_content_encoding", vec![]), "{url} {coding}");
            assert_eq!(answer.headers["accept-encoding"], "identity");
        }
        let headers = [("content-encoding", "Identity")];
        let answer = client.call_with(&operation.method, &url, token.as_deref(), body, &headers).await;
        assert_ne!(answer.status, 415, "{url}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    let own = authorization::token(&client, "parent").await;
    for operation in operations().iter().filter(|operation| operation.method == "GET") {
        let (url, _) = authorization::example("GET", &operation.path, &owner);
        client.turn_clock(3600);
        let token = authorization::token(&client, operation.caller).await;
        for token in [token.as_deref(), None, own.as_deref()] {
            let get = client.call("GET", &url, token, Value::Null).await;
            let head = client.call(Method::HEAD.as_str(), &url, token, Value::Null).await;
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{url}");
            let names =
                |answer: &Answer| -> Vec<String> { answer.headers.keys().map(ToString::to_string).collect() };
            assert_eq!(names(&head), names(&get), "{url}");
            for name in ["content-type", "etag", "cache-control", "content-security-policy"] {
                // What a search is called by is another name each time.
                if operation.path != "/sitters/search" || name != "etag" {
                    assert_eq!(head.headers.get(name), get.headers.get(name), "{url} {name}");
                }
            }
        }
    }
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[0-9TZ:.+-]{0,25}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,12}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A body, in which some places have anything, or nothing.
fn mutated(body: Value, pointers: &[String]) -> BoxedStrategy<Value> {
    let changes = proptest::collection::vec((proptest::sample::select(pointers.to_vec()), any_json()), 1..4);
    changes
        .prop_map(move |changes| {
            changes.into_iter().fold(body.clone(), |mut body, (pointer, other)| {
                if let Some(place) = body.pointer_mut(&pointer) {
                    *place = other;
                }
                body
            })
        })
        .boxed()
}

#[test]
fn no_body_is_an_error_of_ours() {
    const KINDS: [&str; 6] = ["object", "array", "string", "integer", "number", "boolean"];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (client, owner) = runtime.block_on(async {
        let client = Client::start().await;
        let owner = authorization::owner(&client).await;
        (client, owner)
    });
    for (operation, url, schema, body) in with_bodies(&owner) {
        let whole = sample(&schema);
        let pointers = places(&schema, &KINDS, "");
        let bodies = prop_oneof![
            1 => any_json(),
            4 => mutated(whole, &pointers),
            4 => mutated(body, &pointers),
        ];
        let mut runner =
            TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        let tried = runner.run(&bodies, |body| {
            let raw = Value::String(body.to_string());
            let answer = runtime.block_on(call(&client, &operation, &url, raw));
            prop_assert!(answer.status.as_u16() < 500, "{} {}", answer.status, answer.body);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{} {url}: {error}", operation.method));
    }
}
