//! Operating the marketplace.

pub mod audit;
pub mod credential_decision;
pub mod dispute_decision;
pub mod dispute_get;
pub mod payment_refund;
pub mod search_analytics;
pub mod second_step_reset;
pub mod sitter_decision;
pub mod user_status;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(audit::routes())
        .merge(user_status::routes())
        .merge(second_step_reset::routes())
        .merge(sitter_decision::routes())
        .merge(search_analytics::routes())
        .merge(credential_decision::routes())
        .merge(dispute_get::routes())
        .merge(dispute_decision::routes())
        .merge(payment_refund::routes())
}
