//! `POST /me/email`: anyone who is signed in wants another address. It takes the place of theirs when
//! they have proved to read mail there; until then nothing changes. Announces
//! [`Fact::EmailChangeRequested`].
//!
//! The answer is the same whether or not the address has an account.

use api::{
    App, Json, Limiter, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, LimitProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    email::EmailAddress,
    event::{Event, Fact},
};
use serde::{Deserialize, Serialize};
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmed;

/// The address, and the password that shows that it is the caller who wants it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeEmailRequest)]
pub struct Request {
    /// The new address.
    #[schema(example = "ada@example.org", format = "email", max_length = 254)]
    email: String,
    /// The caller's password.
    #[schema(example = "correct horse battery staple", format = "password", max_length = 128)]
    password: String,
}

/// The request was taken; a mail to the new address says the rest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeEmailResponse)]
pub struct Response {
    /// The address that waits to be proved.
    #[schema(example = "ada@example.org")]
    pending_email: String,
}

/// Asks for another address.
#[utoipa::path(
    post, path = "/me/email", operation_id = "change_email", tag = "Me", security(("access_token" = [])),
    // An Argon2 hash takes a core for about 100 ms: 50 a second are 5 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = Request,
    responses(
        (status = 202, description = "Taken; an email goes to the new address", body = Response),
        (status = 409, description = "`email_changed_recently`: the last change can still be reverted, or the account \
         changed at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn change_email(
    State(app): State<App>,
    caller: SignedIn,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<(StatusCode, Json<Response>), Problem> {
    let now = app.now();
    let email = EmailAddress::parse(&request.email)
        .map_err(|violation| Problem::invalid_field("/email", violation))?;
    confirmed::credentials(&app, &limiter, caller, "/password", &request.password).await?;
    let user = caller.user(&app).await?;
    if email == user.email {
        return Err(Problem::invalid_field("/email", Violation::new("unchanged", "is your address already")));
    }
    // A thief who could change the address twice would take the revert from its owner.
    // Also before the claim on the previous address is released, since a user has one previous address.
    if let Some(previous) = &user.previous_email {
        let detail =
            format!("The address was changed lately; it can be changed again from {}.", previous.until);
        return Err(Problem::new(StatusCode::CONFLICT, "email_changed_recently", detail));
    }
    limiter.admit(&limits::EMAIL_CHANGE, email.as_str()).await?;
    let before = user.version;
    let user = user.with_pending_email(email.clone());
    let trail = Entry::by_self(user.id, Action::EmailChangeRequested, now, meta.origin());
    let event = Event::new(Fact::EmailChangeRequested { user_id: user.id, epoch: user.epoch }, now);
    caller.tables(&app).request_email_change(user, before, &trail, &event).await?;
    Ok((StatusCode::ACCEPTED, Json(Response { pending_email: email.as_str().to_owned() })))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change_email))
}
