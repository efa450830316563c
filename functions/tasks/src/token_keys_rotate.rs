//! `token-keys-rotate`: called by a schedule every day, and once by the deployment of a new stack,
//! it sees to it that there is a key to sign access tokens with, and that it is a young one.
//!
//! When a key serves is decided in [`domain::token_keys`]. The public half is published first, on
//! the condition that nobody else has; only the one who did writes the private half. After a crash
//! in between, the published key has no private half: nobody signs with it, and the next run puts
//! another in its place.

use std::time::Duration;

use domain::token_keys::Rotation;
use jiff::Timestamp;
use runtime::{
    Error, custom_resource,
    task::{self, Progress},
};
use serde::Serialize;
use serde_json::Value;
use storage::{Tables, signing_secret::SigningSecret};

/// The pauses between the attempts to make a stack's first key. IAM can take several seconds to apply the policies of a
/// new role, and a single refusal would roll the deployment back. In all, half of the function's timeout.
const PROPAGATION: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

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
        let result = match event.get("RequestType").and_then(Value::as_str) {
            // A stack that goes takes its key with it.
            Some("Delete") => Ok(Report { published: None }),
            Some("Create") => {
                retry_while_denied(&PROPAGATION, async || self.rotate(Timestamp::now()).await).await
            }
            _ => self.rotate(Timestamp::now()).await,
        };
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

/// Repeats a call that IAM denies, after each of the pauses.
async fn retry_while_denied<T>(
    pauses: &[Duration],
    call: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    for pause in pauses {
        match call().await {
            Err(error) if is_denied(&error) => {
                tracing::warn!(%error, ?pause, "the role has no permission yet");
                tokio::time::sleep(*pause).await;
            }
            other => return other,
        }
    }
    call().await
}

fn is_denied(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(storage::Error::Refused(code)) if code.starts_with("AccessDenied"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const NO_PAUSES: [Duration; 4] = [Duration::ZERO; 4];

    fn refused(code: &str) -> Error {
        storage::Error::Refused(code.into()).into()
    }

    #[tokio::test]
    async fn a_new_role_gets_its_permissions_after_a_while() {
        let calls = Cell::new(0);
        let made = retry_while_denied(&NO_PAUSES, async || {
            calls.set(calls.get() + 1);
            if calls.get() < 5 { Err(refused("AccessDeniedException")) } else { Ok("key") }
        });
        assert_eq!((made.await.unwrap(), calls.get()), ("key", 5));
    }

    #[tokio::test]
    async fn a_role_without_permissions_fails_the_deployment() {
        let calls = Cell::new(0);
        let made = retry_while_denied(&NO_PAUSES, async || {
            calls.set(calls.get() + 1);
            Err::<(), _>(refused("AccessDeniedException"))
        });
        assert!(made.await.is_err());
        assert_eq!(calls.get(), 5);
    }

    #[tokio::test]
    async fn no_other_error_is_repeated() {
        for error in [refused("ValidationException"), "no answer".into()] {
            let error = Cell::new(Some(error));
            let made = retry_while_denied(&NO_PAUSES, async || Err::<(), _>(error.take().unwrap()));
            assert!(made.await.is_err());
        }
    }
}
