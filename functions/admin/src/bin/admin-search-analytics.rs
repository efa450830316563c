//! See [`admin::search_analytics`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::search_analytics::routes()).await
}
