//! See [`payments::earnings`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::earnings::routes()).await
}
