//! See [`admin::dispute_get`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::dispute_get::routes()).await
}
