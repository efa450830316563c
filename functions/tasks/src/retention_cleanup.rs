//! `retention-cleanup`: called by a schedule, it removes what has no reason to be kept any more:
//! accounts whose address nobody proved, claims on addresses that users have left, and uploads that never came, were refused, or were replaced.

use domain::due::Kind;
use jiff::Timestamp;
use runtime::{Error, Invocation};
use storage::{Tables, files::Files};

use runtime::due::{Outcome, Report, Run, parse};

/// Removes what is due.
#[derive(Debug)]
pub struct Cleanup {
    tables: Tables,
    files: Files,
}

impl Cleanup {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Files::from_env(&aws)?))
    }

    /// With these tables and buckets.
    pub fn new(tables: Tables, files: Files) -> Self {
        Self { tables, files }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let mut run = Run::new(&self.tables, &invocation);
        run.each(Kind::UnverifiedAccount, async |id, now| self.account(id, now).await).await?;
        run.each(Kind::PreviousEmail, async |id, now| self.previous_email(id, now).await).await?;
        run.each(Kind::Upload, async |id, now| self.upload(id, now).await).await?;
        Ok(run.finish())
    }

    async fn account(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let id = parse(id)?;
        let Some(user) = self.tables.user(id).await? else {
            // A run before this one has begun, and has not come to the end.
            let was_begun = self.tables.finish_removal(id, now).await?;
            return Ok(if was_begun { Outcome::Done } else { Outcome::Skipped });
        };
        // The index lags behind the table, so the item itself decides.
        if user.due.is_none_or(|due| due > now) {
            return Ok(Outcome::Skipped);
        }
        self.tables.remove_unverified(&user, now).await?;
        Ok(Outcome::Done)
    }

    async fn previous_email(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(user) = self.tables.user(parse(id)?).await? else { return Ok(Outcome::Skipped) };
        if user.previous_email.is_none() || user.revertible_email(now).is_some() {
            return Ok(Outcome::Skipped);
        }
        self.tables.release_previous_email(user).await?;
        Ok(Outcome::Done)
    }

    async fn upload(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(upload) = self.tables.upload(parse(id)?).await? else { return Ok(Outcome::Skipped) };
        if upload.due.is_none_or(|due| due > now) {
            return Ok(Outcome::Skipped);
        }
        // Objects first: the item is what names them, and deleting them again does no harm.
        self.files.discard_received(upload.id, None).await?;
        self.files.delete_variants(upload.id).await?;
        self.tables.remove_upload(&upload).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::{
        display_name::DisplayName,
        event::{Event, Fact},
        mail_link::MailLink,
        role::Role,
        upload::{FileSize, ImageType, Purpose, State, Upload},
        user::{Avatar, User},
    };
    use jiff::SignedDuration;
    use runtime::due::RESERVE;
    use storage::audit::{Action, Entry, Origin};
    use testing::{Dynamo, TABLES, acting_as};

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

    async fn register(tables: &Tables, email: &str, avatar: Option<Avatar>, at: Timestamp) {
        let name = DisplayName::parse("Ada").unwrap();
        let user = User::register(Role::Sitter, email.parse().unwrap(), name, WEEK, at);
        let user = User { avatar, ..user };
        let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, at);
        let trail = Entry::by_self(user.id, Action::Registered, at, Origin::default());
        tables.register(user, "hash".into(), &event, &trail).await.unwrap();
    }

    fn until(deadline: Timestamp) -> Invocation {
        Invocation { request_id: "test".into(), deadline }
    }

    #[tokio::test]
    async fn a_removal_that_was_not_finished_is_by_the_next_run() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let cleanup =
            Cleanup::new(tables.clone(), Files::new(&dynamo.config, "uploads".into(), "media".into()));
        let now = Timestamp::now();
        register(&tables, "old@example.org", None, now - WEEK).await;
        // As after the first step of a removal: the account is a note only, and what lies under it is still there.
        let user = tables.owner_of(&"old@example.org".parse().unwrap()).await.unwrap().unwrap();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let key =
            |sk: &str| [("pk".to_owned(), text(&format!("USER#{user}"))), ("sk".to_owned(), text(sk))].into();
        let client = &dynamo.client;
        let profile =
            client.get_item().table_name("main").set_key(Some(key("PROFILE"))).send().await.unwrap();
        let mut note = profile.item.unwrap();
        note.insert("sk".into(), text("REMOVAL"));
        client.put_item().table_name("main").set_item(Some(note)).send().await.unwrap();
        client.delete_item().table_name("main").set_key(Some(key("PROFILE"))).send().await.unwrap();
        for n in 0..130 {
            let item = key(&format!("SOMETHING#{n:03}"));
            client.put_item().table_name("main").set_item(Some(item)).send().await.unwrap();
        }
        let report = cleanup.run(until(Timestamp::MAX)).await.unwrap();
        assert_eq!((report.done["unverified_account"], report.failed), (1, 0));
        let left = client.scan().table_name("main").send().await.unwrap();
        let under = left.items().iter().filter(|item| item["pk"] == text(&format!("USER#{user}"))).count();
        assert_eq!(under, 0);
        assert_eq!(cleanup.run(until(Timestamp::MAX)).await.unwrap().done.get("unverified_account"), None);
    }

    #[tokio::test]
    async fn a_run_without_time_leaves_everything_to_the_next() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let files = Files::new(&dynamo.config, "uploads".into(), "media".into());
        let cleanup = Cleanup::new(tables.clone(), files);
        let run = async |invocation| acting_as("RetentionCleanup", cleanup.run(invocation)).await.unwrap();
        let now = Timestamp::now();
        // More than a page in each partition, if all were in one.
        let size = FileSize::parse(1).unwrap();
        let announced =
            || Upload::announce(domain::id::new(now), Purpose::Avatar, ImageType::Png, size, now - WEEK);
        let (abandoned, portrait) = (announced(), announced());
        let portrait = Upload { state: State::Ready { variants: Vec::new() }, due: None, ..portrait };
        for upload in [&abandoned, &portrait] {
            tables.announce_upload(upload).await.unwrap();
        }
        let avatar = Avatar { upload: portrait.id, variants: Vec::new() };
        for n in 0..120 {
            let at = now - WEEK - SignedDuration::from_secs(n);
            let avatar = (n == 0).then(|| avatar.clone());
            register(&tables, &format!("old{n}@example.org"), avatar, at).await;
        }
        register(&tables, "young@example.org", None, now - WEEK + SignedDuration::from_hours(1)).await;

        let hurried = run(until(now + RESERVE)).await;
        assert_eq!(hurried, Report::default());
        let whole = run(until(Timestamp::MAX)).await;
        assert_eq!((whole.done["unverified_account"], whole.failed, whole.complete), (120, 0, true));
        assert_eq!((whole.done["upload"], tables.upload(abandoned.id).await.unwrap()), (1, None));
        let portrait = tables.upload(portrait.id).await.unwrap().unwrap();
        assert!(matches!(portrait.state, State::Replaced { .. }) && portrait.due.is_some());
        let again = run(until(Timestamp::MAX)).await;
        assert_eq!(again, Report { complete: true, ..Report::default() });
        assert!(tables.owner_of(&"young@example.org".parse().unwrap()).await.unwrap().is_some());
        assert!(tables.owner_of(&"old7@example.org".parse().unwrap()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_address_that_was_left_is_free_in_the_end() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let files = Files::new(&dynamo.config, "uploads".into(), "media".into());
        let cleanup = Cleanup::new(tables.clone(), files);
        let past = Timestamp::now() - WEEK;
        let [old, new] = ["old@example.org", "new@example.org"].map(|email| email.parse().unwrap());
        register(&tables, "old@example.org", None, past).await;
        let user = tables.user(tables.owner_of(&old).await.unwrap().unwrap()).await.unwrap().unwrap();
        let before = user.clone().prove_email(&old, past).unwrap();
        tables.save_user(before.clone(), user.version, past).await.unwrap();
        let secret = api::secrets::Secret::generate().hash();
        let link = MailLink::new(&before, domain::mail_link::Purpose::VerifyEmail, new, secret, past);
        tables.save_link(&link).await.unwrap();
        let after = before.clone().with_pending_email(link.email.clone());
        let after = after.prove_email(&link.email, past).unwrap();
        let after = User { version: before.version + 1, ..after };
        let trail = Entry::by_self(user.id, Action::EmailChanged, past, Origin::default());
        tables.prove_email(&before, after, None, &link, &trail).await.unwrap();
        assert!(tables.claim_on(&old).await.unwrap().is_some());

        let report = acting_as("RetentionCleanup", cleanup.run(until(Timestamp::MAX))).await.unwrap();
        assert_eq!((report.done["previous_email"], report.failed), (1, 0));
        assert!(tables.claim_on(&old).await.unwrap().is_none());
    }
}
