//! `token-keys-rotate`: called by a schedule every day, and once by the deployment of a new stack,
//! it sees to it that there is a key to sign access tokens with, and that it is a young one.
//!
//! When a key serves is decided in [`domain::token_keys`]. The public half is published first, on
//! the condition that nobody else has; only the one who did writes the private half. After a crash
//! in between, the published key has no private half: nobody signs with it, and the next run puts
//! another in its place.

use domain::token_keys::Rotation;
use jiff::Timestamp;
use runtime::{
    Error, custom_resource,
    task::{self, Progress},
};
use serde::Serialize;
use serde_json::Value;
use storage::{Tables, signing_secret::SigningSecret};

/// Rotates the keys.
#[derive(Debug)]
pub struct Rotator {
    tables: Tables,
    secret: SigningSecret,
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The name of the new key, if there is one.
    pub published: Option<String>,
}

impl Progress for Report {
    fn failed(&self) -> u64 {
        0
    }

    fn is_complete(&self) -> bool {
        true
    }
}

impl Rotator {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, SigningSecret::from_env(&aws)?))
    }

    /// With these.
    pub fn new(tables: Tables, secret: SigningSecret) -> Self {
        Self { tables, secret }
    }

    /// Answers a schedule or a deployment.
    pub async fn handle(&self, event: Value) -> Result<Report, Error> {
        // A stack that goes takes its key with it.
        let going = event.get("RequestType").is_some_and(|kind| kind == "Delete");
        let result = if going { Ok(Report { published: None }) } else { self.rotate(Timestamp::now()).await };
        custom_resource::answer(&event, &result).await?;
        task::log_run(&result);
        result
    }

    async fn rotate(&self, now: Timestamp) -> Result<Report, Error> {
        let stored = self.tables.token_keys().await?;
        let before = stored.version;
        let mut private = self.secret.read().await?;
        let usable = stored.without(|kid| private.get(kid).is_none());
        let Rotation::Publish { signs_from } = usable.rotation(now) else {
            tracing::info!("no rotation is due");
            return Ok(Report { published: None });
        };
        let (public, key) = api::tokens::generate_key(signs_from)?;
        let kid = public.kid.clone();
        let published = usable.publish(public, now);
        match self.tables.publish_token_keys(&published, before).await {
            // Another run was quicker, so there is a new key.
            Err(storage::Error::Conflict) => return Ok(Report { published: None }),
            other => other?,
        }
        private.replace(kid.clone(), key, |kid| published.get(kid).is_some());
        self.secret.write(&private).await?;
        tracing::info!(kid, %signs_from, "key published");
        Ok(Report { published: Some(kid) })
    }
}
