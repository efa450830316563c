//! See [`family::profile_put`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(family::profile_put::routes()).await
}
