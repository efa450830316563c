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

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("admin-audit", audit::routes()),
        ("admin-user-status", user_status::routes()),
        ("admin-second-step-reset", second_step_reset::routes()),
        ("admin-sitter-decision", sitter_decision::routes()),
        ("admin-search-analytics", search_analytics::routes()),
        ("admin-credential-decision", credential_decision::routes()),
        ("admin-dispute-get", dispute_get::routes()),
        ("admin-dispute-decision", dispute_decision::routes()),
        ("admin-payment-refund", payment_refund::routes()),
    ]
}
