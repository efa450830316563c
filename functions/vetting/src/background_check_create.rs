//! `POST /me/background-check`: a sitter hands in a background check, for an admin to verify. Nobody is
//! listed without.

use api::{
    App, Fields, Json, Problem, ProblemBody, Sitter,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    sitter::Record,
    vetting::{self, Details, Folder, Issuer, Kind, Reference, Title},
};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::certificate::{self, Check};

/// A background check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateBackgroundCheckRequest)]
pub struct Request {
    /// What it is called.
    #[schema(example = "Enhanced DBS check", min_length = 1, max_length = 100)]
    title: String,
    /// Who has issued it.
    #[schema(example = "Disclosure and Barring Service", min_length = 1, max_length = 100)]
    issuer: String,
    /// The number under which its issuer knows it.
    #[schema(example = "001234567890", min_length = 1, max_length = 64)]
    reference: String,
    /// On which day.
    #[schema(example = "2026-02-01", format = "date")]
    issued_on: String,
    /// The last day on which it is good: after `issued_on`, and at most three years later.
    #[schema(example = "2027-01-31", format = "date")]
    expires_on: String,
}

/// Hands in a background check.
#[utoipa::path(
    post, path = "/me/background-check", operation_id = "create_background_check", tag = "Credentials",
    security(("access_token" = [])),
    request_body = Request,
    responses(
        (status = 201, description = "Handed in; an admin looks at it", body = Check),
        (status = 409, description = "There is one that is good for another 60 days or that an admin is to look at, or there are 30 \
         certificates already that are submitted or verified, or another was handed in at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn create_background_check(
    State(app): State<App>,
    Sitter(caller): Sitter,
    Json(request): Json<Request>,
) -> Result<(StatusCode, Json<Check>), Problem> {
    let now = app.now();
    // It is work for an admin. What was issued today has today's date by the sitter's calendar.
    let today = caller.verified_user(&app).await?.time_zone.today(now);
    let (details, reference) = parse(&request, today)?;
    let folder = app.tables().folder(caller.user_id).await?;
    refuse_second(&app, &folder, today).await?;
    let check = certificate::submit(&app, caller, folder, details, &reference, now).await?;
    Ok((StatusCode::CREATED, Json(Check::new(check, reference))))
}

/// One that is closed stays closed, and the folder is stored as it was read here: so there are never two
/// that wait for an admin.
async fn refuse_second(app: &App, folder: &Folder, today: Date) -> Result<(), Problem> {
    let Some(id) = folder.background_check else { return Ok(()) };
    let Some(latest) = app.tables().certificate(id).await? else { return Ok(()) };
    let record = app.tables().sitter_record(folder.user_id).await?;
    let record = record.unwrap_or_else(|| Record::new(folder.user_id));
    if latest.may_be_renewed(&record, today) {
        return Ok(());
    }
    let detail =
        "There is a background check that is good for another 60 days, or that we are still to look at.";
    Err(Problem::new(StatusCode::CONFLICT, "background_check_open", detail))
}

fn parse(request: &Request, today: Date) -> Result<(Details, Reference), Problem> {
    let mut fields = Fields::default();
    let title = fields.take("/title", Title::parse(&request.title));
    let issuer = fields.take("/issuer", Issuer::parse(&request.issuer));
    let reference = fields.take("/reference", Reference::parse(&request.reference));
    let issued_on = fields.take("/issued_on", vetting::issued_on(&request.issued_on, today));
    let expires_on = vetting::check_expires_on(&request.expires_on, issued_on, today);
    let expires_on = fields.take("/expires_on", expires_on);
    match (title, issuer, reference, issued_on) {
        (Some(title), Some(issuer), Some(reference), Some(issued_on)) if expires_on.is_some() => {
            let kind = Kind::BackgroundCheck;
            Ok((Details { kind, title, issuer, issued_on, expires_on }, reference))
        }
        _ => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_background_check))
}
