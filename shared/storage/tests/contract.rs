//! The contract of the storage, on the embedded DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    display_name::DisplayName,
    due::{Kind, SHARDS},
    event::{Event, Fact},
    id::UserId,
    mail_link::{MailLink, Purpose as LinkPurpose},
    one_time_code::{Pending, Purpose as CodePurpose},
    phone::PhoneNumber,
    role::Role,
    session::{Client, Presented, Session, Token, TokenHash},
    token_keys::{KeySet, PublicKey},
    upload::{FileSize, ImageType, Purpose, Refusal, Upload, Variant},
    user::{Avatar, Changes, Standing, User},
};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Error, Tables,
    audit::{Action, By, Entry, Origin, Recorded},
    idempotency::{Answer, Begun, Key},
    inbox::Claim,
    outbox::{Lane, SLICES},
    rate_limits::{Bucket, Rate},
    revocations::Position,
    sessions::Proof,
    users::Claim as AddressClaim,
};
use testing::{Dynamo, TABLES, requested_booking};

async fn tables() -> (Dynamo, Tables) {
    let dynamo = Dynamo::start().await;
    let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
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
    Entry::by_self(user.id, action, now(), Origin::default())
}

async fn register(tables: &Tables, user: &User) -> Result<(), Error> {
    let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now());
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
    let credentials = tables.credentials_of(&ada.email).await.unwrap().unwrap();
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
    tables.save_user(rename("Ada L").apply(ada.clone()), 1, now()).await.unwrap();
    conflict(tables.save_user(rename("Ada B").apply(ada.clone()), 1, now()).await);
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
    tables.save_user(proved, 1, now()).await.unwrap();
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
async fn those_admins_are_told_who_can_be_reached() {
    let (_dynamo, tables) = tables().await;
    let admin = |email| User { role: Role::Admin, ..person(email) };
    let (root, new, gone) = (admin("root@example.org"), admin("new@example.org"), admin("gone@example.org"));
    for user in [&root, &new, &gone, &person("ada@example.org")] {
        register(&tables, user).await.unwrap();
    }
    let ids = async || tables.admins().await.unwrap().into_iter().map(|admin| admin.id).collect::<Vec<_>>();
    assert!(ids().await.is_empty(), "nobody has proved an address");
    for user in [&root, &gone] {
        let proved = user.clone().prove_email(&user.email, now()).unwrap();
        tables.save_user(proved.clone(), 1, now()).await.unwrap();
    }
    assert_eq!(ids().await.len(), 2);
    let suspended = tables.user(gone.id).await.unwrap().unwrap();
    let suspended = User { standing: Standing::Suspended { since: now() }, version: 3, ..suspended };
    tables.save_user(suspended, 2, now()).await.unwrap();
    assert_eq!(ids().await, [root.id]);
    tables.remove_unverified(&new, now()).await.unwrap();
    assert_eq!(ids().await, [root.id]);
}

