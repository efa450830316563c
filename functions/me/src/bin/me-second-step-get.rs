//! See [`me::second_step_get`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::second_step_get::routes()).await
}
