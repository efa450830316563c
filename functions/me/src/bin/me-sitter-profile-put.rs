//! See [`me::sitter_profile_put`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::sitter_profile_put::routes()).await
}
