//! See [`payments::setup_intent`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::setup_intent::routes()).await
}
