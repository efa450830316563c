//! Opening an account and signing in.

pub mod login;
pub mod refresh;
pub mod register;
mod token_pair;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(register::routes()).merge(login::routes()).merge(refresh::routes())
}
