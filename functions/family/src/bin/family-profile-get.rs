//! See [`family::profile_get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(family::profile_get::routes()).await
}
