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

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("me-get", get::routes()),
        ("me-update", update::routes()),
        ("me-password", password::routes()),
        ("me-email", email::routes()),
        ("me-second-step-get", second_step_get::routes()),
        ("me-second-step-put", second_step_put::routes()),
        ("me-totp", totp::routes()),
        ("me-sitter-profile-get", sitter_profile_get::routes()),
        ("me-sitter-profile-put", sitter_profile_put::routes()),
        ("me-availability-get", availability_get::routes()),
        ("me-availability-put", availability_put::routes()),
        ("me-favourites-list", favourites_list::routes()),
        ("me-favourites-put", favourites_put::routes()),
        ("me-favourites-delete", favourites_delete::routes()),
    ]
}
