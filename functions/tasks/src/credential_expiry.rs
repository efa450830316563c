//! `credential-expiry`: called by a schedule, it marks certificates whose last day is past as expired.
//! Announces [`Fact::CredentialExpired`](domain::event::Fact::CredentialExpired), and, of a background
//! check, [`Fact::BackgroundCheckExpired`](domain::event::Fact::BackgroundCheckExpired), from which it
//! follows that parents do not find the sitter any longer.

use domain::{due::Kind, sitter::today, vetting::Event};
use jiff::Timestamp;
use runtime::{Error, Invocation};
use storage::Tables;

use runtime::due::{Outcome, Report, Run, parse};

/// Marks what has expired.
#[derive(Debug)]
pub struct Expiry {
    tables: Tables,
}

impl Expiry {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(Tables::from_env(&config::aws::from_env()?)?))
    }

    /// With these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let mut run = Run::new(&self.tables, &invocation);
        run.each(Kind::Certificate, async |id, now| self.expire(id, now).await).await?;
        Ok(run.finish())
    }

    async fn expire(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(certificate) = self.tables.certificate(parse(id)?).await? else {
            return Ok(Outcome::Skipped);
        };
        // The index lags behind the table, so the item itself decides.
        let Ok(expired) = certificate.after(Event::Expire, today(now)) else { return Ok(Outcome::Skipped) };
        self.tables.expire_certificate(&expired, now).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        id::CertificateId,
        vetting::{Certificate, Details, Folder, Issuer, Kind, State, Title},
    };
    use jiff::{ToSpan, civil::Date};
    use storage::audit::{Action, Entry, Origin};
    use testing::{Dynamo, TABLES, acting_as};

    async fn verified(tables: &Tables, kind: Kind, expires_on: Date) -> CertificateId {
        let issued_on = expires_on.saturating_sub(30.days());
        let at = issued_on.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let details = Details {
            kind,
            title: Title::parse("Course").unwrap(),
            issuer: Issuer::parse("Red Cross").unwrap(),
            issued_on,
            expires_on: Some(expires_on),
        };
        let (id, user_id) = (domain::id::new(at), domain::id::new(at));
        let submitted = Certificate::submit(id, user_id, details, "sealed".into(), at);
        let folder = Folder::new(user_id).with(id, kind);
        tables.submit_certificate(&submitted, &folder, None).await.unwrap();
        let verified = submitted.after(Event::Verify, issued_on).unwrap();
        let trail = Entry::by_nobody(user_id, Action::CredentialVerified, at, Origin::default());
        tables.decide_certificate(&verified, None, &trail).await.unwrap();
        id
    }

    #[tokio::test]
    async fn what_is_past_expires_once_however_often_and_late_it_runs() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let today = today(Timestamp::now());
        let late = verified(&tables, Kind::FirstAid, today.saturating_sub(100.days())).await;
        let check = verified(&tables, Kind::BackgroundCheck, today.yesterday().unwrap()).await;
        let good = verified(&tables, Kind::BackgroundCheck, today.tomorrow().unwrap()).await;

        let expiry = Expiry::new(tables.clone());
        let run = async || {
            let invocation = Invocation { request_id: "test".into(), deadline: Timestamp::MAX };
            acting_as("CredentialExpiry", expiry.run(invocation)).await.unwrap()
        };
        // Both at once: each certificate is marked by one of them.
        let (one, other) = tokio::join!(run(), run());
        let done = |report: &Report| report.done.get("certificate").copied().unwrap_or_default();
        assert_eq!((done(&one) + done(&other), one.failed + other.failed), (2, 0));
        assert_eq!(run().await, Report { complete: true, ..Report::default() });

        let state = async |id| tables.certificate(id).await.unwrap().unwrap().state;
        assert_eq!(
            (state(late).await, state(check).await, state(good).await),
            (State::Expired, State::Expired, State::Verified)
        );
        let items = dynamo.client.scan().table_name("main").send().await.unwrap();
        let stored = format!("{:?}", items.items());
        let told = |fact: &str| stored.matches(&format!(r#"\"type\":\"{fact}\""#)).count();
        assert_eq!((told("credential_expired"), told("background_check_expired")), (2, 1));
    }
}
