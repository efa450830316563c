//! See [`me::availability_put`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::availability_put::routes()).await
}
