//! `GET /admin/audit`: an admin reads what happened to a person, or what a person has done. That they
//! have read it goes into the trail as well.

use api::{
    Admin, App, Fields, Json, Problem, Query, RequestMeta,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    Violation,
    id::{self, AuditTag},
    page::Limit,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::audit::{Action, By, Entry, Recorded};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Whose entries, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// What happened to this person. Either this or `actor`.
    #[param(example = "usr_01h455vb4pex5vsknk084sn02q", nullable = false)]
    subject: Option<String>,
    /// What this person has done.
    #[param(nullable = false)]
    actor: Option<String>,
    /// How many entries at most, 1 to 100; 50 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// A page of the trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub struct Response {
    /// The latest comes first.
    items: Vec<View>,
    /// For the next page, if there is one.
    next_cursor: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct View {
    /// Its identity.
    #[schema(example = "aud_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What.
    #[schema(value_type = String, example = "signed_in")]
    action: Action,
    /// To whom.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    subject: String,
    /// Who did it, if that is known.
    actor: Option<String>,
    /// In which booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: Option<String>,
    /// What became of the booking.
    #[schema(example = "accept")]
    booking_event: Option<&'static str>,
    /// Why, in the words of whoever did it.
    reason: Option<String>,
    /// The network that the request came from.
    #[schema(example = "203.0.113.0/24")]
    ip_prefix: Option<String>,
    /// What the client said that it is.
    user_agent: Option<String>,
    /// By which the logs can be searched.
    request_id: Option<String>,
}

impl From<Recorded> for View {
    fn from(recorded: Recorded) -> Self {
        let Recorded { id, entry } = recorded;
        Self {
            id: id.to_string(),
            at: entry.at,
            action: entry.action,
            subject: entry.subject.to_string(),
            actor: entry.actor.map(|actor| actor.to_string()),
            booking_id: entry.booking.map(|(id, _)| id.to_string()),
            booking_event: entry.booking.map(|(_, news)| news.name()),
            reason: entry.reason,
            ip_prefix: entry.origin.ip_prefix,
            user_agent: entry.origin.user_agent,
            request_id: entry.origin.request_id,
        }
    }
}

/// Reads the audit trail, by subject or by actor.
#[utoipa::path(
    get, path = "/admin/audit", operation_id = "read_audit_trail", tag = "Administration",
    security(("access_token" = [])), params(Parameters),
    responses(
        (status = 200, description = "A page of entries", body = Response),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn read_audit_trail(
    State(app): State<App>,
    Admin(caller): Admin,
    meta: RequestMeta,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Response>, Problem> {
    let now = app.now();
    let (by, limit) = parse(&parameters)?;
    let (By::Subject(subject) | By::Actor(subject)) = by;
    let question = format!("audit {by:?}");
    let before = match &parameters.cursor {
        Some(cursor) => Some(
            app.cursors()
                .await?
                .open(&question, cursor)
                .and_then(|position| id::parse::<AuditTag>(&position))
                .map_err(|violation| Problem::invalid_field("cursor", violation))?,
        ),
        None => None,
    };
    // First noted, then shown: nothing is read that is not in the trail.
    let read = Entry {
        subject,
        actor: Some(caller.user_id),
        action: Action::AuditRead,
        booking: None,
        reason: None,
        at: now,
        origin: meta.origin(),
    };
    caller.tables(&app).record(&read).await?;
    let entries = app.tables().trail(by, before, limit.get()).await?;
    let next_cursor = match entries.last().filter(|_| entries.len() == limit.size()) {
        Some(last) => Some(app.cursors().await?.seal(&question, &last.id.to_string())),
        None => None,
    };
    Ok(Json(Response { items: entries.into_iter().map(View::from).collect(), next_cursor }))
}

fn parse(parameters: &Parameters) -> Result<(By, Limit), Problem> {
    let mut fields = Fields::default();
    let by = match (&parameters.subject, &parameters.actor) {
        (Some(raw), None) => fields.take("subject", id::parse(raw)).map(By::Subject),
        (None, Some(raw)) => fields.take("actor", id::parse(raw)).map(By::Actor),
        _ => fields.take("subject", Err(Violation::new("one_of", "must be given, or actor, and not both"))),
    };
    let limit = fields.take("limit", Limit::parse(parameters.limit.as_deref()));
    by.zip(limit).ok_or_else(|| fields.into_problem())
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_audit_trail))
}
