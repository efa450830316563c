//! `GET /sitters/{id}`: what everybody may see of a sitter.

use api::{
    App, CachedQuery, IfNoneMatch, PathId, Problem, ProblemBody, SitterCard, VariantLink, links,
    openapi::{ParameterProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{id::UserTag, search::Index};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::analytics;

/// Where the sitter was found.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The `search_id` of the page that the sitter was chosen from; it tells how good searches are.
    #[param(nullable = false)]
    search_id: Option<String>,
}

/// What everybody may see of a sitter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sitter)]
pub struct View {
    #[serde(flatten)]
    card: SitterCard,
    /// Paragraphs about the sitter.
    #[schema(example = "I have looked after children for ten years.")]
    bio: String,
    /// How far they go.
    #[schema(example = 10_000)]
    travel_radius_metres: u32,
    /// The picture in all sizes.
    pictures: Vec<VariantLink>,
}

const MAX_AGE: u32 = 60;

/// Shows a sitter.
#[utoipa::path(
    get, path = "/sitters/{id}", operation_id = "get_sitter", tag = "Sitters",
    params(("id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q"), Parameters,
     ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "The sitter; it may be kept for a minute", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it"),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, StoreProblems,
    ),
)]
async fn get_sitter(
    State(app): State<App>,
    if_none_match: IfNoneMatch,
    PathId(id): PathId<UserTag>,
    CachedQuery(parameters): CachedQuery<Parameters>,
) -> Result<Response, Problem> {
    let searched = analytics::opened(&app, parameters.search_id.as_deref()).await?;
    let view = app.search().view(id, app.now()).await?.ok_or_else(Problem::not_found)?;
    if let Some(hour) = searched {
        analytics::clicked(&app, hour).await;
    }
    let view = View {
        bio: view.bio,
        travel_radius_metres: view.card.travels.metres(),
        pictures: links(&app, view.picture.as_ref()).await?,
        card: SitterCard::new(&app, view.card, None).await?,
    };
    if_none_match.json(MAX_AGE, &view)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_sitter))
}
