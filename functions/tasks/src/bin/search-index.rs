//! See [`tasks::search_index`].

use tasks::search_index::Indexer;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let indexer = Indexer::from_env()?;
    runtime::serve_queue(async |message| indexer.handle(message).await).await
}