#[tokio::test]
async fn what_is_counted_of_a_booking_counts_once() {
    let (dynamo, tables) = tables().await;
    let [parent, sitter]: [UserId; 2] = std::array::from_fn(|_| domain::id::new(now()));
    let bookings: Vec<_> =
        (0..4).map(|_| requested_booking(parent, sitter, "2026-03-10".parse().unwrap(), now())).collect();
    // Each twice, and all that change the same items one after the other.
    for booking in bookings.iter().chain(&bookings) {
        tables.count_request(booking, now()).await.unwrap();
        tables.note_pairing(booking.id, parent, sitter, now()).await.unwrap();
    }
    let [answered, ..] = &bookings[..] else { unreachable!("there are four") };
    // Both deliveries of one message at once: each is done, or comes again.
    let (one, other) =
        tokio::join!(tables.count_answer(answered, now()), tables.count_answer(answered, now()),);
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let record = tables.sitter_record(sitter).await.unwrap().unwrap();
    assert_eq!((record.requests, record.answered, record.version), (4, 1, 5));
    assert_eq!(tables.booked(parent).await.unwrap(), [(sitter, 4)].into());
    let items = dynamo.client.scan().table_name("main").send().await.unwrap().items.unwrap_or_default();
    let events = items.into_iter().filter_map(|item| storage::outbox::event(item.into()).ok());
    let told = events.filter(|event| event.fact == Fact::SitterChanged { user_id: sitter });
    assert_eq!(told.count(), 5, "each change of the record is announced");
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

fn token(n: u8) -> Token {
    Token { family: TokenHash([0; 32]), whole: TokenHash([n; 32]) }
}

fn session(user: &User, n: u8, at: Timestamp) -> Session {
    Session::start(user.id, user.role, user.epoch, token(n), Client::default(), at)
}

async fn start(tables: &Tables, session: &Session) -> Result<(), Error> {
    let credentials = tables.credentials(session.user_id).await?.unwrap();
    let proof = Proof { compared: &credentials, changed: None, pending: None };
    let trail = Entry::by_self(session.user_id, Action::SignedIn, session.created_at, Origin::default());
    tables.start_session(session, proof, &trail).await
}

#[tokio::test]
async fn a_session_is_exchanged_by_one() {
    let (dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let session = session(&ada, 1, now());
    start(&tables, &session).await.unwrap();
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(count(&dynamo, "audit").await, 2);

    let rotate =
        |n| session.clone().rotate(Presented::Current(0), TokenHash([n; 32]), Client::default(), later(5));
    let (first, second) = (rotate(2), rotate(3));
    tables.rotate_session(&first).await.unwrap();
    conflict(tables.rotate_session(&second).await);
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), Some(first.clone()));

    let event = Event::new(Fact::SessionReused { user_id: ada.id, session_id: session.id }, later(9));
    tables.end_reused_session(&first, &entry(&ada, Action::SessionReused), &event).await.unwrap();
    assert_eq!(tables.session(ada.id, session.id).await.unwrap(), None);
    conflict(tables.rotate_session(&first).await);
    assert_eq!(count(&dynamo, "audit").await, 3);
    let (revoked, _) =
        tables.revocations(Position::start(later(9)), SignedDuration::ZERO, later(9)).await.unwrap();
    assert_eq!(revoked.len(), 1);
}

#[tokio::test]
async fn no_session_begins_with_what_has_changed_since() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let compared = tables.credentials(ada.id).await.unwrap().unwrap();
    let changed = compared.clone().with_password("other".into());
    let event = Event::new(Fact::PasswordChanged { user_id: ada.id }, now());
    let next = ada.clone().next_epoch();
    let trail = entry(&ada, Action::PasswordChanged);
    let change =
        async || tables.change_credentials(next.clone(), 1, &changed, None, None, &trail, &event).await;
    change().await.unwrap();
    conflict(change().await);

    let trail = entry(&ada, Action::SignedIn);
    let proof = Proof { compared: &compared, changed: None, pending: None };
    conflict(tables.start_session(&session(&next, 1, now()), proof, &trail).await);
    conflict(start(&tables, &session(&ada, 1, later(9))).await);
    start(&tables, &session(&next, 1, now())).await.unwrap();

    let suspended = next.with_standing(Standing::Suspended { since: later(1) });
    let event = Event::new(Fact::AccountSuspended { user_id: ada.id }, later(1));
    let trail = Entry::by_nobody(ada.id, Action::Suspended, later(1), Origin::default());
    tables.save_standing(suspended.clone(), 2, &trail, &event).await.unwrap();
    conflict(start(&tables, &session(&suspended, 2, later(2))).await);
    let read = async |position, at| tables.revocations(position, SignedDuration::ZERO, at).await.unwrap();
    let (all, position) = read(Position::start(later(1)), later(1)).await;
    assert_eq!(all.len(), 2);
    assert_eq!(read(position, later(2)).await.0.len(), 1, "what was read is not read again");
}

#[tokio::test]
async fn a_session_that_goes_on_is_moved_to_the_new_epoch_or_nothing_happens() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let kept = session(&ada, 1, now());
    start(&tables, &kept).await.unwrap();
    let changed = tables.credentials(ada.id).await.unwrap().unwrap().with_password("other".into());
    let event = Event::new(Fact::PasswordChanged { user_id: ada.id }, now());
    let (next, trail) = (ada.clone().next_epoch(), entry(&ada, Action::PasswordChanged));
    let change = async |kept: &Session| {
        tables.change_credentials(next.clone(), 1, &changed, Some(kept), None, &trail, &event).await
    };
    let rotated = kept.clone().rotate(Presented::Current(0), TokenHash([2; 32]), Client::default(), later(5));
    tables.rotate_session(&rotated).await.unwrap();
    conflict(change(&kept).await);
    assert_eq!(tables.user(ada.id).await.unwrap().unwrap().epoch, ada.epoch);
    change(&rotated).await.unwrap();
    assert_eq!(tables.session(ada.id, kept.id).await.unwrap().unwrap().epoch, next.epoch);
}

