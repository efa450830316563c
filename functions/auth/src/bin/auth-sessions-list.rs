//! See [`auth::sessions_list`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(auth::sessions_list::routes()).await
}
