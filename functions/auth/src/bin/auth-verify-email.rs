//! See [`auth::verify_email`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::verify_email::routes()).await
}
