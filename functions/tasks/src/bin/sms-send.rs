//! See [`tasks::sms_send`].

use tasks::sms_send::Sender;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let sender = Sender::from_env()?;
    runtime::serve_queue(async |message| sender.handle(message).await).await
}
