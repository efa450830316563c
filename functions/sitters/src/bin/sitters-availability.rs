//! See [`sitters::availability`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(sitters::availability::routes()).await
}
