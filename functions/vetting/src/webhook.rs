//! `POST /webhooks/background-check`: whoever checks sitters for us tells how it went. Who says so is proved by a signature,
//! by the [Standard Webhooks](https://www.standardwebhooks.com) specification. An event that comes again changes nothing.
//!
//! That a check is clear verifies it, as an admin would. That something is known against the sitter counts wherever the
//! check stands, and whatever others say: from [`Fact::SitterDiscredited`](domain::event::Fact::SitterDiscredited) it
//! follows that every admin gets a mail.

use api::{App, Problem, ProblemBody, RawBody, openapi::StoreProblems};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::{
    Violation,
    id::{self, CertificateId},
    sitter::{Record, today},
    vetting::{Certificate, Event, Kind, State as Standing},
};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use standardwebhooks::Webhook;
use storage::audit::{Action, Entry, Origin};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How a check went. What else the provider tells is ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = BackgroundCheckResult)]
pub struct Body {
    /// The background check, as we have named it to the provider.
    #[schema(example = "crd_01h455vb4pex5vsknk084sn02q")]
    certificate_id: String,
    /// `clear`: nothing is known against the sitter. `adverse`: something is, or the number is not theirs.
    #[schema(example = "clear", pattern = "^(clear|adverse)$")]
    result: String,
}

/// Hears how a background check went.
#[utoipa::path(
    post, path = "/webhooks/background-check", operation_id = "hear_background_check", tag = "Credentials",
    // One signature and one write: 1000 a second of 30 ms each are 30 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [1000, 2000] }))),
    params(("webhook-id" = String, Header, description = "The event's name"),
     ("webhook-timestamp" = String, Header, description = "When it was signed, in seconds"),
     ("webhook-signature" = String, Header, description = "The signatures")),
    request_body = Body,
    responses(
        (status = 204, description = "It was noted, now or before"),
        (status = 400, description = "It is not signed by the provider, or cannot be read", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such background check", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It stands where this cannot be, or changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 415, description = "The body is compressed", body = ProblemBody,
         content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
async fn hear_background_check(
    State(app): State<App>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<StatusCode, Problem> {
    let webhook = Webhook::new(app.background_check_secret().await?.expose_secret()).map_err(|_| {
        tracing::error!("the provider's secret is not in base64");
        Problem::internal()
    })?;
    webhook.verify(&body.0, &headers).map_err(|error| {
        tracing::warn!(%error, "a webhook is not the provider's");
        let detail = "This is not signed by the provider, or not now.";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_signature", detail)
    })?;
    let (id, is_clear) = parse(&body)?;
    let certificate = app.tables().certificate(id).await?;
    let check = certificate.filter(|certificate| certificate.details.kind == Kind::BackgroundCheck);
    let check = check.ok_or_else(Problem::not_found)?;
    match decision(check.state, is_clear) {
        Some((event, action)) => decide(&app, check, event, action, app.now()).await?,
        // Told before, or about one that is over.
        None => tracing::info!(certificate = %id, "nothing new of a background check"),
    }
    Ok(StatusCode::NO_CONTENT)
}

fn parse(body: &RawBody) -> Result<(CertificateId, bool), Problem> {
    let body: Body = body.json()?;
    let id = id::parse(&body.certificate_id)
        .map_err(|violation| Problem::invalid_field("/certificate_id", violation))?;
    match body.result.as_str() {
        "clear" => Ok((id, true)),
        "adverse" => Ok((id, false)),
        _ => {
            let violation = Violation::new("invalid_result", "must be clear or adverse");
            Err(Problem::invalid_field("/result", violation))
        }
    }
}

/// What a result means for a check that stands there; `None` where it is known.
fn decision(state: Standing, is_clear: bool) -> Option<(Event, Action)> {
    match (state, is_clear) {
        (Standing::Submitted, true) => Some((Event::Verify, Action::CredentialVerified)),
        (Standing::Discredited, _) | (_, true) => None,
        (_, false) => Some((Event::Discredit, Action::CredentialDiscredited)),
    }
}

async fn decide(
    app: &App,
    check: Certificate,
    event: Event,
    action: Action,
    now: Timestamp,
) -> Result<(), Problem> {
    let user_id = check.user_id;
    let decided = check.after(event, today(now)).map_err(|refused| {
        Problem::new(StatusCode::CONFLICT, "wrong_state", format!("It cannot be done: {refused}."))
    })?;
    let record = app.tables().sitter_record(user_id).await?.unwrap_or_else(|| Record::new(user_id));
    let trail = Entry::by_nobody(user_id, action, now, Origin::default());
    app.tables().decide_certificate(&decided, decided.mark(record).as_ref(), &trail).await?;
    Ok(())
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(hear_background_check))
}
