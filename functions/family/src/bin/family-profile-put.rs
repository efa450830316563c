//! See [`family::profile_put`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(family::profile_put::routes()).await
}
