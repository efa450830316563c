use domain::stripe::{CustomerId, PaymentMethodId};
use jiff::{Timestamp, tz::TimeZone};
use stripe::{Error, Stripe};

/// Whether a card is there, that parent's, and good at a moment: all that can be known before it holds money.
pub(crate) async fn is_good(
    stripe: &Stripe,
    method: &PaymentMethodId,
    customer: &CustomerId,
    at: Timestamp,
) -> Result<bool, Error> {
    let card = match stripe.payment_method(method).await {
        // What is there need not be a card.
        Err(Error::NotFound | Error::Unreadable) => return Ok(false),
        card => card?,
    };
    let last = (card.exp_year, card.exp_month);
    let at = at.to_zoned(TimeZone::UTC);
    let needed = (at.year().unsigned_abs(), at.month().unsigned_abs());
    Ok(card.customer.as_ref() == Some(customer) && last >= needed)
}
