//! See [`tasks::booking_follow_up`].

use tasks::booking_follow_up::FollowUp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let follow_up = FollowUp::from_env()?;
    runtime::serve_queue(async |message| follow_up.handle(message).await).await
}
