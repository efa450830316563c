//! The contract of the storage, on the embedded DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use domain::{
    display_name::DisplayName,
    due::{Kind, SHARDS},
    event::{Event, Fact},
    session::{Presented, Session, TokenHash},
    token_keys::{KeySet, PublicKey},
    upload::{FileSize, ImageType, Purpose, Refusal, Upload, Variant},
    user::{Avatar, Changes, Role, User},
};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Error, Tables,
    audit::{Action, Entry, Origin},
    inbox::Claim,
};
use testing::{Dynamo, TABLES};

async fn tables() -> (Dynamo, Tables) {
    let dynamo = Dynamo::start().await;
    let [main, ephemeral, audit] = TABLES.map(String::from);
    let tables = Tables::new(dynamo.client.clone(), main, ephemeral, audit);
    (dynamo, tables)
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn person(email: &str) -> User {
    let week = SignedDuration::from_hours(7 * 24);
    User::register(Role::Parent, email.parse().unwrap(), DisplayName::parse("Ada").unwrap(), week, now())
}

fn entry(user: &User, action: Action) -> Entry {
    Entry { subject: user.id, action, at: now(), origin: Origin::default() }
}

async fn register(tables: &Tables, user: &User) -> Result<(), Error> {
    let event = Event::new(Fact::UserRegistered { user_id: user.id }, now());
    tables.register(user.clone(), "hash".into(), &event, &entry(user, Action::Registered)).await
}

async fn count(dynamo: &Dynamo, table: &str) -> i32 {
    dynamo.client.scan().table_name(table).send().await.unwrap().count()
}

fn conflict(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Conflict)), "{result:?}");
}

async fn due(tables: &Tables, kind: Kind, at: Timestamp) -> Vec<String> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let mut after = None;
        loop {
            let page = tables.due(kind, shard, at, after, 2).await.unwrap();
            all.extend(page.ids);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    all
}

