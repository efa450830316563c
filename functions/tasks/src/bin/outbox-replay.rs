//! See [`tasks::outbox_replay`].

use tasks::outbox_replay::Replayer;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let replayer = Replayer::from_env()?;
    runtime::serve_event(async |order, _| replayer.handle(order).await).await
}
