//! See [`me::favourites_list`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::favourites_list::routes()).await
}
