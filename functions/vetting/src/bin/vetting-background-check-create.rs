//! See [`vetting::background_check_create`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(vetting::background_check_create::routes()).await
}
