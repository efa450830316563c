//! `search-index`: called by the search queue, it shows a sitter in search as they are now, or hides them.
//!
//! A message tells only whom to look at. So it does not matter in which order messages come, or how often.

use domain::search::Index;
use jiff::Timestamp;
use messaging::queue::SearchMessage;
use runtime::Error;
use storage::{Tables, search::SearchIndex};

/// Indexes one sitter after the other.
#[derive(Debug)]
pub struct Indexer {
    tables: Tables,
    index: SearchIndex,
}

impl Indexer {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { index: SearchIndex::new(tables.clone()), tables }
    }

    /// Shows or hides the sitter of a message.
    pub async fn handle(&self, SearchMessage { user_id }: SearchMessage) -> Result<(), Error> {
        let truth = async || {
            let view = self.tables.sitter_view(user_id, Timestamp::now()).await?;
            tracing::info!(sitter = %user_id, shown = view.is_some(), "sitter looked at");
            Ok(view)
        };
        Ok(self.index.refresh(user_id, truth).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    use domain::{
        booking::{Booking, Event, News, State},
        geo::Radius,
        page::Limit,
        role::Role,
        search::{Query, Sort, Words},
        sitter::{Profile, Sitter},
    };
    use jiff::ToSpan;
    use messaging::{messages::messages_for, queue::Message};
    use storage::{
        audit::{Action, Entry, Origin},
        bookings::{Actor, Changed},
    };
    use testing::{Dynamo, TABLES, acting_as, listed_sitter};

    /// Delivers what every announced event asks of search, as the relay does, oldest last and twice.
    async fn deliver(dynamo: &Dynamo, indexer: &Indexer) {
        let items = dynamo.client.scan().table_name("main").send().await.unwrap().items.unwrap_or_default();
        let events = items.into_iter().filter_map(|item| storage::outbox::event(item.into()).ok());
        let messages: Vec<_> = events.flat_map(|event| messages_for(&event)).collect();
        for message in messages.iter().rev().chain(&messages) {
            if let Message::Search(message) = message {
                acting_as("SearchIndex", indexer.handle(*message)).await.unwrap();
            }
        }
    }

    async fn store(tables: &Tables, sitter: &Sitter) {
        let now = Timestamp::now();
        let event = domain::event::Event::new(
            domain::event::Fact::UserRegistered { user_id: sitter.user.id, epoch: sitter.user.epoch },
            now,
        );
        let trail = Entry::by_nobody(sitter.user.id, Action::Registered, now, Origin::default());
        tables.register(sitter.user.clone(), "hash".into(), &event, &trail).await.unwrap();
        let profile = Profile { version: 1, ..sitter.profile.clone() };
        tables.save_sitter_profile(profile, None, &[]).await.unwrap();
        tables.put_record(&domain::sitter::Record { version: 1, ..sitter.record.clone() }).await.unwrap();
        let hours = domain::availability::Availability { version: 1, ..sitter.availability.clone() };
        let changed = domain::event::Fact::SitterChanged { user_id: sitter.user.id };
        let changed = domain::event::Event::new(changed, now);
        tables.save_availability(sitter.user.id, &hours, &changed).await.unwrap();
    }

    /// Everybody around that sitter.
    fn near(sitter: &Sitter) -> Query {
        Query {
            words: Words::default(),
            near: sitter.profile.home.as_ref().unwrap().point,
            radius: Radius::default(),
            when: None,
            rate: None,
            languages: [].into(),
            ages: Default::default(),
            skills: Default::default(),
            min_rating: None,
            sort: Sort::Distance,
            today: domain::sitter::today(Timestamp::now()),
        }
    }

    async fn found(tables: &Tables, query: &Query) -> usize {
        let index = SearchIndex::new(tables.clone());
        let page = index.search(query, None, Limit::parse(None).unwrap(), Timestamp::now()).await.unwrap();
        page.hits.len()
    }

    #[tokio::test]
    async fn whoever_is_listed_is_found_until_their_account_is_gone() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let indexer = Indexer::new(tables.clone());
        let sitter = listed_sitter(Timestamp::now());
        let query = near(&sitter);
        let found = async || found(&tables, &query).await;
        store(&tables, &sitter).await;
        assert_eq!(found().await, 0);
        deliver(&dynamo, &indexer).await;
        assert_eq!(found().await, 1);
        tables.remove_unverified(&sitter.user, Timestamp::now()).await.unwrap();
        deliver(&dynamo, &indexer).await;
        assert_eq!(found().await, 0);
        let left = dynamo.client.scan().table_name("main").send().await.unwrap();
        let pk = format!("USER#{}", sitter.user.id);
        assert!(
            left.items().iter().all(|item| item["pk"].as_s().unwrap() != &pk),
            "something of them is left"
        );
    }

    #[tokio::test]
    async fn a_parent_is_no_sitter() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let indexer = Indexer::new(tables.clone());
        let mut sitter = listed_sitter(Timestamp::now());
        sitter.user.role = Role::Parent;
        store(&tables, &sitter).await;
        indexer.handle(SearchMessage { user_id: sitter.user.id }).await.unwrap();
        assert_eq!(found(&tables, &near(&sitter)).await, 0);
    }

    #[tokio::test]
    async fn whoever_is_booked_is_found_for_other_hours_only() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let indexer = Indexer::new(tables.clone());
        let (sitter, now) = (listed_sitter(Timestamp::now()), Timestamp::now());
        store(&tables, &sitter).await;
        let day = domain::sitter::today(now) + 30.days();
        let morning = testing::window(day, "09:00", "11:00");
        let booking = Booking { sitter: sitter.user.id, ..testing::asked_for(morning.clone(), now) };
        tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let becomes = async |news: Event, state: State| {
            let rule = |before: &Booking| {
                let booking = Booking { state, version: before.version + 1, ..before.clone() };
                Ok::<_, Infallible>(Some(Changed::told(booking, News::Event(news))))
            };
            tables.change_booking(booking.id, &Actor::default(), now, rule).await.unwrap();
            deliver(&dynamo, &indexer).await;
        };
        let is_found = async |start, end| {
            let when = testing::window(day, start, end).span().unwrap();
            found(&tables, &Query { when: Some(when), ..near(&sitter) }).await == 1
        };
        deliver(&dynamo, &indexer).await;
        assert!(is_found("09:00", "11:00").await);
        becomes(Event::Accept, State::Accepted).await;
        assert!(!is_found("09:00", "11:00").await && !is_found("10:59", "12:00").await);
        assert!(is_found("11:00", "13:00").await);
        becomes(Event::Cancel, State::Cancelled).await;
        assert!(is_found("09:00", "11:00").await);
    }
}
