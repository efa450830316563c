//! Opening an account, signing in, and proving who one is.

mod by_message;
pub mod email_revert;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod logout_all;
mod mail_link;
pub mod otp_send;
pub mod otp_verify;
pub mod password_forgot;
pub mod password_reset;
pub mod refresh;
pub mod register;
pub mod sessions_end;
pub mod sessions_list;
mod sign_in;
mod token_pair;
pub mod verify_email;
pub mod verify_email_resend;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(register::routes())
        .merge(verify_email::routes())
        .merge(verify_email_resend::routes())
        .merge(email_revert::routes())
        .merge(login::routes())
        .merge(otp_send::routes())
        .merge(otp_verify::routes())
        .merge(refresh::routes())
        .merge(logout::routes())
        .merge(logout_all::routes())
        .merge(sessions_list::routes())
        .merge(sessions_end::routes())
        .merge(password_forgot::routes())
        .merge(password_reset::routes())
        .merge(jwks::routes())
}
