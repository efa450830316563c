//! Sending files.

pub mod create;
pub mod get;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(create::routes()).merge(get::routes())
}
