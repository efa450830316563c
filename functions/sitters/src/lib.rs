//! Finding sitters. Everything here is public but the recommendations.

mod analytics;
pub mod availability;
pub mod browse;
pub mod get;
mod page;
mod query;
pub mod recommended;
pub mod reviews;
pub mod search;
pub mod suggest;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("sitters-browse", browse::routes()),
        ("sitters-search", search::routes()),
        ("sitters-suggest", suggest::routes()),
        ("sitters-recommended", recommended::routes()),
        ("sitters-get", get::routes()),
        ("sitters-availability", availability::routes()),
        ("sitters-reviews", reviews::routes()),
    ]
}
