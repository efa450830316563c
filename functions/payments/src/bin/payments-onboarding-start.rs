//! See [`payments::onboarding_start`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::onboarding_start::routes()).await
}
