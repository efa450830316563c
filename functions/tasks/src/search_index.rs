//! `search-index`: called by the search queue, it shows a sitter in search as they are now, or hides them.
//!
//! A message tells only whom to look at. So it does not matter in which order messages come, or how often.

use domain::{
    role::Role,
    search::{Index, View},
};
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
        let Some(sitter) = self.tables.sitter(user_id).await? else {
            // Nothing follows on an account that is gone.
            return Ok(self.index.hide(user_id, u64::MAX).await?);
        };
        if sitter.user.role != Role::Sitter {
            return Ok(());
        }
        let view = View::of(&sitter, Timestamp::now());
        match &view {
            Some(view) => self.index.show(view, sitter.version()).await?,
            None => self.index.hide(user_id, sitter.version()).await?,
        }
        tracing::info!(sitter = %user_id, shown = view.is_some(), "sitter indexed");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        geo::Radius,
        page::Limit,
        search::{Query, Sort, Words},
        sitter::{Profile, Sitter},
    };
    use messaging::{messages::messages_for, queue::Message};
    use storage::audit::{Action, Entry, Origin};
    use testing::{Dynamo, TABLES, listed_sitter};

    /// Delivers what every announced event asks of search, as the relay does, oldest last and twice.
    async fn deliver(dynamo: &Dynamo, indexer: &Indexer) {
        let items = dynamo.client.scan().table_name("main").send().await.unwrap().items.unwrap_or_default();
        let events = items.into_iter().filter_map(|item| storage::outbox::event(item.into()).ok());
        let messages: Vec<_> = events.flat_map(|event| messages_for(&event)).collect();
        for message in messages.iter().rev().chain(&messages) {
            if let Message::Search(message) = message {
                indexer.handle(*message).await.unwrap();
            }
        }
    }

    async fn store(tables: &Tables, sitter: &Sitter) {
        let now = Timestamp::now();
        let event =
            domain::event::Event::new(domain::event::Fact::UserRegistered { user_id: sitter.user.id }, now);
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

    #[tokio::test]
    async fn whoever_is_listed_is_found_until_their_account_is_gone() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let indexer = Indexer::new(tables.clone());
        let sitter = listed_sitter(Timestamp::now());
        let query = Query {
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
        };
        let found = async || {
            let index = SearchIndex::new(tables.clone());
            index
                .search(&query, None, Limit::parse(None).unwrap(), Timestamp::now())
                .await
                .unwrap()
                .hits
                .len()
        };
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
        assert_eq!(dynamo.client.scan().table_name("search").send().await.unwrap().count(), 0);
    }
}
