//! The caller's own account.

mod confirmed;
pub mod email;
pub mod get;
pub mod password;
mod profile;
pub mod second_step_get;
pub mod second_step_put;
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
}
