//! See [`sitters::recommended`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(sitters::recommended::routes()).await
}
