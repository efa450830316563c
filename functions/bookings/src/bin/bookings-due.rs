//! See [`bookings::due`].

use bookings::due::Steps;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let steps = Steps::from_env()?;
    runtime::serve_task(async |invocation| steps.run(invocation).await).await
}
