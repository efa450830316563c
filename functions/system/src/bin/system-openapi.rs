//! See [`system::openapi`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(system::openapi::routes()).await
}
