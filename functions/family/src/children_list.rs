//! `GET /me/children`: a parent sees which children they have described, never what these suffer from or
//! when they were born.

use api::{
    App, Json, Parent, Problem,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{care::AgeGroup, child::Summary};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A parent's children.
#[derive(Serialize, ToSchema)]
#[schema(as = Children)]
pub struct Response {
    /// In the order in which they were added.
    items: Vec<View>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// A child in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ChildSummary)]
pub struct View {
    /// The child.
    #[schema(example = "kid_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What it is called.
    #[schema(example = "Byron")]
    name: String,
    /// How old it is; `null` when it has grown up.
    #[schema(value_type = Option<String>, example = "preschool")]
    age_group: Option<AgeGroup>,
}

impl View {
    fn new(child: Summary, today: Date) -> Self {
        Self {
            id: child.id.to_string(),
            name: child.name.into(),
            age_group: child.birth_month.age_group(today),
        }
    }
}

/// Shows the caller's children.
#[utoipa::path(
    get, path = "/me/children", operation_id = "list_children", tag = "Family", security(("access_token" = [])),
    responses((status = 200, description = "The children", body = Response), RoleProblems, StoreProblems),
)]
async fn list_children(State(app): State<App>, Parent(caller): Parent) -> Result<Json<Response>, Problem> {
    let today = caller.user(&app).await?.time_zone.today(app.now());
    let children = match app.tables().data_key(app.cipher()?, caller.user_id).await? {
        Some(key) => app.tables().children(&key).await?,
        None => Vec::new(),
    };
    let items = children.into_iter().map(|child| View::new(child, today)).collect();
    Ok(Json(Response { items, next_cursor: None }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_children))
}
