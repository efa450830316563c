//! What is called of AWS: noted, answered where it is not DynamoDB, and, where a test wants it, throttled.

use std::{
    hash::{BuildHasher, RandomState},
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    recording,
    stand_ins::{self, Objects},
};

/// The names of the calls, e.g. `DynamoDB_20120810.GetItem` or `ses POST`, in their order.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>, Objects);

impl Calls {
    /// Those since the last time that this was asked.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the table take none of the next so many transactions.
    pub fn throttle(&self, transactions: usize) {
        self.1.store(transactions, Ordering::SeqCst);
    }

    /// What lies in the buckets.
    pub fn objects(&self) -> &Objects {
        &self.2
    }

    fn is_throttled(&self, target: &str) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        target.ends_with(".TransactWriteItems")
            && self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }

    fn note(&self, target: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(target.to_owned());
    }
}

/// Stands before the connection to the embedded store.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) inner: SharedHttpClient,
    pub(crate) calls: Calls,
}

impl HttpClient for Observed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, calls: self.calls.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    calls: Calls,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        if target.is_empty() {
            self.calls.note(&format!("{} {}", recording::service(&request), request.method()));
        } else {
            self.calls.note(&target);
        }
        recording::record(&request);
        if self.calls.is_throttled(&target) {
            return HttpConnectorFuture::ready(Ok(throttled()));
        }
        match target.strip_prefix("TrentService.") {
            Some(operation) => HttpConnectorFuture::ready(Ok(kms(operation, &request))),
            None => match stand_ins::answer(&request, &self.calls.2) {
                Some(answer) => HttpConnectorFuture::ready(Ok(answer)),
                None => self.inner.call(request),
            },
        }
    }
}

/// As the table answers when more is written than it takes just now.
fn throttled() -> HttpResponse {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{ "Code": "None" }, { "Code": "ThrottlingError" }],
    });
    HttpResponse::new(StatusCode::try_from(400).expect("a status"), SdkBody::from(body.to_string()))
}

/// KMS as far as its callers can tell: what was encrypted opens with the same context and no other.
fn kms(operation: &str, request: &HttpRequest) -> HttpResponse {
    let body: Value =
        request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    let context = &body["EncryptionContext"];
    let seal =
        |plain: &Value| BASE64_STANDARD.encode(json!({ "context": context, "plain": plain }).to_string());
    let answer = match operation {
        "Encrypt" => Some(json!({ "CiphertextBlob": seal(&body["Plaintext"]), "KeyId": body["KeyId"] })),
        "GenerateDataKey" => {
            let plain = json!(BASE64_STANDARD.encode(random_key()));
            Some(json!({ "CiphertextBlob": seal(&plain), "Plaintext": plain, "KeyId": body["KeyId"] }))
        }
        _ => {
            let blob = body["CiphertextBlob"].as_str().and_then(|blob| BASE64_STANDARD.decode(blob).ok());
            let sealed: Option<Value> = blob.and_then(|blob| serde_json::from_slice(&blob).ok());
            sealed
                .filter(|sealed| sealed["context"] == *context)
                .map(|sealed| json!({ "Plaintext": sealed["plain"], "KeyId": body["KeyId"] }))
        }
    };
    let (status, body) = match answer {
        Some(answer) => (200, answer),
        None => (400, json!({ "__type": "InvalidCiphertextException" })),
    };
    let status = StatusCode::try_from(status).expect("a status");
    HttpResponse::new(status, SdkBody::from(body.to_string()))
}

/// 256 bits that nobody has had before; a test needs no better ones.
fn random_key() -> Vec<u8> {
    (0..4u8).flat_map(|part| RandomState::new().hash_one(part).to_be_bytes()).collect()
}
