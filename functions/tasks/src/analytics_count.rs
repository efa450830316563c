//! `analytics-count`: called by the analytics queue, it adds searches and clicks to the counts of their hour.
//!
//! One that comes twice counts once.

use jiff::Timestamp;
use messaging::queue::AnalyticsMessage;
use runtime::Error;
use storage::Tables;

/// Counts one message after the other.
#[derive(Debug)]
pub struct Counter {
    tables: Tables,
}

impl Counter {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Counts what a message tells.
    pub async fn handle(&self, message: AnalyticsMessage) -> Result<(), Error> {
        let AnalyticsMessage { id, hour, searched } = message;
        match searched {
            Some(searched) => self.tables.count_search(id, hour, &searched, Timestamp::now()).await?,
            None => self.tables.count_click(id, hour, Timestamp::now()).await?,
        }
        Ok(())
    }
}
