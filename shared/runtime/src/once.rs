use jiff::{SignedDuration, Timestamp};
use storage::{Tables, inbox::Claim};

use crate::Error;

/// Does the work of a message once, however often the message comes: queues deliver at least once.
///
/// The message is leased before the work and marked after it. A crash in between leaves a lease that
/// ends, and the next delivery does the work again. `lease` is longer than the function may run, so
/// that two never work on the same message at once.
pub async fn once(
    tables: &Tables,
    consumer: &str,
    message: &str,
    lease: SignedDuration,
    work: impl AsyncFnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    match tables.claim(consumer, message, lease, Timestamp::now()).await? {
        Claim::Yours => {}
        Claim::Done => return Ok(()),
        Claim::Busy => return Err("another delivery is being worked on".into()),
    }
    work().await?;
    tables.complete(consumer, message, Timestamp::now()).await?;
    Ok(())
}
