//! See [`admin::sitter_decision`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::sitter_decision::routes()).await
}
