//! See [`tasks::credential_expiry`].

use tasks::credential_expiry::Expiry;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let expiry = Expiry::from_env()?;
    runtime::serve_task(async |invocation| expiry.run(invocation).await).await
}
