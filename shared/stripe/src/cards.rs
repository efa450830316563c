use std::fmt;

use domain::{
    id::UserId,
    stripe::{CustomerId, PaymentMethodId, SetupIntentId},
};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{Error, Stripe, page::LIMIT};

/// A card that a parent has left with Stripe. We see what is printed on receipts and no more.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// Its name.
    pub id: PaymentMethodId,
    /// Whose it is; nobody's once it was detached.
    pub customer: Option<CustomerId>,
    /// E.g. `visa`.
    pub brand: String,
    /// The last four digits of its number.
    pub last4: String,
    /// The last month in which it is good, 1 to 12.
    pub exp_month: u8,
    /// The year of that month.
    pub exp_year: u16,
}

/// Digits are personal: a log line shows only which card.
impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A card about to be left: the app shows Stripe's own form with the secret, so that no number reaches us.
#[derive(Debug)]
pub struct SetupIntent {
    /// Its name.
    pub id: SetupIntentId,
    /// What the app hands to Stripe.
    pub client_secret: SecretString,
}

impl Stripe {
    /// Makes somebody known who will pay. Stripe is told our name for them and nothing else.
    pub async fn create_customer(&self, user: UserId, idempotency_key: &str) -> Result<CustomerId, Error> {
        #[derive(Deserialize)]
        struct Customer {
            id: CustomerId,
        }
        let user = user.to_string();
        let form = [("metadata[user]", user.as_str())];
        let made: Customer = self.post("/v1/customers", idempotency_key, &form).await?;
        Ok(made.id)
    }

    /// Deletes a customer, with all their cards, for good.
    pub async fn delete_customer(&self, customer: &CustomerId) -> Result<(), Error> {
        self.delete(&format!("/v1/customers/{customer}")).await
    }

    /// Begins to leave a card that will be charged while its owner is away.
    pub async fn create_setup_intent(
        &self,
        customer: &CustomerId,
        idempotency_key: &str,
    ) -> Result<SetupIntent, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id: SetupIntentId,
            client_secret: String,
        }
        let form =
            [("customer", customer.as_str()), ("usage", "off_session"), ("payment_method_types[]", "card")];
        let made: Answer = self.post("/v1/setup_intents", idempotency_key, &form).await?;
        Ok(SetupIntent { id: made.id, client_secret: made.client_secret.into() })
    }

    /// The cards that somebody has left, the latest first. Nobody has more than the hundred of one page.
    pub async fn payment_methods(&self, customer: &CustomerId) -> Result<Vec<Card>, Error> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Answer>,
        }
        let query = [("customer", customer.as_str()), ("type", "card"), ("limit", LIMIT)];
        let page: Page = self.get("/v1/payment_methods", &query).await?;
        Ok(page.data.into_iter().map(Card::from).collect())
    }

    /// One card.
    pub async fn payment_method(&self, id: &PaymentMethodId) -> Result<Card, Error> {
        self.get::<Answer>(&format!("/v1/payment_methods/{id}"), &[]).await.map(Card::from)
    }

    /// Takes a card away from its owner, for good. What was held on it stays held.
    pub async fn detach(&self, id: &PaymentMethodId, idempotency_key: &str) -> Result<Card, Error> {
        let path = format!("/v1/payment_methods/{id}/detach");
        self.post::<Answer>(&path, idempotency_key, &[]).await.map(Card::from)
    }
}

#[derive(Deserialize)]
struct Answer {
    id: PaymentMethodId,
    customer: Option<CustomerId>,
    card: Printed,
}

#[derive(Deserialize)]
struct Printed {
    brand: String,
    last4: String,
    exp_month: u8,
    exp_year: u16,
}

impl From<Answer> for Card {
    fn from(Answer { id, customer, card }: Answer) -> Self {
        let Printed { brand, last4, exp_month, exp_year } = card;
        Self { id, customer, brand, last4, exp_month, exp_year }
    }
}
