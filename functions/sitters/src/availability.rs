//! `GET /sitters/{id}/availability`: when a sitter can be booked: when they work, without what is taken of it. By whom
//! it is taken is not told, and a booking that is accepted meanwhile shows with the next version.

use api::{
    App, CachedQuery, Fields, IfNoneMatch, PathId, Problem, ProblemBody,
    openapi::{ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{Violation, availability::Span, booking::claims, id::UserTag, search::Index};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::query::span;

/// The range.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// From when on, by RFC 3339.
    #[param(value_type = String, required, format = DateTime, example = "2026-12-01T00:00:00Z", nullable = false)]
    starts_at: Option<String>,
    /// Until when: at most 62 days later.
    #[param(value_type = String, required, format = DateTime, example = "2026-12-08T00:00:00Z", nullable = false)]
    ends_at: Option<String>,
}

/// When a sitter can be booked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookableTimes)]
pub struct View {
    /// The clock on the sitter's wall, an IANA time zone.
    #[schema(example = "Europe/London")]
    time_zone: String,
    /// In order and apart from each other; those that are over are left out.
    items: Vec<Slot>,
}

/// Time on end.
#[derive(Debug, Serialize, ToSchema)]
pub struct Slot {
    /// The first moment.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// The moment after the last.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
}

/// Two months, as a calendar shows them.
const LONGEST: SignedDuration = SignedDuration::from_hours(62 * 24);
const MAX_AGE: u32 = 60;

/// Tells when a sitter can be booked.
#[utoipa::path(
    get, path = "/sitters/{id}/availability", operation_id = "get_sitter_availability", tag = "Sitters",
    // The stage keeps a refusal as long as an answer, so it is short.
    extensions(("x-gateway" = json!({ "cache_seconds": 60 }))),
    params(("id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q"), Parameters,
     ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "The times; they may be kept for a minute", body = View,
         headers(("ETag" = String, description = "Their version"))),
        (status = 304, description = "The client has them"),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, StoreProblems,
    ),
)]
async fn get_sitter_availability(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    PathId(id): PathId<UserTag>,
    CachedQuery(parameters): CachedQuery<Parameters>,
) -> Result<Response, Problem> {
    let (within, now) = (parse(&parameters)?, app.now());
    let view = app.search().view(id, now).await?.ok_or_else(Problem::not_found)?;
    let availability = view.card.availability;
    let free = claims::free(availability.slots(within), &app.tables().taken(id, within).await?);
    let slot = |slot: Span| Slot { starts_at: slot.start, ends_at: slot.end };
    // A card knows the days off to come only. What is going on stays whole, for the answer's version to last.
    let items = free.into_iter().filter(|slot| slot.end > now).map(slot).collect();
    if_none_match.json(MAX_AGE, &View { time_zone: availability.zone.into(), items })
}

fn parse(parameters: &Parameters) -> Result<Span, Problem> {
    let mut fields = Fields::default();
    let within = span(&mut fields, parameters.starts_at.as_deref(), parameters.ends_at.as_deref(), LONGEST);
    match within {
        Some(Some(within)) => Ok(within),
        Some(None) => {
            let required = || Violation::new("required", "must be given");
            fields.take::<Span>("starts_at", Err(required()));
            fields.take::<Span>("ends_at", Err(required()));
            Err(fields.into_problem())
        }
        None => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_sitter_availability))
}
