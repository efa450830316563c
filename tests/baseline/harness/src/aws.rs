//! An AWS that answers at once, or after a fixed time. What the product's own storage code has written into it before the
//! measurements can be read; from then on it takes every write and keeps none, so that each call
//! finds what the first one found.

use std::{
    collections::HashMap,
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
    /// By table and both keys: the whole answer to a GetItem.
    items: HashMap<[String; 3], Arc<[u8]>>,
    /// The value of the one secret.
    secret: String,
    /// What lies in the buckets: every object is this file.
    file: Arc<[u8]>,
    latency: Duration,
    frozen: bool,
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
        let (_, answer) = state.items.iter().find(|([_, pk, _], _)| pk.starts_with(pk_prefix))?;
        serde_json::from_slice::<Value>(answer).ok().map(|mut answer| answer["Item"].take())
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
            if let Some(answer) = read(state).items.get(&key) {
                return answer.clone();
            }
            json!({})
        }
        "PutItem" => {
            put(state, input);
            json!({})
        }
        "TransactWriteItems" => {
            for write in input["TransactItems"].as_array().into_iter().flatten() {
                put(state, &write["Put"]);
            }
            json!({})
        }
        "UpdateItem" => json!({ "Attributes": updated(state, input) }),
        "GenerateDataKey" => {
            let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
            json!({ "CiphertextBlob": key, "Plaintext": key, "KeyId": "key" })
        }
        "Encrypt" => json!({ "CiphertextBlob": input["Plaintext"], "KeyId": "key" }),
        "Decrypt" => json!({ "Plaintext": input["CiphertextBlob"], "KeyId": "key" }),
        "Query" => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
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
        "GetQueueAttributes" => json!({ "Attributes": { "QueueArn": "arn" } }),
        _ => json!({}),
    };
    text.to_string().into_bytes().into()
}

fn put(state: &RwLock<State>, input: &Value) {
    let mut state = write(state);
    if !state.frozen && input["Item"].is_object() {
        let key = place(&input["TableName"], &input["Item"]);
        state.items.insert(key, json!({ "Item": input["Item"] }).to_string().into_bytes().into());
    }
}

/// What an update answers: the item that it is of, or, of a bucket, which is never there, when that
/// is full again.
fn updated(state: &RwLock<State>, input: &Value) -> Value {
    let key = place(&input["TableName"], &input["Key"]);
    let stored = read(state).items.get(&key).cloned();
    let stored = stored.and_then(|answer| serde_json::from_slice::<Value>(&answer).ok());
    stored.map_or_else(
        || json!({ "full_at": input["ExpressionAttributeValues"][":after"] }),
        |mut answer| answer["Item"].take(),
    )
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