#[tokio::test]
async fn no_sign_in_waits_that_has_changed_since_the_password_was_compared() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let compared = tables.credentials(ada.id).await.unwrap().unwrap();
    let wait = async |user: &User| {
        let purpose = CodePurpose::SignIn { challenge: domain::id::new(now()), secret: TokenHash([1; 32]) };
        let pending = Pending::new(user, purpose, now());
        tables.await_second_step(&pending, &compared, &entry(user, Action::SecondStepAsked)).await
    };
    wait(&ada).await.unwrap();
    let next = ada.clone().next_epoch();
    tables.sign_out_everywhere(next.clone(), 1, &entry(&ada, Action::SignedOutEverywhere)).await.unwrap();
    conflict(wait(&ada).await);
    wait(&next).await.unwrap();
    let event = Event::new(Fact::NobodyAsked, now());
    let changed = compared.clone().with_password("other".into());
    tables.save_credentials(&changed, &entry(&ada, Action::PasswordChanged), &event).await.unwrap();
    // A reader that saw the credentials before and the user after the change.
    conflict(wait(&next).await);
}

#[tokio::test]
async fn an_address_that_is_left_is_kept_while_the_change_can_be_reverted() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let verified = ada.clone().prove_email(&ada.email, now()).unwrap();
    tables.save_user(verified.clone(), 1, now()).await.unwrap();
    let thief: domain::email::EmailAddress = "thief@example.org".parse().unwrap();
    let link = |user: &User, purpose, to: &domain::email::EmailAddress| {
        MailLink::new(user, purpose, to.clone(), TokenHash([1; 32]), now())
    };
    let change = link(&verified, LinkPurpose::VerifyEmail, &thief);
    tables.save_link(&change).await.unwrap();
    let moved = verified.clone().with_pending_email(thief.clone()).prove_email(&thief, now()).unwrap();
    let moved = User { version: verified.version + 1, ..moved };
    let trail = entry(&ada, Action::EmailChanged);
    tables.prove_email(&verified, moved.clone(), None, &change, &trail).await.unwrap();
    assert_eq!(tables.owner_of(&ada.email).await.unwrap(), None, "it signs nobody in");
    assert_eq!(tables.claim_on(&ada.email).await.unwrap(), Some(AddressClaim::Former(ada.id)));
    conflict(register(&tables, &person("ada@example.org")).await);
    let until = moved.previous_email.as_ref().unwrap().until;
    assert_eq!(due(&tables, Kind::PreviousEmail, until).await, [ada.id.to_string()]);

    let revert = link(&moved, LinkPurpose::RevertEmail, &ada.email);
    tables.save_link(&revert).await.unwrap();
    let reverted = moved.clone().revert_email(now()).unwrap();
    let void = tables.credentials(ada.id).await.unwrap().unwrap().with_password("void".into());
    let event = Event::new(Fact::EmailReverted { user_id: ada.id, epoch: reverted.epoch }, now());
    let trail = entry(&ada, Action::EmailReverted);
    let back = async || tables.revert_email(&moved, reverted.clone(), &void, &revert, &trail, &event).await;
    back().await.unwrap();
    conflict(back().await);
    assert_eq!(tables.owner_of(&ada.email).await.unwrap(), Some(ada.id));
    assert_eq!(tables.owner_of(&thief).await.unwrap(), None);
    assert!(due(&tables, Kind::PreviousEmail, until).await.is_empty());

    // Kept, and released in the end.
    let user = tables.user(ada.id).await.unwrap().unwrap();
    let change = link(&user, LinkPurpose::VerifyEmail, &thief);
    tables.save_link(&change).await.unwrap();
    let moved = user.clone().with_pending_email(thief.clone()).prove_email(&thief, now()).unwrap();
    let moved = User { version: user.version + 1, ..moved };
    tables
        .prove_email(&user, moved.clone(), None, &change, &entry(&ada, Action::EmailChanged))
        .await
        .unwrap();
    tables.release_previous_email(moved.clone()).await.unwrap();
    conflict(tables.release_previous_email(moved).await);
    assert_eq!(tables.claim_on(&ada.email).await.unwrap(), None);
    register(&tables, &person("ada@example.org")).await.unwrap();
}

