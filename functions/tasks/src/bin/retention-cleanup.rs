//! See [`tasks::retention_cleanup`].

use tasks::retention_cleanup::Cleanup;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let cleanup = Cleanup::from_env()?;
    runtime::serve_task(async |invocation| cleanup.run(invocation).await).await
}
