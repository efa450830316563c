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

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("auth-register", register::routes()),
        ("auth-verify-email", verify_email::routes()),
        ("auth-verify-email-resend", verify_email_resend::routes()),
        ("auth-email-revert", email_revert::routes()),
        ("auth-login", login::routes()),
        ("auth-otp-send", otp_send::routes()),
        ("auth-otp-verify", otp_verify::routes()),
        ("auth-refresh", refresh::routes()),
        ("auth-logout", logout::routes()),
        ("auth-logout-all", logout_all::routes()),
        ("auth-sessions-list", sessions_list::routes()),
        ("auth-sessions-end", sessions_end::routes()),
        ("auth-password-forgot", password_forgot::routes()),
        ("auth-password-reset", password_reset::routes()),
        ("auth-jwks", jwks::routes()),
    ]
}