#[tokio::test]
async fn the_owner_of_an_address_takes_it_from_an_account_that_nobody_has_verified() {
    let (_dynamo, tables) = tables().await;
    let strangers = person("ada@example.org");
    register(&tables, &strangers).await.unwrap();
    let begun = session(&strangers, 1, now());
    start(&tables, &begun).await.unwrap();
    let email = strangers.email.clone();
    let link =
        MailLink::new(&strangers, LinkPurpose::ResetPassword, email.clone(), TokenHash([1; 32]), now());
    tables.save_link(&link).await.unwrap();
    let owners = person("ada@example.org").prove_email(&email, now()).unwrap();
    let event = Event::new(Fact::PasswordChanged { user_id: owners.id }, later(1));
    let trail = [entry(&strangers, Action::AddressReclaimed), entry(&owners, Action::Registered)];
    let replace = async || {
        let (before, after) = (strangers.clone(), owners.clone());
        tables.replace_unverified(before, after, "hash".into(), &link, [&trail[0], &trail[1]], &event).await
    };
    replace().await.unwrap();
    conflict(replace().await);
    assert_eq!(tables.owner_of(&email).await.unwrap(), Some(owners.id));
    let left = tables.user(strangers.id).await.unwrap().unwrap();
    assert!(!left.admits(begun.epoch));
    assert_eq!(due(&tables, Kind::UnverifiedAccount, later(1)).await, [strangers.id.to_string()]);
    tables.remove_unverified(&left, later(2)).await.unwrap();
    assert_eq!(tables.user(strangers.id).await.unwrap(), None);
    assert_eq!(tables.owner_of(&email).await.unwrap(), Some(owners.id), "the claim is not the stranger's");
    assert!(tables.credentials(owners.id).await.unwrap().is_some());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let (_dynamo, tables) = tables().await;
    let (ada, bob) = (person("ada@example.org"), person("bob@example.org"));
    for user in [&ada, &bob] {
        register(&tables, user).await.unwrap();
    }
    let (first, second, other) =
        (session(&ada, 1, now()), session(&ada, 2, later(1)), session(&bob, 3, now()));
    for session in [&first, &second, &other] {
        start(&tables, session).await.unwrap();
    }
    assert_eq!(tables.sessions(ada.id).await.unwrap().len(), 2);
    tables.end_session(ada.id, first.id, &entry(&ada, Action::SignedOut)).await.unwrap();
    conflict(tables.end_session(ada.id, first.id, &entry(&ada, Action::SignedOut)).await);
    conflict(tables.end_session(ada.id, other.id, &entry(&ada, Action::SignedOut)).await);
    assert_eq!(tables.sessions(ada.id).await.unwrap(), [second]);
    assert_eq!(tables.sessions(bob.id).await.unwrap(), [other]);
}

#[tokio::test]
async fn of_too_many_sessions_those_end_that_were_used_least_recently() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let sessions: Vec<_> = (0..50).map(|n| session(&ada, n, later(i64::from(n)))).collect();
    for session in &sessions {
        start(&tables, session).await.unwrap();
    }
    // The first is the oldest, and was used last.
    let used =
        sessions[0].clone().rotate(Presented::Current(0), TokenHash([99; 32]), Client::default(), later(90));
    tables.rotate_session(&used).await.unwrap();
    let more = (100..108).map(|n| {
        let (tables, session) = (tables.clone(), session(&ada, n, later(i64::from(n))));
        tokio::spawn(async move { start(&tables, &session).await })
    });
    for each in more.collect::<Vec<_>>() {
        each.await.unwrap().unwrap();
    }
    let left: Vec<_> = tables.sessions(ada.id).await.unwrap().iter().map(|session| session.id).collect();
    assert_eq!(left.len(), 50);
    assert!(left.contains(&sessions[0].id));
    let gone = |session: &&Session| !left.contains(&session.id);
    assert!(sessions.iter().filter(gone).eq(&sessions[1..9]));
    let (revoked, _) =
        tables.revocations(Position::start(later(120)), SignedDuration::ZERO, later(120)).await.unwrap();
    assert_eq!(revoked.len(), 8, "their access tokens end as well");
}

