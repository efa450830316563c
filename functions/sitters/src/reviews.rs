//! `GET /sitters/{id}/reviews`: what families have written about a sitter.

use api::{
    App, CachedQuery, Fields, IfNoneMatch, PathId, Problem, ProblemBody,
    openapi::{ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    id::{self, ReviewTag, UserTag},
    page::Limit,
    review::Review,
    search::Index,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::query::PAGE;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// How many at most, 1 to 100; 20 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// A page of reviews.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewPage)]
pub struct View {
    /// The latest comes first.
    items: Vec<Item>,
    /// For the next page, if there is one.
    next_cursor: Option<String>,
}

/// What a family has written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub struct Item {
    /// The review.
    #[schema(example = "rev_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Of whoever has written it.
    #[schema(example = "Amelia")]
    first_name: String,
    /// 1 to 5.
    #[schema(example = 5)]
    stars: u8,
    /// In words, if there are any.
    #[schema(example = "The twins ask for her every week.")]
    text: Option<String>,
    /// When everybody could read it for the first time.
    #[schema(value_type = String, format = DateTime)]
    published_at: Timestamp,
}

const MAX_AGE: u32 = 300;

/// Lists what families have written about a sitter, the latest first.
#[utoipa::path(
    get, path = "/sitters/{id}/reviews", operation_id = "list_sitter_reviews", tag = "Sitters",
    // The stage keeps a refusal as long as an answer, so it is short.
    extensions(("x-gateway" = json!({ "cache_seconds": 60 }))),
    params(("id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q"), Parameters,
     ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "A page of reviews; it may be kept for five minutes", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it"),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, StoreProblems,
    ),
)]
async fn list_sitter_reviews(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    PathId(id): PathId<UserTag>,
    CachedQuery(parameters): CachedQuery<Parameters>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let limit = fields.take("limit", Limit::parse(Some(parameters.limit.as_deref().unwrap_or(PAGE))));
    let limit = limit.ok_or_else(|| fields.into_problem())?;
    let question = format!("sitters/{id}/reviews");
    let before = match &parameters.cursor {
        Some(cursor) => {
            let opened = app.cursors().await?.open(&question, cursor);
            let before = opened.and_then(|position| id::parse::<ReviewTag>(&position));
            Some(before.map_err(|violation| Problem::invalid_field("cursor", violation))?)
        }
        None => None,
    };
    app.search().view(id, app.now()).await?.ok_or_else(Problem::not_found)?;
    let reviews = app.tables().reviews(id, before, limit.get()).await?;
    let next_cursor = match reviews.last().filter(|_| reviews.len() == limit.size()) {
        Some(last) => Some(app.cursors().await?.seal(&question, &last.id.to_string())),
        None => None,
    };
    let items = reviews.into_iter().map(Item::from).collect();
    if_none_match.json(MAX_AGE, &View { items, next_cursor })
}

impl From<Review> for Item {
    fn from(review: Review) -> Self {
        Self {
            id: review.id.to_string(),
            first_name: review.first_name,
            stars: review.stars.into(),
            text: review.text.map(String::from),
            published_at: review.published_at,
        }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sitter_reviews))
}
