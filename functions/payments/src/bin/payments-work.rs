//! See [`payments::work`].

use payments::work::{BACKOFF, Worker};
use runtime::Delivery;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let worker = Worker::from_env()?;
    let queue = worker.queue()?;
    let postpone = async |delivery: Delivery| {
        Ok(queue.postpone(&delivery.receipt, BACKOFF.pause(delivery.tries)).await?)
    };
    runtime::serve_queue_with_backoff(async |message| worker.handle(message).await, postpone).await
}
