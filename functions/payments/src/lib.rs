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

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(setup_intent::routes())
        .merge(retry::routes())
        .merge(list::routes())
        .merge(get::routes())
        .merge(methods_list::routes())
        .merge(methods_delete::routes())
        .merge(onboarding_start::routes())
        .merge(onboarding_get::routes())
        .merge(earnings::routes())
        .merge(stripe_webhook::routes())
}
