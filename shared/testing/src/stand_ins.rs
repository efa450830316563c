//! The services beside DynamoDB, as far as their callers can tell: queues, mail, texts and secrets take what they are
//! given, and buckets keep it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::{
    client::orchestrator::{HttpRequest, HttpResponse},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::json;

use crate::recording::{http_url, service};

/// The objects of all buckets, by bucket and key, e.g. `media/images/1`.
#[derive(Debug, Clone, Default)]
pub struct Objects(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Objects {
    /// Puts an object there.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.all(|all| all.insert(path.to_owned(), bytes));
    }

    /// Which there are, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.all(|all| all.keys().cloned().collect());
        paths.sort_unstable();
        paths
    }

    fn all<T>(&self, work: impl FnOnce(&mut HashMap<String, Vec<u8>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer of a service that is stood in for; `None` if the store is asked.
pub(crate) fn answer(request: &HttpRequest, objects: &Objects) -> Option<HttpResponse> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let answer = match (target.split_once('.'), service(request)) {
        (Some(("AmazonSQS", "SendMessage")), _) => respond(200, json!({ "MessageId": "1" }).to_string()),
        (Some(("AmazonSQS", _)), _) => respond(200, "{}"),
        // Nothing has been written to any secret yet.
        (Some(("secretsmanager", "GetSecretValue")), _) => {
            respond(400, json!({ "__type": "ResourceNotFoundException" }).to_string())
        }
        (Some(("secretsmanager", _)), _) => respond(200, "{}"),
        (_, "ses") => respond(200, json!({ "MessageId": "1" }).to_string()),
        (_, "sns") => respond(
            200,
            "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
        ),
        (_, "s3") => bucket(request, objects),
        _ => return None,
    };
    Some(answer)
}

fn bucket(request: &HttpRequest, objects: &Objects) -> HttpResponse {
    let (path, _) = http_url(request.uri());
    let bytes = || request.body().bytes().expect("an object that is in memory").to_vec();
    match request.method() {
        "PUT" => {
            objects.put(&path, bytes());
            respond(200, "")
        }
        "DELETE" => {
            objects.all(|all| all.remove(&path));
            respond(204, "")
        }
        // The bucket itself.
        "HEAD" if !path.trim_end_matches('/').contains('/') => respond(200, ""),
        _ => match objects.all(|all| all.get(&path).cloned()) {
            Some(bytes) => respond(200, bytes),
            None => respond(404, "<Error><Code>NoSuchKey</Code></Error>"),
        },
    }
}

fn respond(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    let (status, body) = (StatusCode::try_from(status).expect("a status"), body.into());
    let length = body.len().to_string();
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-length", length);
    response
}
