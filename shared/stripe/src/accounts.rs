use domain::{id::UserId, stripe::AccountId};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{Error, Stripe, page::moment};

/// Where a sitter's money goes, as Stripe knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Whether the sitter has filled in everything that Stripe asks at first.
    pub details_submitted: bool,
    /// Whether we may send money to it.
    pub transfers_active: bool,
    /// Whether money goes on from it to the sitter's bank.
    pub payouts_enabled: bool,
    /// Why something is not possible, by its code, e.g. `requirements.past_due`.
    pub disabled_reason: Option<String>,
}

/// A page of Stripe's where a sitter tells who they are and where their bank is. It opens once.
#[derive(Debug)]
pub struct AccountLink {
    /// Where it is. Whoever has it is taken for the sitter.
    pub url: SecretString,
    /// When it is of no use any more, some minutes from now.
    pub expires_at: Timestamp,
}

impl Stripe {
    /// Opens an account for a sitter in a country (ISO 3166-1 alpha-2, capitals), of the kind that Stripe calls
    /// Express: it asks the sitter itself, and we answer for fees and losses.
    pub async fn create_account(
        &self,
        user: UserId,
        country: &str,
        idempotency_key: &str,
    ) -> Result<Account, Error> {
        let user = user.to_string();
        let form = [
            ("country", country),
            ("business_type", "individual"),
            ("controller[stripe_dashboard][type]", "express"),
            ("controller[fees][payer]", "application"),
            ("controller[losses][payments]", "application"),
            ("capabilities[transfers][requested]", "true"),
            // Nobody pays a sitter by card, but without Stripe's leave there are no transfers alone.
            ("capabilities[card_payments][requested]", "true"),
            ("metadata[user]", &user),
        ];
        self.post::<Answer>("/v1/accounts", idempotency_key, &form).await.map(Account::from)
    }

    /// An account as it is now.
    pub async fn account(&self, id: &AccountId) -> Result<Account, Error> {
        self.get::<Answer>(&format!("/v1/accounts/{id}"), &[]).await.map(Account::from)
    }

    /// Deletes an account, for good. Stripe refuses while there is money on it. One that is gone already answers like
    /// one that has turned away from us: [`Error::NotFound`].
    pub async fn delete_account(&self, id: &AccountId) -> Result<(), Error> {
        match self.delete(&format!("/v1/accounts/{id}")).await {
            Err(Error::Refused(code)) if code == "account_invalid" => Err(Error::NotFound),
            deleted => deleted,
        }
    }

    /// A page for the sitter to fill in. It leads back to one of two pages of ours: when it is left, and when
    /// it was opened too late and another one is needed. Neither says that the sitter is done.
    pub async fn account_link(
        &self,
        account: &AccountId,
        refresh_url: &str,
        return_url: &str,
        idempotency_key: &str,
    ) -> Result<AccountLink, Error> {
        #[derive(Deserialize)]
        struct Link {
            url: String,
            expires_at: i64,
        }
        let form = [
            ("account", account.as_str()),
            ("type", "account_onboarding"),
            ("refresh_url", refresh_url),
            ("return_url", return_url),
        ];
        let made: Link = self.post("/v1/account_links", idempotency_key, &form).await?;
        Ok(AccountLink { url: made.url.into(), expires_at: moment(made.expires_at)? })
    }
}

#[derive(Deserialize)]
struct Answer {
    id: AccountId,
    details_submitted: bool,
    payouts_enabled: bool,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    transfers: Option<String>,
}

#[derive(Default, Deserialize)]
struct Requirements {
    disabled_reason: Option<String>,
}

impl From<Answer> for Account {
    fn from(answer: Answer) -> Self {
        Self {
            id: answer.id,
            details_submitted: answer.details_submitted,
            transfers_active: answer.capabilities.transfers.as_deref() == Some("active"),
            payouts_enabled: answer.payouts_enabled,
            disabled_reason: answer.requirements.disabled_reason,
        }
    }
}
