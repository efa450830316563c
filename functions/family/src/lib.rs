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

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("family-profile-get", profile_get::routes()),
        ("family-profile-put", profile_put::routes()),
        ("family-children-list", children_list::routes()),
        ("family-children-create", children_create::routes()),
        ("family-children-get", children_get::routes()),
        ("family-children-update", children_update::routes()),
        ("family-children-delete", children_delete::routes()),
    ]
}
