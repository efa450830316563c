//! `GET /me/favourites`: a parent sees the sitters whom they want to find again.

use api::{
    App, Json, Parent, Problem, SitterCard,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::id::UserId;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The favourites.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Favourites)]
pub struct View {
    /// The latest first.
    items: Vec<Item>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// A favourite.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Favourite)]
pub struct Item {
    /// The sitter.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// What a list shows of them; `null` while they are not shown.
    sitter: Option<SitterCard>,
    /// Since when they are one.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Lists the caller's favourites.
#[utoipa::path(
    get, path = "/me/favourites", operation_id = "list_favourites", tag = "Me", security(("access_token" = [])),
    responses((status = 200, description = "The favourites", body = View), RoleProblems, StoreProblems),
)]
async fn list_favourites(State(app): State<App>, Parent(caller): Parent) -> Result<Json<View>, Problem> {
    let (favourites, _) = app.tables().favourites(caller.user_id).await?;
    let ids: Vec<UserId> = favourites.all().iter().map(|favourite| favourite.sitter).collect();
    let mut views = app.search().views(&ids, app.now()).await?;
    let mut items = Vec::with_capacity(ids.len());
    for favourite in favourites.all() {
        // They come in no particular order.
        let found = views.iter().position(|view| view.card.id == favourite.sitter);
        let sitter = match found {
            Some(found) => Some(SitterCard::new(&app, views.swap_remove(found).card, None).await?),
            None => None,
        };
        items.push(Item { sitter_id: favourite.sitter.to_string(), sitter, since: favourite.since });
    }
    Ok(Json(View { items, next_cursor: None }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_favourites))
}
