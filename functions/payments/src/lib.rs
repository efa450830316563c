//! What parents pay, and sitters earn.

mod card;
pub mod earnings;
pub mod get;
pub mod list;
pub mod methods_delete;
pub mod methods_list;
pub mod onboarding_get;
pub mod onboarding_start;
mod payee;
mod payer;
mod problem;
pub mod reconcile;
pub mod retry;
pub mod setup_intent;
mod statement;
pub mod stripe_webhook;
pub mod work;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// The words that the alarm on the books looks for.
const DISAGREE: &str = "our books and Stripe do not agree";

/// The words that the alarm on chargebacks looks for.
const CHARGED_BACK: &str = "a family's bank takes money back, or has decided about it";

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("payments-setup-intent", setup_intent::routes()),
        ("payments-retry", retry::routes()),
        ("payments-list", list::routes()),
        ("payments-get", get::routes()),
        ("payments-methods-list", methods_list::routes()),
        ("payments-methods-delete", methods_delete::routes()),
        ("payments-onboarding-start", onboarding_start::routes()),
        ("payments-onboarding-get", onboarding_get::routes()),
        ("payments-earnings", earnings::routes()),
        ("payments-stripe-webhook", stripe_webhook::routes()),
    ]
}
