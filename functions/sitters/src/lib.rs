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

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(browse::routes())
        .merge(search::routes())
        .merge(suggest::routes())
        .merge(recommended::routes())
        .merge(get::routes())
        .merge(availability::routes())
        .merge(reviews::routes())
}
