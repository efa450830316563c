//! See [`me::availability_get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::availability_get::routes()).await
}
