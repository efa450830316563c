//! See [`payments::work`].

use payments::work::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let worker = Worker::from_env()?;
    runtime::serve_queue(async |message| worker.handle(message).await).await
}
