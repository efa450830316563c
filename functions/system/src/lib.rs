//! Health and documentation.

pub mod docs;
pub mod health;
pub mod openapi;
pub mod ready;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("system-health", health::routes()),
        ("system-ready", ready::routes()),
        ("system-openapi", openapi::routes()),
        ("system-docs", docs::routes()),
    ]
}
