//! See [`uploads::get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(uploads::get::routes()).await
}
