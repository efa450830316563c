//! See [`vetting::credentials_create`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(vetting::credentials_create::routes()).await
}
