//! See [`tasks::search_reindex`].

use tasks::search_reindex::Reindexer;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let reindexer = Reindexer::from_env()?;
    runtime::serve_event(async |order, _| reindexer.handle(order).await).await
}
