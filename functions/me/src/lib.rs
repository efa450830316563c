//! The caller's own account.

pub mod get;
mod profile;
pub mod update;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(get::routes()).merge(update::routes())
}
