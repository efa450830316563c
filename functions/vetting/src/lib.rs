//! What sitters hand in for others to trust them.
//!
//! Answers of these are not kept for repetitions, as `Idempotency-Key` would: the number of a check would
//! lie in the store as it is.

pub mod background_check_create;
pub mod background_check_get;
mod certificate;
pub mod credentials_create;
pub mod credentials_list;
pub mod webhook;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("vetting-credentials-list", credentials_list::routes()),
        ("vetting-credentials-create", credentials_create::routes()),
        ("vetting-background-check-get", background_check_get::routes()),
        ("vetting-background-check-create", background_check_create::routes()),
        ("vetting-webhook", webhook::routes()),
    ]
}