#[tokio::test]
async fn a_link_serves_once_and_moves_the_address() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let link = |email: &str, n| {
        MailLink::new(&ada, LinkPurpose::VerifyEmail, email.parse().unwrap(), TokenHash([n; 32]), now())
    };
    let (old, new) = (link("ada@example.org", 1), link("ada@example.org", 2));
    tables.save_link(&old).await.unwrap();
    tables.save_link(&new).await.unwrap();
    assert_eq!(tables.link(ada.id, LinkPurpose::VerifyEmail).await.unwrap(), Some(new.clone()));
    assert_eq!(tables.link(ada.id, LinkPurpose::ResetPassword).await.unwrap(), None);
    let proved = ada.clone().prove_email(&ada.email, now()).unwrap();
    let trail = entry(&ada, Action::EmailVerified);
    conflict(tables.prove_email(&ada, proved.clone(), None, &old, &trail).await);
    tables.prove_email(&ada, proved.clone(), None, &new, &trail).await.unwrap();
    conflict(tables.prove_email(&ada, proved.clone(), None, &new, &trail).await);

    let bob = person("bob@example.org");
    register(&tables, &bob).await.unwrap();
    for (address, free) in [("bob@example.org", false), ("ada@other.example", true)] {
        let before = tables.user(ada.id).await.unwrap().unwrap();
        let wanted = before.clone().with_pending_email(address.parse().unwrap());
        let link = link(address, 3);
        tables.save_link(&link).await.unwrap();
        let after = wanted.prove_email(&link.email, now()).unwrap();
        let moved = tables.prove_email(&before, after, None, &link, &trail).await;
        assert_eq!(moved.is_ok(), free, "{moved:?}");
    }
    let owner = async |email: &str| tables.owner_of(&email.parse().unwrap()).await.unwrap();
    assert_eq!(owner("ada@other.example").await, Some(ada.id));
    assert_eq!(owner("ada@example.org").await, None);
    assert_eq!(owner("bob@example.org").await, Some(bob.id));
}

#[tokio::test]
async fn a_number_belongs_to_one_account() {
    let (_dynamo, tables) = tables().await;
    let phone = PhoneNumber::parse("+447400123456").unwrap();
    let (ada, bob) = (person("ada@example.org"), person("bob@example.org"));
    for (user, free) in [(&ada, true), (&bob, false)] {
        register(&tables, user).await.unwrap();
        let pending = Pending::new(user, CodePurpose::ProvePhone { phone: phone.clone() }, now());
        let event = Event::new(Fact::CodeRequested { user_id: user.id, challenge: None }, now());
        tables.await_text(&pending, &event).await.unwrap();
        assert_eq!(tables.pending(user.id, None).await.unwrap(), Some(pending.clone()));
        let after = user.clone().with_phone(phone.clone());
        let trail = entry(user, Action::PhoneVerified);
        let compared = tables.credentials(user.id).await.unwrap().unwrap();
        let proved = tables.prove_phone(user, after.clone(), &compared, &pending, &trail).await;
        assert_eq!(proved.is_ok(), free, "{proved:?}");
        if free {
            conflict(tables.prove_phone(&after, after.clone(), &compared, &pending, &trail).await);
        }
    }
    assert_eq!(tables.owner_of_phone(&phone).await.unwrap(), Some(ada.id));
    let ada = tables.user(ada.id).await.unwrap().unwrap();
    tables.remove_unverified(&ada, later(1)).await.unwrap();
    assert_eq!(tables.owner_of_phone(&phone).await.unwrap(), None);
}

#[tokio::test]
async fn any_number_of_tries_at_once_are_five() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    let challenge = domain::id::new(now());
    let purpose = CodePurpose::SignIn { challenge, secret: TokenHash([1; 32]) };
    register(&tables, &ada).await.unwrap();
    let compared = tables.credentials(ada.id).await.unwrap().unwrap();
    let pending = Pending::new(&ada, purpose, now());
    tables.await_second_step(&pending, &compared, &entry(&ada, Action::SecondStepAsked)).await.unwrap();
    tables.set_code(&pending, "hash".into()).await.unwrap();
    assert_eq!(tables.count_try(ada.id, Some(challenge), later(600)).await.unwrap(), None, "it has ended");
    let tries = (0..30).map(|_| {
        let (tables, id) = (tables.clone(), ada.id);
        tokio::spawn(async move { tables.count_try(id, Some(challenge), now()).await.unwrap() })
    });
    let mut counted = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        counted.extend(attempt.await.unwrap().map(|pending| (pending.tries, pending.code_hash)));
    }
    counted.sort();
    let hash = Some("hash".to_owned());
    assert_eq!(counted, (1..=5).map(|n| (n, hash.clone())).collect::<Vec<_>>());
    let gone = Pending { user_id: domain::id::new(now()), ..pending.clone() };
    conflict(tables.set_code(&gone, "hash".into()).await);
    conflict(tables.set_code(&pending, "other".into()).await);
}

