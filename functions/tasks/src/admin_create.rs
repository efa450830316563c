//! `admin-create`: called by an operator, through `scripts/admin`, it opens an account that may operate
//! the marketplace. Nothing else can, and no password passes through anybody's hands: the new admin
//! chooses one through a mail.

use api::passwords;
use domain::{
    display_name::DisplayName,
    email::EmailAddress,
    event::{Event, Fact},
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use runtime::{Error, Invocation};
use serde::{Deserialize, Serialize};
use storage::{
    Tables,
    audit::{Action, Entry, Origin},
};

/// An account whose owner does not answer the mail is removed after a week.
const UNVERIFIED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Opens accounts.
#[derive(Debug)]
pub struct Creator {
    tables: Tables,
}

/// Who is to be an admin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    email: EmailAddress,
    name: DisplayName,
}

/// Who is one now.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The account.
    pub user_id: String,
}

impl Creator {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Opens one account.
    pub async fn handle(&self, order: Order, invocation: Invocation) -> Result<Report, Error> {
        let now = Timestamp::now();
        let user = User::register(Role::Admin, order.email, order.name, UNVERIFIED_FOR, now);
        let user_id = user.id;
        let event = Event::new(Fact::AdminInvited { user_id, epoch: user.epoch }, now);
        let origin = Origin { request_id: Some(invocation.request_id), ..Origin::default() };
        let trail = Entry::by_nobody(user_id, Action::AdminCreated, now, origin);
        match self.tables.register(user, passwords::unknown_hash(), &event, &trail).await {
            Err(storage::Error::Conflict) => Err("this address has an account already".into()),
            other => {
                other?;
                tracing::info!(%user_id, "admin created");
                Ok(Report { user_id: user_id.to_string() })
            }
        }
    }
}
