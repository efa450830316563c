//! See [`auth::verify_email_resend`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::verify_email_resend::routes()).await
}
