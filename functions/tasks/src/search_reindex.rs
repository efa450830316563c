//! `search-reindex`: called by `scripts/reindex` page by page, it has every sitter of one part of the
//! directory looked at again.
//!
//! Searches go on meanwhile: each sitter is replaced by themselves.

use domain::id::UserId;
use messaging::queue::{Queue, SearchMessage};
use runtime::Error;
use serde::{Deserialize, Serialize};
use storage::Tables;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    shard: u8,
    after: Option<UserId>,
}

/// What was done, and where the next page begins.
#[derive(Debug, Serialize)]
pub struct Report {
    sitters: usize,
    next: Option<UserId>,
}

/// Each is a message of its own.
const PAGE: i32 = 500;

/// Goes through the directory.
#[derive(Debug)]
pub struct Reindexer {
    tables: Tables,
    queue: Queue,
}

impl Reindexer {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Queue::from_env(&aws, "SEARCH_QUEUE_URL")?))
    }

    /// With these.
    pub fn new(tables: Tables, queue: Queue) -> Self {
        Self { tables, queue }
    }

    /// Has the sitters of one page looked at again.
    pub async fn handle(&self, order: Order) -> Result<Report, Error> {
        let page = self.tables.sitter_directory(order.shard, order.after, PAGE).await?;
        let messages: Vec<_> = page.ids.iter().map(|&user_id| SearchMessage { user_id }).collect();
        self.queue.send_all(&messages).await?;
        Ok(Report { sitters: messages.len(), next: page.next })
    }
}
