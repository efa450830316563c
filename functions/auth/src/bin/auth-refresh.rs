//! See [`auth::refresh`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_signing_http(auth::refresh::routes()).await
}
