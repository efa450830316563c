//! See [`admin::dispute_decision`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::dispute_decision::routes()).await
}
