//! See [`admin::credential_decision`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::credential_decision::routes()).await
}
