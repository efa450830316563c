//! `booking-follow-up`: called by the queue of bookings, it counts what a booking tells of its sitter: that they
//! were asked, that they have answered, and that they have come to the family.
//!
//! Each is counted once for a booking, however often its message comes, because the store notes it in the
//! transaction that counts.

use domain::booking::{Event, News};
use jiff::Timestamp;
use messaging::queue::BookingMessage;
use runtime::Error;
use storage::Tables;

/// Counts one message after the other.
#[derive(Debug)]
pub struct FollowUp {
    tables: Tables,
}

impl FollowUp {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Counts what a message tells.
    pub async fn handle(&self, message: BookingMessage) -> Result<(), Error> {
        let BookingMessage { event_id, booking_id, news } = message;
        // Erased in between: nobody is left of whom it tells.
        let Some(booking) = self.tables.booking(booking_id).await? else { return Ok(()) };
        let now = Timestamp::now();
        match news {
            News::Requested => self.tables.count_request(&booking, now).await?,
            News::Event(Event::Accept | Event::Decline) => self.tables.count_answer(&booking, now).await?,
            News::Event(Event::CheckOut | Event::Complete) => {
                self.tables.note_pairing(booking.id, booking.parent, booking.sitter, now).await?;
            }
            // Tells nothing of the sitter.
            _ => return Ok(()),
        }
        tracing::info!(event = %event_id, booking = %booking_id, news = news.name(), "booking counted");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::UserId;
    use storage::bookings::Actor;
    use testing::{Dynamo, TABLES, acting_as, requested_booking};

    #[tokio::test]
    async fn each_booking_counts_once_however_often_it_is_told() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let follow_up = FollowUp::new(tables.clone());
        let now = Timestamp::now();
        let [parent, sitter]: [UserId; 2] = std::array::from_fn(|_| domain::id::new(now));
        let date = |n| format!("2027-12-{:02}", n + 1).parse().unwrap();
        let bookings: Vec<_> = (0..3).map(|n| requested_booking(parent, sitter, date(n), now)).collect();
        let told = |event| News::Event(event);
        let news = [
            vec![News::Requested, told(Event::Accept), told(Event::CheckIn), told(Event::CheckOut)],
            vec![News::Requested, told(Event::Decline)],
            vec![News::Requested, told(Event::Withdraw)],
        ];
        for (booking, news) in bookings.iter().zip(&news) {
            tables.request_booking(booking, &Actor::default()).await.unwrap();
            // Twice, and in any order.
            for news in news.iter().rev().chain(news) {
                let message =
                    BookingMessage { event_id: domain::id::new(now), booking_id: booking.id, news: *news };
                acting_as("BookingFollowUp", follow_up.handle(message)).await.unwrap();
            }
        }
        let record = tables.sitter_record(sitter).await.unwrap().unwrap();
        assert_eq!((record.requests, record.answered), (3, 2));
        assert_eq!(tables.booked(parent).await.unwrap(), [(sitter, 1)].into());
        let (event_id, booking_id) = (domain::id::new(now), domain::id::new(now));
        follow_up.handle(BookingMessage { event_id, booking_id, news: News::Requested }).await.unwrap();
    }
}
