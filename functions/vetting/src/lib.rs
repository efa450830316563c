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

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(credentials_list::routes())
        .merge(credentials_create::routes())
        .merge(background_check_get::routes())
        .merge(background_check_create::routes())
        .merge(webhook::routes())
}
