//! See [`sitters::search`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(sitters::search::routes()).await
}
