//! `POST /me/credentials`: a sitter hands in a certificate, for an admin to verify.

use api::{
    App, Fields, Json, Problem, ProblemBody, Sitter,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::vetting::{self, Details, Issuer, Kind, Reference, Title};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::certificate::{self, View};

/// A certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateCredentialRequest)]
pub struct Request {
    /// `first_aid`, `paediatric_first_aid`, `childcare`, `driving` or `food_hygiene`. A background check
    /// goes to `POST /me/background-check`.
    #[schema(
        example = "first_aid",
        pattern = "^(first_aid|paediatric_first_aid|childcare|driving|food_hygiene)$"
    )]
    kind: String,
    /// What it is called.
    #[schema(example = "Emergency First Aid at Work", min_length = 1, max_length = 100)]
    title: String,
    /// Who has issued it.
    #[schema(example = "British Red Cross", min_length = 1, max_length = 100)]
    issuer: String,
    /// The number under which its issuer knows it.
    #[schema(example = "EFAW-2026-0042", min_length = 1, max_length = 64)]
    reference: String,
    /// On which day.
    #[schema(example = "2026-02-01", format = "date")]
    issued_on: String,
    /// The last day on which it is good, if there is one.
    #[serde(default)]
    #[schema(example = "2029-01-31", format = "date")]
    expires_on: Option<String>,
}

/// Hands in a certificate.
#[utoipa::path(
    post, path = "/me/credentials", operation_id = "create_credential", tag = "Credentials",
    security(("access_token" = [])),
    request_body = Request,
    responses(
        (status = 201, description = "Handed in; an admin looks at it", body = View),
        (status = 409, description = "There are 30 already that are submitted or verified, or another was handed in at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn create_credential(
    State(app): State<App>,
    Sitter(caller): Sitter,
    Json(request): Json<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let now = app.now();
    // It is work for an admin. What was issued today has today's date by the sitter's calendar.
    let sitter = caller.verified_user(&app).await?;
    let (details, reference) = parse(&request, sitter.time_zone.today(now))?;
    let folder = app.tables().folder(caller.user_id).await?;
    let certificate = certificate::submit(&app, caller, folder, details, &reference, now).await?;
    Ok((StatusCode::CREATED, Json(certificate.into())))
}

fn parse(request: &Request, today: Date) -> Result<(Details, Reference), Problem> {
    let mut fields = Fields::default();
    let kind = fields.take("/kind", Kind::parse(&request.kind));
    let title = fields.take("/title", Title::parse(&request.title));
    let issuer = fields.take("/issuer", Issuer::parse(&request.issuer));
    let reference = fields.take("/reference", Reference::parse(&request.reference));
    let issued_on = fields.take("/issued_on", vetting::issued_on(&request.issued_on, today));
    let expires_on = request.expires_on.as_deref().map(|raw| vetting::expires_on(raw, today));
    let expires_on = fields.take_optional("/expires_on", expires_on);
    match (kind, title, issuer, reference, issued_on, expires_on) {
        (Some(kind), Some(title), Some(issuer), Some(reference), Some(issued_on), Some(expires_on)) => {
            Ok((Details { kind, title, issuer, issued_on, expires_on }, reference))
        }
        _ => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_credential))
}
