use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use api::{
    App, Clock, Cursors, KeyedHash, RequestMeta, Settings, passwords,
    secrets::{self, ChallengeToken, LinkToken, Secret},
    tokens,
};
use axum::{
    Router,
    body::Body,
    extract::MatchedPath,
    http::{HeaderMap, Request, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use domain::{
    display_name::DisplayName,
    event::{Event, Fact},
    mail_link::{MailLink, Purpose},
    password::Password,
    role::Role,
    session::Session,
    user::{Standing, User},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use storage::{
    Tables,
    audit::{Action, By, Entry, Origin},
    field_cipher::FieldCipher,
    files::Files,
    signing_secret::PrivateKeys,
};
use testing::{Dynamo, STRIPE_WEBHOOK_SECRET, StripeStub, TABLES, acting_as};
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery staple";
/// What whoever checks sitters signs with.
pub const CHECK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The service and a client of it.
pub struct Client {
    pub tables: Tables,
    pub cipher: FieldCipher,
    pub dynamo: Dynamo,
    pub stripe: StripeStub,
    /// What handlers and workers are given.
    pub app: App,
    pub settings: Settings,
    pub keys: PrivateKeys,
    /// Where requests come from.
    pub ip: Mutex<IpAddr>,
    router: Router,
    milliseconds: Arc<AtomicI64>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    /// The body, as it came.
    pub text: String,
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
        Self::start_with(|_| {}).await
    }

    /// With settings that are changed before it starts.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let milliseconds = Arc::new(AtomicI64::new(1_800_000_000_000));
        let (read, shown) = (milliseconds.clone(), milliseconds.clone());
        // No two moments are the same, so that everything has an order.
        let clock =
            Clock::of(move || Timestamp::from_millisecond(read.fetch_add(1, Ordering::SeqCst)).unwrap());
        let shown = move || Timestamp::from_millisecond(shown.load(Ordering::SeqCst)).unwrap();
        let stripe = StripeStub::start(shown).await;
        let mut settings = Settings {
            issuer: "https://api.test".into(),
            audience: "nannyradar".into(),
            allowed_origins: vec!["https://app.test".into()],
            unverified_for: SignedDuration::from_hours(7 * 24),
            sms_countries: vec!["GB".into()],
            sms_per_day: 1000,
            ip_limit_factor: 1,
            app_url: "https://app.test".into(),
        };
        change(&mut settings);
        let (public, private) = tokens::generate_key(clock.now()).unwrap();
        let set = tables.token_keys().await.unwrap();
        let mut keys = PrivateKeys::default();
        keys.replace(public.kid.clone(), private, |_| true);
        tables.publish_token_keys(&set.publish(public, clock.now()), 0).await.unwrap();
        let signer = tokens::Signer::from_keys(keys.clone());
        let app = App::new(dynamo.config.clone(), settings.clone(), clock, tables.clone(), Some(signer));
        let cipher = FieldCipher::new(&dynamo.config, "key".into());
        let files = Files::new(&dynamo.config, "uploads".into(), "media".into());
        let app = app.with(files, cipher.clone(), Cursors::new(&SecretString::from("k".repeat(32))));
        let app = app.with_keyed_hash(KeyedHash::new(&SecretString::from("h".repeat(32))));
        let app = app.with_stripe(stripe.client());
        let app = app.with_webhook_secrets(STRIPE_WEBHOOK_SECRET.into(), CHECK_SECRET.into());
        let ip = Mutex::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)));
        Self {
            router: api::service(
                conformance::routes().layer(middleware::from_fn(as_its_function)),
                app.clone(),
            ),
            tables,
            cipher,
            dynamo,
            stripe,
            app,
            settings,
            keys,
            ip,
            milliseconds,
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.fetch_add(1, Ordering::SeqCst)).unwrap()
    }

    pub fn turn_clock(&self, seconds: i64) {
        self.milliseconds.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8(bytes.into()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body, text }
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
        let source_ip = Some(*self.ip.lock().unwrap());
        let meta = RequestMeta { request_id: "req-1".into(), source_ip, user_agent: None };
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

    /// The same, with a verified address.
    pub async fn verified(&self, email: &str) -> (String, String) {
        let tokens = self.sign_in(email).await;
        let user = self.user(email).await;
        let version = user.version;
        let user = User { email_verified: true, due: None, version: version + 1, ..user };
        self.tables.save_user(user, version, self.now()).await.unwrap();
        tokens
    }

    /// The user of that address has verified it.
    pub async fn verify(&self, email: &str) {
        let user = self.user(email).await;
        let before = user.version;
        let verified = User { email_verified: true, due: None, version: before + 1, ..user };
        self.tables.save_user(verified, before, self.now()).await.unwrap();
    }

    /// A fresh sitter whose address is verified; the access token.
    pub async fn sitter(&self, email: &str) -> String {
        let token = self.unverified_sitter(email).await;
        self.verify(email).await;
        token
    }

    /// A fresh sitter; the access token.
    pub async fn unverified_sitter(&self, email: &str) -> String {
        let body = json!({ "role": "sitter", "email": email, "password": PASSWORD, "name": "Mary Poppins" });
        assert_eq!(self.post("/auth/register", body).await.status, 202);
        pair(&self.login(email, PASSWORD).await).0
    }

    /// Switches the second step on, with an app; the recovery codes.
    pub async fn second_step(&self, access: &str) -> Vec<String> {
        let enrolment = self.call("POST", "/me/totp", Some(access), Value::Null).await.body;
        let secret = totp_rs::Secret::try_from_base32(enrolment["secret"].as_str().unwrap()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
        let code = totp.generate(self.now().as_second().try_into().unwrap()).to_string();
        let enrolment = &enrolment["enrolment"];
        let body = json!({ "method": "totp", "password": PASSWORD, "enrolment": enrolment, "code": code });
        let answer = self.call("PUT", "/me/second-step", Some(access), body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let codes = answer.body["recovery_codes"].as_array().unwrap();
        codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
    }

    /// An access token of that sign-in.
    pub async fn token(&self, session: &Session) -> String {
        let signer = tokens::Signer::from_keys(self.keys.clone());
        signer.sign(&self.tables, &self.settings, session, self.now()).await.unwrap()
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, Some(token), Value::Null).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", json!({ "email": email, "password": password })).await
    }

    /// A fresh admin, who cannot register; the access token.
    pub async fn admin(&self, email: &str) -> String {
        let name = DisplayName::parse("Root").unwrap();
        let week = SignedDuration::from_hours(7 * 24);
        let user = User::register(Role::Admin, email.parse().unwrap(), name, week, self.now());
        let event = Event::new(Fact::AdminInvited { user_id: user.id, epoch: user.epoch }, self.now());
        let trail = Entry::by_nobody(user.id, Action::AdminCreated, self.now(), Origin::default());
        let hash = passwords::hash(&Password::parse(PASSWORD).unwrap()).unwrap();
        self.tables.register(user, hash, &event, &trail).await.unwrap();
        pair(&self.login(email, PASSWORD).await).0
    }

    /// The account of that address.
    pub async fn user(&self, email: &str) -> User {
        let owner = self.tables.owner_of(&email.parse().unwrap()).await.unwrap().unwrap();
        self.tables.user(owner).await.unwrap().unwrap()
    }

    /// The token of a link that a mail would bring, as email-send makes it.
    pub async fn link(&self, user: &User, purpose: Purpose, to: &str) -> String {
        let token = LinkToken { user_id: user.id, secret: Secret::generate() };
        let link = MailLink::new(user, purpose, to.parse().unwrap(), token.secret.hash(), self.now());
        self.tables.save_link(&link).await.unwrap();
        token.encode()
    }

    /// The code that a text would bring, as sms-send makes it.
    pub async fn code(&self, user: &User, challenge: Option<&str>) -> String {
        let challenge = challenge.map(|token| ChallengeToken::decode(token).unwrap().id);
        let pending = self.tables.pending(user.id, challenge).await.unwrap().unwrap();
        let code = secrets::generate_code().unwrap();
        self.tables.set_code(&pending, passwords::hash_code(&code).unwrap()).await.unwrap();
        code.expose().to_owned()
    }

    /// The account of that user is suspended, or may be used again. Its version is one more than before.
    pub async fn set_standing(&self, user: &User, suspended: bool) {
        let now = self.now();
        let (standing, fact, action) = if suspended {
            let fact = Fact::AccountSuspended { user_id: user.id };
            (Standing::Suspended { since: now }, fact, Action::Suspended)
        } else {
            (Standing::Active, Fact::AccountReinstated { user_id: user.id }, Action::Reinstated)
        };
        let changed = user.clone().with_standing(standing);
        let trail = Entry::by_nobody(user.id, action, now, Origin::default());
        self.tables.save_standing(changed, user.version, &trail, &Event::new(fact, now)).await.unwrap();
    }

    /// Everything that is stored but limits and kept answers, sorted.
    pub async fn state(&self) -> Vec<String> {
        let mut state = Vec::new();
        for table in ["main", "audit", "ephemeral", "search"] {
            state.extend(self.items(table).await.into_iter().filter(|item| {
                let pk = item["pk"].as_str().unwrap();
                !pk.starts_with("LIMIT#") && !pk.starts_with("IDEMPOTENCY#")
            }));
        }
        let mut state: Vec<_> = state.iter().map(Value::to_string).collect();
        state.sort();
        state
    }

    /// What the audit trail tells, in its order.
    pub async fn actions(&self, user: &User) -> Vec<String> {
        let mut trail = self.tables.trail(By::Subject(user.id), None, 100).await.unwrap();
        trail.reverse();
        trail.iter().map(|recorded| recorded.entry.action.as_ref().to_owned()).collect()
    }

    /// The kinds of the events that were announced, sorted.
    pub async fn events(&self) -> Vec<String> {
        let found = self.dynamo.client.scan().table_name("main").send().await.unwrap();
        let events = found.items().iter().filter_map(|item| item.get("event")?.as_s().ok());
        let mut types: Vec<_> = events
            .map(|event| serde_json::from_str::<Value>(event).unwrap()["type"].as_str().unwrap().to_owned())
            .collect();
        types.sort();
        types
    }

    /// All answers are lost before they are kept.
    pub async fn forget_answers(&self) {
        for item in self.items("ephemeral").await {
            if item["pk"].as_str().unwrap().starts_with("IDEMPOTENCY#") {
                let key = serde_dynamo::to_item(json!({ "pk": item["pk"], "sk": item["sk"] })).unwrap();
                let delete = self.dynamo.client.delete_item().table_name("ephemeral");
                delete.set_key(Some(key)).send().await.unwrap();
            }
        }
    }

    pub async fn items(&self, table: &str) -> Vec<Value> {
        let found = self.dynamo.client.scan().table_name(table).send().await.unwrap();
        // JSON has no bytes, and no test asks for any.
        let readable = found.items().iter().map(|item| {
            let mut item = item.clone();
            item.retain(|_, value| !value.is_b() && !value.is_bs());
            item
        });
        readable.map(|item| serde_dynamo::from_item(item).unwrap()).collect()
    }
}

/// Has the calls of a request recorded as those of the function that serves it.
async fn as_its_function(path: MatchedPath, request: Request<Body>, next: Next) -> Response {
    let route = format!("{} {}", request.method(), path.as_str());
    acting_as(route, next.run(request)).await
}

/// The access and the refresh token of an answer.
pub fn pair(answer: &Answer) -> (String, String) {
    let token = |name: &str| answer.body[name].as_str().unwrap().to_owned();
    (token("access_token"), token("refresh_token"))
}
