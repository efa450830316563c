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
