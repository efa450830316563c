//! `POST /me/totp`: anyone who is signed in is given a secret for an app that makes codes.
//!
//! Nothing is stored: the client brings the encrypted secret back, with a first code, to
//! `PUT /me/second-step`.

use api::{
    App, Json, Limiter, Problem, ProblemBody, SignedIn, limits,
    openapi::{LimitProblems, SignedInProblems, StoreProblems},
    totp,
};
use axum::extract::State;
use serde::Serialize;
use storage::field_cipher::Field;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A secret for an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotpEnrolment)]
pub struct Response {
    /// For those who type it in; base 32.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// For a QR code.
    #[schema(
        example = "otpauth://totp/NannyRadar:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=NannyRadar"
    )]
    uri: String,
    /// The secret, encrypted; goes back with the first code.
    enrolment: String,
}

/// Makes a secret for an app.
#[utoipa::path(
    post, path = "/me/totp", operation_id = "enrol_totp", tag = "Me", security(("access_token" = [])),
    responses(
        (status = 200, description = "Show it to the app, then switch the second step on", body = Response),
        (status = 409, description = "`email_unverified`: the caller's address is not verified", body = ProblemBody,
         content_type = "application/problem+json"),
        SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn enrol_totp(
    State(app): State<App>,
    caller: SignedIn,
    limiter: Limiter,
) -> Result<Json<Response>, Problem> {
    limiter.admit(&limits::SESSIONS, &caller.session_id.to_string()).await?;
    let user = caller.verified_user(&app).await?;
    let plain = totp::generate_secret();
    let field = Field { user_id: user.id, name: totp::FIELD };
    let enrolment = app.cipher()?.seal(field, &plain).await?;
    let (secret, uri) = totp::enrolment(&plain, &user.email)?;
    Ok(Json(Response { secret, uri, enrolment }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(enrol_totp))
}
