//! See [`admin::second_step_reset`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(admin::second_step_reset::routes()).await
}
