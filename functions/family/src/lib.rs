//! What parents tell of their homes and their children. Nobody else sees any of it.
//!
//! Answers of these are not kept for repetitions, as `Idempotency-Key` would: they would lie in the store
//! as they are.

mod child;
pub mod children_create;
pub mod children_delete;
pub mod children_get;
pub mod children_list;
pub mod children_update;
mod key;
mod profile;
pub mod profile_get;
pub mod profile_put;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(profile_get::routes())
        .merge(profile_put::routes())
        .merge(children_list::routes())
        .merge(children_create::routes())
        .merge(children_get::routes())
        .merge(children_update::routes())
        .merge(children_delete::routes())
}
