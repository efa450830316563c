//! See [`tasks::safety_alert`].

use tasks::safety_alert::Alarm;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let alarm = Alarm::from_env()?;
    runtime::serve_queue(async |message| alarm.handle(message).await).await
}
