use api::{App, Problem};
use domain::{id::UserId, stripe::CustomerId};
use storage::Error;

use crate::problem::from_stripe;

/// As whom Stripe knows a parent; it is told of them if it does not. However often that is begun, there is one.
pub(crate) async fn payer_or_new(app: &App, parent: UserId) -> Result<CustomerId, Problem> {
    if let Some(customer) = app.tables().payer(parent).await? {
        return Ok(customer);
    }
    let key = format!("{parent}/customer");
    let customer = app.stripe().await?.create_customer(parent, &key).await.map_err(from_stripe)?;
    match app.tables().put_payer(parent, &customer).await {
        // The same key has made the same customer.
        Ok(()) | Err(Error::Conflict) => Ok(customer),
        Err(error) => Err(error.into()),
    }
}
