//! See [`me::email`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::email::routes()).await
}
