//! See [`admin::payment_refund`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::payment_refund::routes()).await
}
