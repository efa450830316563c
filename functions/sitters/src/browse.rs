//! `GET /sitters`: anyone looks through all sitters, the last listed first.

use api::{
    App, CachedQuery, Fields, IfNoneMatch, Problem,
    openapi::{ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{page::Limit, search::Index};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    page::PageView,
    query::{PAGE, position},
};

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

const QUESTION: &str = "sitters";
const MAX_AGE: u32 = 300;

/// Lists all sitters, the last listed first.
#[utoipa::path(
    get, path = "/sitters", operation_id = "list_sitters", tag = "Sitters", params(Parameters, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    // The stage keeps a refusal as long as an answer, so it is short.
    extensions(("x-gateway" = json!({ "cache_seconds": 60 }))),
    responses(
        (status = 200, description = "A page of sitters; it may be kept for five minutes", body = PageView,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it"),
        ParameterProblems, StoreProblems,
    ),
)]
async fn list_sitters(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    CachedQuery(parameters): CachedQuery<Parameters>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let limit = fields.take("limit", Limit::parse(Some(parameters.limit.as_deref().unwrap_or(PAGE))));
    let limit = limit.ok_or_else(|| fields.into_problem())?;
    let after = position(&app, QUESTION, parameters.cursor.as_deref()).await?;
    let page = app.search().newest(after, limit, app.now()).await?;
    if_none_match.json(MAX_AGE, &PageView::new(&app, page, QUESTION).await?)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sitters))
}
