//! See [`me::second_step_get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(me::second_step_get::routes()).await
}
