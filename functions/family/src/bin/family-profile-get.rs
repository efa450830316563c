//! See [`family::profile_get`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(family::profile_get::routes()).await
}
