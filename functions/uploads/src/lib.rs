//! Sending files.

pub mod create;
pub mod get;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![("uploads-create", create::routes()), ("uploads-get", get::routes())]
}
