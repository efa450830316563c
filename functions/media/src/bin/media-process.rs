//! See [`media::process`].

use media::process::Processor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let processor = Processor::from_env()?;
    runtime::serve_event(async |event, _| processor.handle(event).await).await
}