#[tokio::test]
async fn a_code_is_noted_for_what_was_read_and_for_nothing_that_took_its_place() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    let wait = async |phone: &str, at| {
        let purpose = CodePurpose::ProvePhone { phone: PhoneNumber::parse(phone).unwrap() };
        let pending = Pending::new(&ada, purpose, at);
        let event = Event::new(Fact::CodeRequested { user_id: ada.id, challenge: None }, at);
        tables.await_text(&pending, &event).await.unwrap();
        pending
    };
    let first = wait("+447400111222", now()).await;
    let second = wait("+447400333444", later(1)).await;
    // Sent to the first number, it must not prove the second.
    conflict(tables.set_code(&first, "first".into()).await);
    tables.set_code(&second, "second".into()).await.unwrap();
    conflict(tables.set_code(&second, "again".into()).await);
}

fn bucket(key: &str) -> Bucket {
    Bucket { limit: "login", key: key.into() }
}

#[tokio::test]
async fn a_token_that_is_given_back_is_there_again() {
    let (_dynamo, tables) = tables().await;
    let (ada, rate) = (bucket("ada"), Rate { burst: 2, per: SignedDuration::from_mins(10) });
    let take = async |at| tables.take_tokens(&ada, rate, 1, at).await.unwrap().admitted;
    tables.give_back_tokens(&ada, rate, 1).await.unwrap();
    assert!(take(now()).await && take(now()).await && !take(now()).await, "an unused bucket holds no more");
    tables.give_back_tokens(&ada, rate, 1).await.unwrap();
    assert!(take(now()).await && !take(now()).await);
    tables.fill_bucket(&ada, now()).await.unwrap();
    assert!(take(now()).await && take(now()).await && !take(now()).await);
    tables.fill_bucket(&bucket("bob"), now()).await.unwrap();
}

#[tokio::test]
async fn a_remembered_bucket_is_there_until_it_is_forgotten() {
    let (_dynamo, tables) = tables().await;
    let (ada, rate) = (bucket("ada"), Rate { burst: 2, per: SignedDuration::from_mins(10) });
    let take = async |at| tables.take_remembered(&ada, rate, at).await.unwrap().map(|take| take.admitted);
    assert_eq!(take(now()).await, None);
    for _ in 0..2 {
        tables.remember_bucket(&ada, SignedDuration::from_secs(5000), now()).await.unwrap();
        assert_eq!(
            [take(now()).await, take(now()).await, take(now()).await],
            [Some(true), Some(true), Some(false)]
        );
    }
    assert_eq!(take(later(4999)).await, Some(true));
    assert_eq!(take(later(5000)).await, None, "its time is over, whether or not the store has removed it");
}

#[tokio::test]
async fn a_bucket_admits_exactly_what_it_holds() {
    let (_dynamo, tables) = tables().await;
    let rate = Rate { burst: 20, per: SignedDuration::from_mins(10) };
    let tries = (0..100).map(|_| {
        let tables = tables.clone();
        tokio::spawn(async move { tables.take_tokens(&bucket("ada"), rate, 1, now()).await.unwrap() })
    });
    let mut taken = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        taken.push(attempt.await.unwrap());
    }
    let (admitted, refused): (Vec<_>, Vec<_>) = taken.into_iter().partition(|take| take.admitted);
    let mut left: Vec<_> = admitted.iter().map(|take| take.remaining).collect();
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<_>>());
    assert!(refused.iter().all(|take| take.wait == SignedDuration::from_secs(30)));

    let takes = async |key: &str, count, at| {
        tables.take_tokens(&bucket(key), rate, count, at).await.unwrap().admitted
    };
    let take = async |key: &str, at| takes(key, 1, at).await;
    assert!(take("bob", now()).await, "another key is another bucket");
    let none = tables.take_tokens(&bucket("none"), Rate { burst: 0, ..rate }, 1, now()).await.unwrap();
    assert!(!none.admitted, "a bucket that holds nothing admits nobody");
    assert!(!take("ada", later(29)).await);
    assert!(take("ada", later(30)).await, "a token has come back");
    assert!(!take("ada", later(31)).await);
    for _ in 0..20 {
        assert!(take("ada", later(5000)).await, "it is full again, and no more than full");
    }
    assert!(!take("ada", later(5000)).await);
}

