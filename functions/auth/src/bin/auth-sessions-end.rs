//! See [`auth::sessions_end`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::sessions_end::routes()).await
}
