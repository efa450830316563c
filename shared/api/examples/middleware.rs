//! What the stack around a handler costs: processor time per request, with a verified token, headers
//! and a line in the log, and without limits, over the same handler alone. `scripts/bench middleware`
//! runs it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first thing that is wrong"
)]

use std::{net::Ipv4Addr, time::Duration};

use api::{App, Clock, RequestMeta, Settings, SignedIn, secrets, tokens};
use axum::{Router, body::Body, http::Request, routing::get};
use cpu_time::ProcessTime;
use domain::{
    role::Role,
    session::{Client, Session},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use storage::{Tables, signing_secret::PrivateKeys};
use testing::{Dynamo, TABLES};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

const ROUNDS: usize = 41;
const REQUESTS: u32 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // As functions log, into nothing.
    tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_writer(std::io::sink).init();
    let dynamo = Dynamo::start().await;
    let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
    let settings = Settings {
        issuer: "urn:nannyradar:bench".into(),
        audience: "nannyradar-api".into(),
        app_url: "https://app.nannyradar.example".into(),
        allowed_origins: vec!["https://app.nannyradar.example".into()],
        unverified_for: SignedDuration::from_hours(1),
        sms_countries: Vec::new(),
        sms_per_day: 0,
        ip_limit_factor: 1,
    };
    let now = Timestamp::now();
    let (public, private) = tokens::generate_key(now).unwrap();
    let mut keys = PrivateKeys::default();
    keys.replace(public.kid.clone(), private, |_| true);
    let published = tables.token_keys().await.unwrap().publish(public, now);
    tables.publish_token_keys(&published, 0).await.unwrap();
    let signer = tokens::Signer::from_keys(keys);
    let secret = secrets::Secret::generate();
    let session = Session::start(
        domain::id::new(now),
        Role::Parent,
        domain::epoch::Epoch::FIRST,
        secret.token(),
        Client::default(),
        now,
    );
    let token = signer.sign(&tables, &settings, &session, now).await.unwrap();

    // A clock that stands: reading keys and revocations again is not what is measured.
    let app = App::new(dynamo.config.clone(), settings, Clock::of(move || now), tables, None);
    let bare: Router = Router::new().route("/", get(async || "ok"));
    let open = api::service(OpenApiRouter::new().route("/", get(async || "ok")), app.clone());
    let guarded = api::service(OpenApiRouter::new().route("/", get(async |_: SignedIn| "ok")), app);

    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (router, times) in [&bare, &open, &guarded].into_iter().zip(&mut times) {
            times.push(measure(router, &token).await);
        }
    }
    let [bare, open, guarded] = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64() * 1e6 / f64::from(REQUESTS)
    });
    println!("{bare:.1} {open:.1} {guarded:.1}");
}

async fn measure(router: &Router, token: &str) -> Duration {
    let began = ProcessTime::now();
    for _ in 0..REQUESTS {
        let meta = RequestMeta {
            request_id: "11111111-2222-4333-8444-555555555555".into(),
            source_ip: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
            user_agent: None,
        };
        let request = Request::get("/")
            .header("authorization", format!("Bearer {token}"))
            .header("origin", "https://app.nannyradar.example")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
            .extension(meta)
            .body(Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success());
        response.into_body().collect().await.unwrap();
    }
    began.elapsed()
}