fn request(n: u8) -> Key {
    let id = domain::id::UserId::from_uuid(uuid::Uuid::nil());
    Key { user_id: id, operation: "create_upload", hash: "key".into(), fingerprint: format!("body {n}") }
}

#[tokio::test]
async fn a_repeated_request_is_done_once() {
    let (_dynamo, tables) = tables().await;
    let lock_for = SignedDuration::from_secs(30);
    let begin = async |n, at| tables.begin(&request(n), lock_for, at).await.unwrap();
    let Begun::Yours(lock) = begin(1, now()).await else { panic!("nobody was there") };
    assert_eq!(begin(1, later(29)).await, Begun::Busy);
    assert_eq!(begin(2, later(29)).await, Begun::Reused);
    let Begun::Yours(second) = begin(1, later(30)).await else { panic!("the first has crashed") };
    let answer = Answer { status: 201, body: "{}".into() };
    conflict(tables.finish(&request(1), &lock, answer.clone(), later(31)).await);
    tables.finish(&request(1), &second, answer.clone(), later(31)).await.unwrap();
    assert_eq!(begin(1, later(1000)).await, Begun::Done(answer));
    assert_eq!(begin(2, later(1000)).await, Begun::Reused);
    let Begun::Yours(third) = begin(2, later(90_000)).await else { panic!("it is forgotten after a day") };
    tables.abandon(&request(2), &third).await.unwrap();
    tables.abandon(&request(2), &third).await.unwrap();
    assert!(matches!(begin(1, later(90_000)).await, Begun::Yours(_)));
}

#[tokio::test]
async fn of_many_repeated_requests_at_once_one_is_done() {
    let (_dynamo, tables) = tables().await;
    let tries = (0..20).map(|_| {
        let tables = tables.clone();
        tokio::spawn(
            async move { tables.begin(&request(1), SignedDuration::from_secs(30), now()).await.unwrap() },
        )
    });
    let mut ours = 0;
    for attempt in tries.collect::<Vec<_>>() {
        ours += i32::from(matches!(attempt.await.unwrap(), Begun::Yours(_)));
    }
    assert_eq!(ours, 1);
}

#[tokio::test]
async fn the_trail_is_read_by_subject_and_by_actor() {
    let (_dynamo, tables) = tables().await;
    let (ada, admin) = (person("ada@example.org"), person("admin@example.org"));
    for n in 0..5 {
        let mut entry = Entry::by_self(ada.id, Action::SignedIn, later(n), Origin::default());
        if n % 2 == 1 {
            (entry.actor, entry.action, entry.reason) =
                (Some(admin.id), Action::Suspended, Some("why".into()));
        }
        tables.record(&entry).await.unwrap();
    }
    let seconds = |page: &[Recorded]| {
        page.iter().map(|r| r.entry.at.duration_since(now()).as_secs()).collect::<Vec<_>>()
    };
    let first = tables.trail(By::Subject(ada.id), None, 3).await.unwrap();
    assert_eq!(seconds(&first), [4, 3, 2]);
    let second = tables.trail(By::Subject(ada.id), Some(first[2].id), 3).await.unwrap();
    assert_eq!(seconds(&second), [1, 0]);
    let done = tables.trail(By::Actor(admin.id), None, 10).await.unwrap();
    assert_eq!(seconds(&done), [3, 1]);
    assert_eq!((done[0].entry.subject, done[0].entry.reason.as_deref()), (ada.id, Some("why")));
    assert!(tables.trail(By::Subject(admin.id), None, 10).await.unwrap().is_empty());
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

async fn announced_and_claimed(tables: &Tables, upload: &Upload) -> Upload {
    tables.announce_upload(upload).await.unwrap();
    let claimed = upload.clone().claimed("v1", now()).unwrap();
    tables.claim_upload(upload, &claimed).await.unwrap();
    claimed
}

#[tokio::test]
async fn only_the_last_claim_decides_an_upload() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let awaiting = upload(&ada);
    let first = announced_and_claimed(&tables, &awaiting).await;
    conflict(tables.claim_upload(&awaiting, &first).await);
    assert_eq!(tables.upload(first.id).await.unwrap().unwrap(), first);

    let second = first.clone().claimed("v1", later(60)).unwrap();
    tables.claim_upload(&first, &second).await.unwrap();
    conflict(tables.claim_upload(&first, &second).await);
    let decided = |claimed: &Upload| claimed.clone().published(variants()).unwrap();
    conflict(tables.publish_avatar(&first, &decided(&first), ada.clone(), later(61)).await);
    let refused = first.clone().refused(Refusal::Corrupt, later(61)).unwrap();
    conflict(tables.refuse_upload(&first, &refused).await);
    conflict(tables.remove_upload(&first).await);
    tables.publish_avatar(&second, &decided(&second), ada, later(61)).await.unwrap();
    assert_eq!(tables.upload(first.id).await.unwrap().unwrap().state.name(), "ready");
}

