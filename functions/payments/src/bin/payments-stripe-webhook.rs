//! See [`payments::stripe_webhook`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::stripe_webhook::routes()).await
}
