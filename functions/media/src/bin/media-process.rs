//! See [`media::process`].

use media::process::Processor;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let processor = Processor::from_env()?;
    runtime::serve_queue(async |message| processor.handle(message).await).await
}
