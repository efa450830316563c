//! The caller's own account.

mod availability;
pub mod availability_get;
pub mod availability_put;
mod confirmed;
pub mod email;
pub mod favourites_delete;
pub mod favourites_list;
pub mod favourites_put;
pub mod get;
pub mod password;
mod profile;
pub mod second_step_get;
pub mod second_step_put;
mod sitter_profile;
pub mod sitter_profile_get;
pub mod sitter_profile_put;
pub mod totp;
pub mod update;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(get::routes())
        .merge(update::routes())
        .merge(password::routes())
        .merge(email::routes())
        .merge(second_step_get::routes())
        .merge(second_step_put::routes())
        .merge(totp::routes())
        .merge(sitter_profile_get::routes())
        .merge(sitter_profile_put::routes())
        .merge(availability_get::routes())
        .merge(availability_put::routes())
        .merge(favourites_list::routes())
        .merge(favourites_put::routes())
        .merge(favourites_delete::routes())
}
