//! Health and documentation.

pub mod docs;
pub mod health;
pub mod openapi;
pub mod ready;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(ready::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
}
