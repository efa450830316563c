//! `GET /sitters/suggest`: what somebody who has begun to type may want to type in full.

use api::{
    App, Fields, IfNoneMatch, Limiter, Problem, Query, limits,
    openapi::{LimitProblems, ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    Violation,
    geo::Radius,
    search::{self, Suggestion, Words},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::query::place;

/// What has been typed, and where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The beginning of a word, or of several.
    #[param(value_type = String, required, example = "fre", min_length = 1, max_length = 100, nullable = false)]
    q: Option<String>,
    /// Whose names and words are suggested: of sitters within 10 km of there. With `longitude`; without a
    /// place, skills alone are.
    #[param(value_type = Option<f64>, minimum = -90, maximum = 90, nullable = false)]
    latitude: Option<String>,
    /// In degrees.
    #[param(value_type = Option<f64>, minimum = -180, maximum = 180, nullable = false)]
    longitude: Option<String>,
}

/// What may be meant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suggestions)]
pub struct View {
    /// At most ten.
    items: Vec<Item>,
}

/// Something that may be meant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suggestion)]
pub struct Item {
    /// In full.
    #[schema(example = "french")]
    text: String,
    /// `name`, `skill` or `word`.
    #[schema(example = "word")]
    kind: String,
    /// How many sitters nearby have it.
    #[schema(example = 3)]
    sitters: usize,
}

const MAX_AGE: u32 = 60;
const AT_MOST: usize = 10;

/// Suggests what to search for.
#[utoipa::path(
    get, path = "/sitters/suggest", operation_id = "suggest_words", tag = "Sitters", params(Parameters, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "What may be meant; it may be kept for a minute", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it"),
        ParameterProblems, LimitProblems, StoreProblems,
    ),
)]
async fn suggest_words(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    limiter: Limiter,
    Query(Parameters { q, latitude, longitude }): Query<Parameters>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    // Bounded as the words of a search are.
    let required = || Violation::new("required", "must not be empty");
    let typed = q.filter(|typed| !typed.is_empty()).ok_or_else(required);
    let typed = fields.take("q", typed.and_then(|typed| Words::parse(&typed).map(|_| typed)));
    let near = match (&latitude, &longitude) {
        (None, None) => Some(None),
        (north, east) => place(&mut fields, north.as_deref(), east.as_deref()).map(Some),
    };
    let (Some(typed), Some(near)) = (typed, near) else { return Err(fields.into_problem()) };
    limiter.admit(&limits::SUGGEST, "").await?;
    let suggestions = match near {
        Some(near) => {
            let nearby = app.search().nearby(near, Radius::default(), app.now()).await?;
            let within = nearby.cards().filter(|card| Radius::default().reaches(near.distance(card.place)));
            search::suggest(&typed, within, AT_MOST)
        }
        None => search::suggest(&typed, std::iter::empty(), AT_MOST),
    };
    if_none_match.json(MAX_AGE, &View { items: suggestions.into_iter().map(Item::from).collect() })
}

impl From<Suggestion> for Item {
    fn from(suggestion: Suggestion) -> Self {
        let kind = suggestion.kind.as_ref().to_owned();
        Self { text: suggestion.text, kind, sitters: suggestion.sitters }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(suggest_words))
}
