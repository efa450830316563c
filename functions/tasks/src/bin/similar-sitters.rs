//! See [`tasks::similar_sitters`].

use tasks::similar_sitters::Comparison;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let comparison = Comparison::from_env()?;
    runtime::serve_task(async |invocation| comparison.run(invocation).await).await
}
