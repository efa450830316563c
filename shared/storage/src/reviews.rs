//! What families have written about sitters.
//!
//! | question                                    | table | pk               | sk    |
//! |---------------------------------------------|-------|------------------|-------|
//! | what was written about a sitter, latest first | main | REVIEWS#‹sitter› | ‹id›  |
//!
//! A review is published together with the sum of all of them, in the sitter's record, so that nobody
//! adds them up to show it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    event::{Event, Fact},
    id::{ReviewId, UserId},
    review::Review,
    sitter::Record,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition};

/// The form in which a [`Review`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    review: Review,
}

fn pk(sitter: UserId) -> String {
    format!("REVIEWS#{sitter}")
}

impl Tables {
    /// Publishes a review and counts it: `record` is the sitter's as it was read. Fails with
    /// [`Error::Conflict`] if it was published before, or the record has changed.
    pub async fn publish_review(&self, review: &Review, record: &Record) -> Result<(), Error> {
        let item = Item {
            pk: pk(review.sitter),
            sk: review.id.to_string(),
            schema_version: 1,
            review: review.clone(),
        };
        let rating = record.rating.with(review.stars.into());
        let changed = Event::new(Fact::SitterChanged { user_id: review.sitter }, review.published_at);
        self.transaction()
            .put(&self.main, &item, Condition::Absent)?
            .put_sitter_record(&Record { rating, version: record.version + 1, ..record.clone() })?
            .announce(&changed)?
            .commit()
            .await
    }

    /// One page of what was written about a sitter, the latest first, from before `before` on.
    pub async fn reviews(
        &self,
        sitter: UserId,
        before: Option<ReviewId>,
        limit: i32,
    ) -> Result<Vec<Review>, Error> {
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", AttributeValue::S(pk(sitter)))
            .expression_attribute_values(
                ":before",
                // Above every identifier.
                AttributeValue::S(before.map_or("~".to_owned(), |id| id.to_string())),
            )
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await?;
        let items = page.items.unwrap_or_default();
        items.into_iter().map(|item| Ok(serde_dynamo::from_item::<_, Item>(item)?.review)).collect()
    }
}