#[tokio::test]
async fn an_address_belongs_to_one_account() {
    let (dynamo, tables) = tables().await;
    let (ada, impostor) = (person("ada@example.org"), person("ada@example.org"));
    register(&tables, &ada).await.unwrap();
    let before = count(&dynamo, "main").await;
    conflict(register(&tables, &impostor).await);
    assert_eq!(count(&dynamo, "main").await, before, "nothing of the loser is left behind");
    assert_eq!(tables.owner_of(&ada.email).await.unwrap(), Some(ada.id));
    assert_eq!(tables.user(ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(tables.user(impostor.id).await.unwrap(), None);
    let credentials = tables.credentials(&ada.email).await.unwrap().unwrap();
    assert_eq!((credentials.user_id, credentials.password_hash.as_str()), (ada.id, "hash"));
}

#[tokio::test]
async fn of_many_registrations_at_once_one_wins() {
    let (_dynamo, tables) = tables().await;
    let tries = (0..20).map(|_| {
        let tables = tables.clone();
        tokio::spawn(async move { register(&tables, &person("ada@example.org")).await.is_ok() })
    });
    let mut won = 0;
    for attempt in tries.collect::<Vec<_>>() {
        won += i32::from(attempt.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_stale_change_is_refused() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let rename = |name: &str| Changes { name: Some(DisplayName::parse(name).unwrap()), ..Changes::default() };
    tables.save_user(rename("Ada L").apply(ada.clone()), 1).await.unwrap();
    conflict(tables.save_user(rename("Ada B").apply(ada.clone()), 1).await);
    let stored = tables.user(ada.id).await.unwrap().unwrap();
    assert_eq!((stored.name.as_str(), stored.version, stored.due), ("Ada L", 2, ada.due));
}

#[tokio::test]
async fn an_unproved_account_falls_due_and_frees_its_address() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let due_at = ada.due.unwrap();
    assert!(due(&tables, Kind::UnverifiedAccount, due_at - SignedDuration::from_secs(1)).await.is_empty());
    assert_eq!(due(&tables, Kind::UnverifiedAccount, due_at).await, [ada.id.to_string()]);
    assert!(due(&tables, Kind::Upload, due_at).await.is_empty());

    let mut proved = ada.clone();
    (proved.due, proved.email_verified, proved.version) = (None, true, 2);
    tables.save_user(proved, 1).await.unwrap();
    conflict(tables.remove_unverified(&ada, due_at).await);
    assert!(due(&tables, Kind::UnverifiedAccount, due_at).await.is_empty());

    let bob = person("bob@example.org");
    register(&tables, &bob).await.unwrap();
    tables.remove_unverified(&bob, due_at).await.unwrap();
    conflict(tables.remove_unverified(&bob, due_at).await);
    assert_eq!(tables.user(bob.id).await.unwrap(), None);
    register(&tables, &person("bob@example.org")).await.unwrap();
}

#[tokio::test]
async fn what_is_due_comes_in_pages_and_in_order() {
    let (_dynamo, tables) = tables().await;
    let mut expected = Vec::new();
    for n in 0..60 {
        let ada = person(&format!("ada{n}@example.org"));
        register(&tables, &ada).await.unwrap();
        expected.push(ada.id.to_string());
    }
    let mut found = due(&tables, Kind::UnverifiedAccount, Timestamp::MAX).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_session_is_exchanged_by_one() {
    let (dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    let session = Session::start(ada.id, ada.role, TokenHash([1; 32]), now());
    tables.start_session(&session, &entry(&ada, Action::SignedIn)).await.unwrap();
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(count(&dynamo, "audit").await, 1);

    let before = session.current.clone();
    let first = session.clone().rotate(Presented::Current, TokenHash([2; 32]), later(5));
    let second = session.clone().rotate(Presented::Current, TokenHash([3; 32]), later(5));
    tables.rotate_session(&first, &before).await.unwrap();
    conflict(tables.rotate_session(&second, &before).await);
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), Some(first.clone()));

    let event = Event::new(Fact::SessionReused { user_id: ada.id, session_id: session.id }, later(9));
    tables.end_reused_session(&first, &entry(&ada, Action::SessionReused), &event).await.unwrap();
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), None);
    conflict(tables.rotate_session(&first, &first.current).await);
    assert_eq!(count(&dynamo, "audit").await, 2);
}

#[tokio::test]
async fn a_message_is_leased_done_and_remembered() {
    let (_dynamo, tables) = tables().await;
    let lease = SignedDuration::from_secs(60);
    let claim = |at| tables.claim("mail", "m1", lease, at);
    assert_eq!(claim(now()).await.unwrap(), Claim::Yours);
    assert_eq!(claim(later(59)).await.unwrap(), Claim::Busy);
    assert_eq!(claim(later(60)).await.unwrap(), Claim::Yours, "the first worker has crashed");
    tables.complete("mail", "m1", later(61)).await.unwrap();
    assert_eq!(claim(later(10_000)).await.unwrap(), Claim::Done);
    assert_eq!(tables.claim("push", "m1", lease, now()).await.unwrap(), Claim::Yours);
}

fn upload(owner: &User) -> Upload {
    let size = FileSize::parse(1000).unwrap();
    Upload::announce(owner.id, Purpose::Avatar, ImageType::Jpeg, size, now())
}

fn variants() -> Vec<Variant> {
    vec![Variant { size: "card".into(), format: "webp".into(), width: 300, height: 300 }]
}

#[tokio::test]
async fn a_published_picture_replaces_the_one_before() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let (old, new) = (upload(&ada), upload(&ada));
    for upload in [&old, &new] {
        tables.announce_upload(upload).await.unwrap();
        let published = upload.clone().published(variants()).unwrap();
        let owner = tables.user(ada.id).await.unwrap().unwrap();
        tables.publish_avatar(&published, owner.clone(), later(60)).await.unwrap();
        conflict(tables.publish_avatar(&published, owner, later(60)).await);
    }
    let ada = tables.user(ada.id).await.unwrap().unwrap();
    let picture = Avatar { upload: new.id, variants: variants() };
    assert_eq!((&ada.avatar, ada.version), (&Some(picture), 3));
    assert_eq!(tables.upload(new.id).await.unwrap().unwrap().due, None);
    let replaced = tables.upload(old.id).await.unwrap().unwrap();
    assert_eq!((replaced.state.name(), replaced.state.variants()), ("replaced", &variants()[..]));
    assert_eq!(due(&tables, Kind::Upload, replaced.due.unwrap()).await, [old.id.to_string()]);
    tables.remove_upload(&replaced).await.unwrap();
    conflict(tables.remove_upload(&replaced).await);

    tables.remove_unverified(&ada, later(100)).await.unwrap();
    assert_eq!(tables.upload(new.id).await.unwrap().unwrap().state.name(), "replaced");
}

#[tokio::test]
async fn a_refused_upload_is_not_published_afterwards() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let upload = upload(&ada);
    tables.announce_upload(&upload).await.unwrap();
    let refused = upload.clone().refused(Refusal::NotAnImage, now()).unwrap();
    tables.refuse_upload(&refused).await.unwrap();
    conflict(tables.refuse_upload(&refused).await);
    let published = upload.published(variants()).unwrap();
    conflict(tables.publish_avatar(&published, ada.clone(), now()).await);
    assert_eq!(tables.user(ada.id).await.unwrap().unwrap().avatar, None);
}

#[tokio::test]
async fn only_one_rotation_publishes() {
    let (_dynamo, tables) = tables().await;
    assert_eq!(tables.token_keys().await.unwrap(), KeySet::default());
    let publish = |set: KeySet, kid: &str| {
        set.publish(PublicKey { kid: kid.into(), x: String::new(), signs_from: now() }, now())
    };
    let first = publish(KeySet::default(), "a");
    tables.publish_token_keys(&first, 0).await.unwrap();
    conflict(tables.publish_token_keys(&publish(KeySet::default(), "b"), 0).await);
    let second = publish(first.clone(), "c");
    tables.publish_token_keys(&second, first.version).await.unwrap();
    conflict(tables.publish_token_keys(&second, first.version).await);
    assert_eq!(tables.token_keys().await.unwrap(), second);
}
