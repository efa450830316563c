//! `PATCH /me`: anyone who is signed in changes their own account.

use api::{
    App, Fields, IfMatch, Json, Limiter, Problem, ProblemBody, SignedIn, limits,
    openapi::{BodyProblems, LimitProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::{display_name::DisplayName, locale::Locale, time_zone::TimeZoneName, user::Changes};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::profile::{self, Profile};

/// A JSON Merge Patch (RFC 7396): what is left out stays. None of these can be removed, so `null`
/// is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateMeRequest)]
pub struct Request {
    /// What others see.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "Ada King", min_length = 1, max_length = 80)]
    name: Option<String>,
    /// A BCP 47 language tag.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "en-GB", max_length = 35)]
    locale: Option<String>,
    /// An IANA time zone.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "Europe/London")]
    time_zone: Option<String>,
}

/// Changes the caller's account.
#[utoipa::path(
    patch, path = "/me", operation_id = "update_me", tag = "Me", security(("access_token" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body(content = Request, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The account after the change", body = Profile,
         headers(("ETag" = String, description = "Its version"))),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn update_me(
    State(app): State<App>,
    caller: SignedIn,
    if_match: IfMatch,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    let changes = parse(&request)?;
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let user = caller.user(&app).await?;
    let before = user.version;
    if_match.check(before)?;
    let user = changes.apply(user);
    if user.version != before {
        caller.tables(&app).save_user(user.clone(), before, app.now()).await?;
    }
    profile::answer(&app, user).await
}

fn parse(request: &Request) -> Result<Changes, Problem> {
    let mut fields = Fields::default();
    let name = fields.take_optional("/name", request.name.as_deref().map(DisplayName::parse));
    let locale = fields.take_optional("/locale", request.locale.as_deref().map(Locale::parse));
    let time_zone = fields.take_optional("/time_zone", request.time_zone.as_deref().map(TimeZoneName::parse));
    match (name, locale, time_zone) {
        (Some(name), Some(locale), Some(time_zone)) => Ok(Changes { name, locale, time_zone }),
        _ => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(update_me))
}
