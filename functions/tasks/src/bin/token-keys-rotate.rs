//! See [`tasks::token_keys_rotate`].

use tasks::token_keys_rotate::Rotator;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let rotator = Rotator::from_env()?;
    runtime::serve_event(async |event, _| rotator.handle(event).await).await
}
