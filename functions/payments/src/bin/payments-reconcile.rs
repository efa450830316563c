//! See [`payments::reconcile`].

use payments::reconcile::Reconciliation;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let reconciliation = Reconciliation::from_env()?;
    runtime::serve_task(async |invocation| reconciliation.run(invocation).await).await
}
