//! `GET /sitters/search`: anyone looks for a sitter near a place, by words, hours, and what they need.

use std::time::Instant;

use api::{
    App, IfNoneMatch, Limiter, Problem, Query, SitterCard, limits,
    openapi::{LimitProblems, ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::search::Index;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    analytics,
    page::next_cursor,
    query::{Parameters, position},
};

/// A page of those who were found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchPage)]
pub struct View {
    /// In the order that was asked for.
    items: Vec<SitterCard>,
    /// For the next page, if there is one.
    next_cursor: Option<String>,
    /// How many there are altogether.
    #[schema(example = 57)]
    total: usize,
    /// What was left out of `q`, because everybody has it or nobody writes it.
    #[schema(example = json!(["the"]))]
    ignored_words: Vec<String>,
    /// To be sent with the request for a sitter that is chosen from this page.
    search_id: String,
}

const MAX_AGE: u32 = 60;

/// Searches for sitters near a place.
#[utoipa::path(
    get, path = "/sitters/search", operation_id = "search_sitters", tag = "Sitters", params(Parameters, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "A page of those who were found; it may be kept for a minute", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it"),
        ParameterProblems, LimitProblems, StoreProblems,
    ),
)]
async fn search_sitters(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    limiter: Limiter,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let (mut query, limit) = parameters.parse(app.now())?;
    let question = parameters.question()?;
    let after = position(&app, &question, parameters.cursor()).await?;
    limiter.admit(&limits::SEARCH, "").await?;
    let started = Instant::now();
    let mut page = app.search().search(&query, after, limit, app.now()).await?;
    if page.total == Some(0)
        && let Some(words) = query.words.without_names()
    {
        query.words = words;
        page = app.search().search(&query, after, limit, app.now()).await?;
    }
    let total = page.total.unwrap_or_default();
    if after.is_none() {
        analytics::searched(&app, &query, total, started.elapsed(), &limiter).await?;
    }
    let view = View {
        next_cursor: next_cursor(&app, &page, &question).await?,
        items: SitterCard::all(&app, page.hits).await?,
        total,
        ignored_words: query.words.ignored().map(str::to_owned).collect(),
        search_id: analytics::search_id(&app).await?,
    };
    if_none_match.json(MAX_AGE, &view)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search_sitters))
}
