//! See [`vetting::credentials_list`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(vetting::credentials_list::routes()).await
}
