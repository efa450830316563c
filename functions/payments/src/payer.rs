use api::{App, Problem, SignedIn};
use domain::stripe::CustomerId;
use storage::Error;

use crate::problem::from_stripe;

/// As whom Stripe knows a parent; it is told of them if it does not. However often that is begun, there is one.
pub(crate) async fn payer_or_new(app: &App, caller: SignedIn) -> Result<CustomerId, Problem> {
    let (tables, parent) = (caller.tables(app), caller.user_id);
    if let Some(customer) = tables.payer(parent).await? {
        return Ok(customer);
    }
    let key = format!("{parent}/customer");
    let customer = app.stripe().await?.create_customer(parent, &key).await.map_err(from_stripe)?;
    match tables.put_payer(parent, &customer).await {
        // The same key has made the same customer.
        Ok(()) | Err(Error::Conflict) => Ok(customer),
        Err(error) => Err(error.into()),
    }
}
