//! See [`tasks::outbox_relay`].

use tasks::outbox_relay::Relay;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let relay = Relay::from_env()?;
    runtime::serve_stream(async |message| relay.handle(message).await).await
}
