//! See [`auth::password_forgot`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::password_forgot::routes()).await
}
