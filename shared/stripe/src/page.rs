use domain::money::{Currency, Money};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Error, Stripe};

/// Some of what was made in a time, the latest first.
#[derive(Debug)]
pub struct Page<T, I> {
    /// What can be ours.
    pub items: Vec<T>,
    /// How much there was besides, in currencies that we do not use.
    pub others: usize,
    /// Where the next page begins, if there is one.
    pub after: Option<I>,
}

/// The longest page that Stripe has.
pub(crate) const LIMIT: &str = "100";

impl Stripe {
    /// What was made from a moment on and before another, to the second.
    pub(crate) async fn page<A, T, I>(
        &self,
        path: &str,
        (from, until): (Timestamp, Timestamp),
        after: Option<&str>,
        expand: Option<(&str, &str)>,
    ) -> Result<Page<T, I>, Error>
    where
        A: DeserializeOwned,
        T: TryFrom<A>,
        for<'a> I: From<&'a A>,
    {
        #[derive(Deserialize)]
        struct Answer<A> {
            data: Vec<A>,
            has_more: bool,
        }
        let (from, until) = (from.as_second().to_string(), until.as_second().to_string());
        let mut query = vec![("created[gte]", from.as_str()), ("created[lt]", &until), ("limit", LIMIT)];
        query.extend(expand);
        query.extend(after.map(|after| ("starting_after", after)));
        let page: Answer<A> = self.get(path, &query).await?;
        let after = page.data.last().filter(|_| page.has_more).map(I::from);
        let found = page.data.len();
        let items: Vec<T> = page.data.into_iter().filter_map(|each| T::try_from(each).ok()).collect();
        Ok(Page { others: found - items.len(), items, after })
    }
}

/// An amount as forms have it: the number, and the currency in small letters.
pub(crate) fn written(money: Money) -> (String, String) {
    (money.amount_minor.to_string(), money.currency.to_string().to_lowercase())
}

/// An amount as answers have it. All our currencies have a hundred minor units, at Stripe too.
pub(crate) fn money(amount: u64, currency: &str) -> Result<Money, Error> {
    let currency = Currency::parse(&currency.to_uppercase()).map_err(|_| Error::Unreadable)?;
    let amount_minor = amount.try_into().map_err(|_| Error::Unreadable)?;
    Ok(Money { amount_minor, currency })
}

/// A moment as answers have it, in seconds.
pub(crate) fn moment(second: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(second).map_err(|_| Error::Unreadable)
}
