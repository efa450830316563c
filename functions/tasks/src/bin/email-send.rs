//! See [`tasks::email_send`].

use tasks::email_send::Sender;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let sender = Sender::from_env()?;
    runtime::serve_queue(async |message| sender.handle(message).await).await
}
