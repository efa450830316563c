//! See [`payments::methods_delete`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(payments::methods_delete::routes()).await
}
