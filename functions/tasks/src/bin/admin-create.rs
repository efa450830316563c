//! See [`tasks::admin_create`].

use tasks::admin_create::Creator;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let creator = Creator::from_env()?;
    runtime::serve_event(async |order, invocation| creator.handle(order, invocation).await).await
}
