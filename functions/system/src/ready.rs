//! `GET /health/ready`: anyone asks whether everything that the service depends on answers.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use api::{App, Json};
use axum::{Extension, extract::State, http::StatusCode};
use jiff::{SignedDuration, Timestamp};
use messaging::{email::Mailer, queue::Queue, sms::Texter};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A dependency that has not answered by then counts as down: the whole answer takes two seconds at
/// most, and they are asked side by side.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How long an answer is given again, good or bad. Anonymous callers could otherwise have each of their requests
/// answered by Stripe, SES and SNS, whose limits the rest of the service shares.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(20);

/// The last answer of this process. The lock is held while the dependencies are asked, so that concurrent requests wait
/// for that answer and do not ask again.
#[derive(Debug, Clone, Default)]
struct LastAnswer(Arc<Mutex<Option<(Timestamp, Response)>>>);

/// What the service depends on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub struct Response {
    /// `ready`, or `degraded` if anything is down.
    #[schema(example = "ready")]
    status: &'static str,
    /// One for each.
    checks: Vec<Check>,
}

/// One dependency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Check {
    /// `dynamodb`, `s3`, `sqs`, `ses`, `sns` or `stripe`.
    #[schema(example = "dynamodb")]
    name: &'static str,
    /// `up` or `down`.
    #[schema(example = "up")]
    state: &'static str,
    /// How long it took to answer, in milliseconds.
    #[schema(example = 4)]
    latency_ms: u64,
}

/// Tells whether everything that the service depends on answered within the last 20 seconds.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "get_readiness", tag = "Operations",
    responses(
        (status = 200, description = "Everything answers", body = Response),
        (status = 503, description = "Something does not; `checks` names it", body = Response),
    ),
)]
async fn get_readiness(
    State(app): State<App>,
    Extension(last): Extension<LastAnswer>,
) -> (StatusCode, Json<Response>) {
    let mut last = last.0.lock().await;
    let now = app.now();
    let response = match &*last {
        Some((at, response)) if now.duration_since(*at) < FRESH_FOR => response.clone(),
        _ => last.insert((now, ask(&app).await)).1.clone(),
    };
    let is_ready = response.checks.iter().all(|check| check.state == "up");
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(response))
}

async fn ask(app: &App) -> Response {
    let (dynamodb, s3, sqs, ses, sns, stripe) = tokio::join!(
        check("dynamodb", async { app.tables().ping().await }),
        check("s3", async { app.files()?.ping().await }),
        check("sqs", async {
            let queue = Queue::from_env(app.aws(), "EMAIL_QUEUE_URL").map_err(|e| e.to_string())?;
            queue.ping().await.map_err(|e| e.to_string())
        }),
        check("ses", Mailer::ping(app.aws())),
        check("sns", Texter::ping(app.aws())),
        check("stripe", async {
            let stripe = app.stripe().await.map_err(|error| error.to_string())?;
            stripe.ping().await.map_err(|error| error.to_string())
        }),
    );
    let checks = vec![dynamodb, s3, sqs, ses, sns, stripe];
    let is_ready = checks.iter().all(|check| check.state == "up");
    Response { status: if is_ready { "ready" } else { "degraded" }, checks }
}

async fn check<E: Display>(name: &'static str, ask: impl Future<Output = Result<(), E>>) -> Check {
    let started = Instant::now();
    let state = match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(())) => "up",
        Ok(Err(error)) => {
            tracing::error!(name, %error, "dependency down");
            "down"
        }
        Err(_) => {
            tracing::error!(name, error = "timeout", "dependency down");
            "down"
        }
    };
    Check { name, state, latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_readiness)).layer(Extension(LastAnswer::default()))
}
