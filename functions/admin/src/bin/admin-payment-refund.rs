//! See [`admin::payment_refund`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::payment_refund::routes()).await
}