#[tokio::test]
async fn a_published_picture_replaces_the_one_before() {
    let (_dynamo, tables) = tables().await;
    let ada = person("ada@example.org");
    register(&tables, &ada).await.unwrap();
    let (old, new) = (upload(&ada), upload(&ada));
    for upload in [&old, &new] {
        let claimed = announced_and_claimed(&tables, upload).await;
        let published = claimed.clone().published(variants()).unwrap();
        let owner = tables.user(ada.id).await.unwrap().unwrap();
        tables.publish_avatar(&claimed, &published, owner.clone(), later(60)).await.unwrap();
        conflict(tables.publish_avatar(&claimed, &published, owner, later(60)).await);
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
    let claimed = announced_and_claimed(&tables, &upload(&ada)).await;
    let refused = claimed.clone().refused(Refusal::NotAnImage, now()).unwrap();
    tables.refuse_upload(&claimed, &refused).await.unwrap();
    conflict(tables.refuse_upload(&claimed, &refused).await);
    let published = claimed.clone().published(variants()).unwrap();
    conflict(tables.publish_avatar(&claimed, &published, ada.clone(), now()).await);
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

#[tokio::test]
async fn events_are_found_by_the_time_at_which_they_happened() {
    let (dynamo, tables) = tables().await;
    // Two hours, of which the range has the end of one and the beginning of the other.
    let events: Vec<_> = (0..120)
        .map(|minute| Event::new(Fact::NobodyAsked, later(60 * minute)))
        .chain([0, 30, 59].map(|minute| {
            Event::new(Fact::SitterDiscredited { user_id: domain::id::new(now()) }, later(60 * minute))
        }))
        .collect();
    for event in &events {
        tables.announce(event).await.unwrap();
    }
    conflict(tables.announce(&events[0]).await);
    let found = async |lane, [from, until]: [Timestamp; 2]| {
        let mut found = Vec::new();
        for slice in 0..SLICES {
            let mut after = None;
            loop {
                let page = tables.outbox(lane, slice, [from, until], after, 2).await.unwrap();
                assert_eq!(page.unreadable, [""; 0]);
                found.extend(page.events);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        found.sort_by_key(|event| event.occurred_at);
        found
    };
    dynamo.calls.take();
    let first = found(Lane::Outbox, [later(60 * 30), later(60 * 90)]).await;
    assert_eq!(first, events[30..60], "of its hour only");
    assert_eq!(found(Lane::Outbox, [later(3600), later(60 * 90)]).await, events[60..90]);
    assert_eq!(found(Lane::Urgent, [later(60), later(60 * 59)]).await, events[121..122], "before its end");
    assert!(dynamo.calls.take().iter().all(|call| call.ends_with(".Query")));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_does_not_hide_the_others() {
    let (dynamo, tables) = tables().await;
    let event = Event::new(Fact::NobodyAsked, now());
    tables.announce(&event).await.unwrap();
    let stored = dynamo.client.scan().table_name("main").send().await.unwrap().items.unwrap().remove(0);
    let sk = format!("{}x", stored["sk"].as_s().unwrap());
    let poison = stored.into_iter().chain([
        ("sk".into(), AttributeValue::S(sk.clone())),
        ("event".into(), AttributeValue::S(r#"{"type":"unheard_of"}"#.into())),
    ]);
    dynamo.client.put_item().table_name("main").set_item(Some(poison.collect())).send().await.unwrap();
    let mut pages = Vec::new();
    for slice in 0..SLICES {
        pages.push(tables.outbox(Lane::Outbox, slice, [now(), later(1)], None, 10).await.unwrap());
    }
    let events: Vec<_> = pages.iter().flat_map(|page| page.events.clone()).collect();
    let unreadable: Vec<_> = pages.iter().flat_map(|page| page.unreadable.clone()).collect();
    assert_eq!((events, unreadable), (vec![event], vec![sk]));
}
