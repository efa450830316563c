//! See [`vetting::credentials_list`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(vetting::credentials_list::routes()).await
}
