use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use api::{App, Clock, RequestMeta, Settings, tokens};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use storage::{Tables, signing_secret::PrivateKeys};
use testing::{Dynamo, TABLES};
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery staple";

/// The service and a client of it.
pub struct Client {
    pub tables: Tables,
    pub dynamo: Dynamo,
    pub settings: Settings,
    pub keys: PrivateKeys,
    router: Router,
    seconds: Arc<AtomicI64>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The status, the problem's code, and the pointers of its fields.
    pub fn problem(&self) -> (u16, &str, Vec<&str>) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let errors = self.body["errors"].as_array().unwrap();
        let pointers = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        (self.status.as_u16(), self.body["code"].as_str().unwrap(), pointers)
    }
}

impl Client {
    pub async fn start() -> Self {
        let dynamo = Dynamo::start().await;
        let [main, ephemeral, audit] = TABLES.map(String::from);
        let tables = Tables::new(dynamo.client.clone(), main, ephemeral, audit);
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let read = seconds.clone();
        let clock = Clock::of(move || Timestamp::from_second(read.load(Ordering::SeqCst)).unwrap());
        let settings = Settings {
            issuer: "https://api.test".into(),
            audience: "nannyradar".into(),
            allowed_origins: vec!["https://app.test".into()],
            unverified_for: SignedDuration::from_hours(7 * 24),
        };
        let (public, private) = tokens::generate_key(clock.now()).unwrap();
        let set = tables.token_keys().await.unwrap();
        let mut keys = PrivateKeys::default();
        keys.replace(public.kid.clone(), private, |_| true);
        tables.publish_token_keys(&set.publish(public, clock.now()), 0).await.unwrap();
        let signer = tokens::Signer::from_keys(keys.clone());
        let app = App::new(dynamo.config.clone(), settings.clone(), clock, tables.clone(), Some(signer));
        Self { router: api::service(conformance::routes(), app), tables, dynamo, settings, keys, seconds }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::SeqCst)).unwrap()
    }

    pub fn turn_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.call_with(method, path, token, body, &[]).await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let meta = RequestMeta {
            request_id: "req-1".into(),
            source_ip: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77))),
        };
        let mut request = Request::builder().method(method).uri(path).extension(meta);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            Value::String(raw) => request.header(header::CONTENT_TYPE, "application/json").body(raw.into()),
            body => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string().into()),
        };
        self.send(request.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, None, body).await
    }

    pub async fn register(&self, email: &str) -> Answer {
        let body = json!({ "role": "parent", "email": email, "password": PASSWORD, "name": "Ada Lovelace" });
        self.post("/auth/register", body).await
    }

    /// Registers and signs in; the access and the refresh token.
    pub async fn sign_in(&self, email: &str) -> (String, String) {
        assert_eq!(self.register(email).await.status, 202);
        let answer = self.post("/auth/login", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        pair(&answer)
    }

    pub async fn items(&self, table: &str) -> Vec<Value> {
        let found = self.dynamo.client.scan().table_name(table).send().await.unwrap();
        found.items().iter().map(|item| serde_dynamo::from_item(item.clone()).unwrap()).collect()
    }
}

/// The access and the refresh token of an answer.
pub fn pair(answer: &Answer) -> (String, String) {
    let token = |name: &str| answer.body[name].as_str().unwrap().to_owned();
    (token("access_token"), token("refresh_token"))
}
