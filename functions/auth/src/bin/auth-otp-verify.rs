//! See [`auth::otp_verify`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_signing_http(auth::otp_verify::routes()).await
}
