//! See [`vetting::webhook`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(vetting::webhook::routes()).await
}
