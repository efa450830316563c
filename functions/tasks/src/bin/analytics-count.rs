//! See [`tasks::analytics_count`].

use tasks::analytics_count::Counter;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let counter = Counter::from_env()?;
    runtime::serve_queue(async |message| counter.handle(message).await).await
}
