//! See [`tasks::booking_follow_up`] and [`tasks::call_off`].

use messaging::queue::FollowUp as Message;
use tasks::{booking_follow_up::FollowUp, call_off::CallOff};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    let (follow_up, call_off) = (FollowUp::from_env()?, CallOff::from_env()?);
    runtime::serve_queue(async |message| match message {
        Message::Booking(message) => {
            follow_up.handle(message).await?;
            call_off.one(message).await
        }
        Message::Standing(message) => call_off.all(message).await,
    })
    .await
}
