//! See [`payments::onboarding_get`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::onboarding_get::routes()).await
}
