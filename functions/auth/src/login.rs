//! `POST /auth/login`: anyone with an account signs in.
//!
//! An unknown address and a wrong password get the same answer, and both cost a password's hash, so
//! that its time tells little. A failure goes into the audit trail of the account, if there is one.

use api::{
    App, Fields, Json, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, StoreProblems},
    passwords,
    tokens::RefreshToken,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::{email::EmailAddress, password::Password, session::Session};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::token_pair::TokenPair;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoginRequest)]
pub struct Request {
    /// The account's address.
    #[schema(example = "ada@example.org", format = "email", max_length = 254)]
    email: String,
    /// The account's password.
    #[schema(example = "correct horse battery staple", format = "password", max_length = 128)]
    password: String,
}

/// Signs in.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "create_session", tag = "Identity",
    request_body = Request,
    responses(
        (status = 200, description = "Signed in", body = TokenPair),
        (status = 401, description = "The address and the password do not belong together", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, StoreProblems,
    ),
)]
async fn create_session(
    State(app): State<App>,
    meta: RequestMeta,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Result<Json<TokenPair>, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let email = fields.take("/email", EmailAddress::parse(&request.email));
    let password = fields.take("/password", Password::parse(&request.password));
    let (Some(email), Some(password)) = (email, password) else { return Err(fields.into_problem()) };

    let credentials = app.tables().credentials(&email).await?;
    let matches = passwords::verify(&password, credentials.as_ref().map(|c| c.password_hash.as_str()));
    let Some(credentials) = credentials else { return Err(invalid_credentials()) };
    let trail =
        |action| Entry { subject: credentials.user_id, action, at: now, origin: meta.origin(&headers) };
    if !matches {
        app.tables().record(&trail(Action::SignInFailed)).await?;
        return Err(invalid_credentials());
    }
    let secret = RefreshToken::secret();
    let session = Session::start(credentials.user_id, credentials.role, RefreshToken::hash_of(&secret), now);
    let pair = TokenPair::issue(&app, &session, secret, now).await?;
    app.tables().start_session(&session, &trail(Action::SignedIn)).await?;
    Ok(Json(pair))
}

fn invalid_credentials() -> Problem {
    let detail = "The address and the password do not belong together.";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_session))
}
