//! See [`auth::logout_all`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::logout_all::routes()).await
}
