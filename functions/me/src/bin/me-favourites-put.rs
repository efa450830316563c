//! See [`me::favourites_put`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::favourites_put::routes()).await
}
