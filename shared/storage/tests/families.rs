//! The contract of what families and sitters tell in private, on the embedded DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    address::{Address, Country, Lines, Postcode},
    care::Skill,
    child::{Allergies, BirthMonth, Child, Details, Name, Needs},
    display_name::DisplayName,
    due::{Kind as Due, SHARDS},
    event::{Event, Fact},
    geo::{Point, Radius},
    id::{CertificateId, UserId},
    language::Language,
    money::{Currency, HourlyRate},
    parent::{EmergencyContact, Profile},
    phone::PhoneNumber,
    role::Role,
    sitter::{Record, Town},
    stripe::{AccountId, CustomerId},
    user::User,
    vetting::{self, Certificate, Folder, Issuer, Kind, Reference, State, Title},
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use storage::{
    Error, Tables,
    audit::{Action, By, Entry, Origin},
    certificates::{open_reference, seal_reference},
    data_keys::DataKey,
    field_cipher::FieldCipher,
    payees::Payee,
};
use testing::{Dynamo, TABLES};

struct Store {
    dynamo: Dynamo,
    tables: Tables,
    cipher: FieldCipher,
}

impl Store {
    async fn start() -> Self {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let cipher = FieldCipher::new(&dynamo.config, "key".into());
        Self { dynamo, tables, cipher }
    }

    async fn key(&self, user: UserId) -> DataKey {
        self.tables.data_key_or_new(&self.cipher, user).await.unwrap()
    }

    /// What was announced.
    async fn events(&self) -> Vec<Event> {
        let found = self.dynamo.client.scan().table_name("main").send().await.unwrap();
        let event = |item: &std::collections::HashMap<String, AttributeValue>| {
            serde_json::from_str(item.get("event")?.as_s().ok()?).ok()
        };
        found.items().iter().filter_map(event).collect()
    }

    /// Everything that is stored, in one text.
    async fn dump(&self) -> String {
        let found = self.dynamo.client.scan().table_name("main").send().await.unwrap();
        format!("{:?}", found.items())
    }

    async fn due(&self, at: Timestamp) -> Vec<String> {
        let mut ids = Vec::new();
        for shard in 0..SHARDS {
            ids.extend(self.tables.due(Due::Certificate, shard, at, None, 100).await.unwrap().ids);
        }
        ids
    }
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn day(raw: &str) -> Date {
    raw.parse().unwrap()
}

fn id() -> UserId {
    domain::id::new(now())
}

fn conflict(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Conflict)), "{result:?}");
}

fn profile(user_id: UserId) -> Profile {
    Profile {
        user_id,
        address: Address {
            lines: Lines::parse("1 Mill Lane").unwrap(),
            town: Town::parse("Hebden Bridge").unwrap(),
            postcode: Postcode::parse("HX7 8AD").unwrap(),
            country: Country::parse("GB").unwrap(),
        },
        point: Point::parse(53.75, -2.0).unwrap(),
        radius: Radius::default(),
        languages: [Language::parse("pl").unwrap()].into(),
        skills: Skill::Twins | Skill::Cooking,
        max_rate: HourlyRate::parse(1850, Currency::Gbp).ok(),
        emergency_contact: Some(EmergencyContact {
            name: DisplayName::parse("Annabella").unwrap(),
            phone: PhoneNumber::parse("+447400123456").unwrap(),
        }),
        version: 1,
    }
}

fn child(parent: UserId, born: &str) -> Child {
    let details = Details {
        name: Name::parse("Byron").unwrap(),
        birth_month: BirthMonth::parse(born, day("2026-03-01")).unwrap(),
        allergies: Some(Allergies::parse("Peanuts").unwrap()),
        needs: Some(Needs::parse("Sleeps with a lamp").unwrap()),
    };
    Child::new(parent, details, now())
}

#[tokio::test]
async fn a_person_has_one_key() {
    let store = Store::start().await;
    let (ada, bob) = (id(), id());
    assert!(store.tables.data_key(&store.cipher, ada).await.unwrap().is_none());
    let tries = (0..10).map(|_| {
        let (tables, cipher) = (store.tables.clone(), store.cipher.clone());
        tokio::spawn(async move { tables.data_key_or_new(&cipher, ada).await.unwrap() })
    });
    let mut keys = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        keys.push(attempt.await.unwrap());
    }
    let sealed = keys[0].seal("A", "b", &"secret").unwrap();
    for key in &keys {
        assert_eq!(key.open::<String>("A", "b", &sealed).unwrap(), "secret");
    }
    let stranger = store.key(bob).await.open::<String>("A", "b", &sealed);
    assert!(matches!(stranger, Err(Error::Unreadable(_))));
    store.dynamo.calls.take();
    store.key(ada).await;
    assert_eq!(store.dynamo.calls.take(), ["DynamoDB_20120810.GetItem", "TrentService.Decrypt"]);
}

#[tokio::test]
async fn a_key_that_was_copied_to_another_person_does_not_open() {
    let store = Store::start().await;
    let (ada, bob) = (id(), id());
    store.key(ada).await;
    let stored = store.dynamo.client.scan().table_name("main").send().await.unwrap().items()[0].clone();
    let mut copy = stored;
    copy.insert("pk".into(), AttributeValue::S(format!("USER#{bob}")));
    store.dynamo.client.put_item().table_name("main").set_item(Some(copy)).send().await.unwrap();
    let opened = store.tables.data_key(&store.cipher, bob).await;
    assert!(matches!(opened, Err(Error::Unreadable(_))), "{opened:?}");
}

#[tokio::test]
async fn a_parents_profile_is_private() {
    let store = Store::start().await;
    let ada = id();
    let key = store.key(ada).await;
    assert_eq!(store.tables.parent_profile(&key).await.unwrap(), None);
    let first = profile(ada);
    store.tables.save_parent_profile(&key, &first).await.unwrap();
    conflict(store.tables.save_parent_profile(&key, &first).await);
    assert_eq!(store.tables.parent_profile(&key).await.unwrap(), Some(first.clone()));
    let second = Profile { max_rate: None, version: 2, ..first };
    store.tables.save_parent_profile(&key, &second).await.unwrap();
    conflict(store.tables.save_parent_profile(&key, &second).await);
    assert_eq!(store.tables.parent_profile(&key).await.unwrap(), Some(second));
    let dump = store.dump().await;
    assert!(
        !["Mill", "Hebden", "HX7", "53.75", "Annabella", "7400"].iter().any(|word| dump.contains(word)),
        "{dump}"
    );
}

#[tokio::test]
async fn children_are_their_parents_alone() {
    let store = Store::start().await;
    let (ada, bob) = (id(), id());
    let (hers, his) = (store.key(ada).await, store.key(bob).await);
    let byron = child(ada, "2022-03");
    let roll = store.tables.roll(ada).await.unwrap().with(byron.id).unwrap();
    store.tables.add_child(&hers, &byron, &roll).await.unwrap();
    conflict(store.tables.add_child(&hers, &byron, &roll).await);
    assert_eq!(store.tables.child(&hers, byron.id).await.unwrap(), Some(byron.clone()));
    assert_eq!(store.tables.child(&his, byron.id).await.unwrap(), None);
    assert!(store.tables.children(&his).await.unwrap().is_empty());

    let healed = byron.clone().with(Details { allergies: None, ..byron.details.clone() });
    conflict(store.tables.save_child(&his, &healed).await);
    store.tables.save_child(&hers, &healed).await.unwrap();
    conflict(store.tables.save_child(&hers, &healed).await);
    assert_eq!(store.tables.child(&hers, byron.id).await.unwrap(), Some(healed));
    let dump = store.dump().await;
    assert!(!["Byron", "2022", "Peanuts", "lamp"].iter().any(|word| dump.contains(word)), "{dump}");

    let empty = store.tables.roll(ada).await.unwrap().without(byron.id).unwrap();
    store.tables.remove_child(byron.id, &empty).await.unwrap();
    conflict(store.tables.remove_child(byron.id, &empty).await);
    assert_eq!(store.tables.child(&hers, byron.id).await.unwrap(), None);
    assert_eq!(store.tables.roll(ada).await.unwrap(), empty);
}

#[tokio::test]
async fn nothing_opens_without_the_key_that_it_was_sealed_with() {
    let store = Store::start().await;
    let ada = id();
    let key = store.key(ada).await;
    let byron = child(ada, "2022-03");
    let roll = store.tables.roll(ada).await.unwrap().with(byron.id).unwrap();
    store.tables.add_child(&key, &byron, &roll).await.unwrap();
    store.tables.save_parent_profile(&key, &profile(ada)).await.unwrap();
    let remove = store.dynamo.client.delete_item().table_name("main");
    let pk = AttributeValue::S(format!("USER#{ada}"));
    remove.key("pk", pk).key("sk", AttributeValue::S("DATA_KEY".into())).send().await.unwrap();
    assert!(store.tables.data_key(&store.cipher, ada).await.unwrap().is_none());

    let new = store.key(ada).await;
    let unreadable = |error| assert!(matches!(error, Error::Unreadable(_)), "{error:?}");
    unreadable(store.tables.child(&new, byron.id).await.unwrap_err());
    unreadable(store.tables.children(&new).await.unwrap_err());
    unreadable(store.tables.parent_profile(&new).await.unwrap_err());
}

#[tokio::test]
async fn of_many_children_at_once_the_roll_counts_each() {
    let store = Store::start().await;
    let ada = id();
    store.key(ada).await;
    let tries = (0..40).map(|_| {
        let (tables, cipher) = (store.tables.clone(), store.cipher.clone());
        tokio::spawn(async move {
            let key = tables.data_key_or_new(&cipher, ada).await.unwrap();
            let child = child(ada, "2022-03");
            while let Some(roll) = tables.roll(ada).await.unwrap().with(child.id) {
                if tables.add_child(&key, &child, &roll).await.is_ok() {
                    return true;
                }
            }
            false
        })
    });
    let mut added = 0;
    for attempt in tries.collect::<Vec<_>>() {
        added += usize::from(attempt.await.unwrap());
    }
    let key = store.key(ada).await;
    let listed: Vec<_> = store.tables.children(&key).await.unwrap().iter().map(|child| child.id).collect();
    let mut named = store.tables.roll(ada).await.unwrap().children;
    named.sort();
    assert_eq!((added, listed.len()), (20, 20));
    assert_eq!(listed, named);
}

fn certificate(key: &DataKey, kind: Kind, expires_on: &str) -> Certificate {
    let details = vetting::Details {
        kind,
        title: Title::parse("Enhanced check").unwrap(),
        issuer: Issuer::parse("DBS").unwrap(),
        issued_on: day("2026-02-01"),
        expires_on: Some(day(expires_on)),
    };
    let id: CertificateId = domain::id::new(now());
    let sealed = seal_reference(key, id, &Reference::parse("001234567890").unwrap()).unwrap();
    Certificate::submit(id, key.user_id(), details, sealed, now())
}

async fn submit(store: &Store, certificate: &Certificate) -> Folder {
    let folder = store.tables.folder(certificate.user_id).await.unwrap();
    let folder = folder.with(certificate.id, certificate.details.kind);
    store.tables.submit_certificate(certificate, &folder, None).await.unwrap();
    folder
}

fn after(certificate: &Certificate, event: vetting::Event, today: &str) -> Certificate {
    certificate.clone().after(event, day(today)).unwrap()
}

#[tokio::test]
async fn a_certificate_is_found_by_its_name_and_by_its_sitter() {
    let store = Store::start().await;
    let (ada, bob) = (id(), id());
    let key = store.key(ada).await;
    let check = certificate(&key, Kind::BackgroundCheck, "2026-06-30");
    let course = certificate(&key, Kind::FirstAid, "2027-06-30");
    assert_eq!(store.tables.folder(ada).await.unwrap(), Folder::new(ada));
    let first = submit(&store, &check).await;
    conflict(store.tables.submit_certificate(&course, &first, None).await);
    let second = submit(&store, &course).await;
    assert_eq!((second.background_check, second.certificates.len()), (Some(check.id), 2));
    assert_eq!(store.tables.certificate(check.id).await.unwrap(), Some(check.clone()));
    let mut listed = store.tables.certificates(ada).await.unwrap();
    listed.sort_by_key(|certificate| certificate.details.kind == Kind::FirstAid);
    assert_eq!(listed, [check.clone(), course]);
    assert!(store.tables.certificates(bob).await.unwrap().is_empty());
    assert_eq!(open_reference(&key, &check).unwrap().as_str(), "001234567890");
    assert!(!store.dump().await.contains("001234567890"));
}

#[tokio::test]
async fn a_decision_marks_the_record_tells_the_trail_and_is_announced() {
    let store = Store::start().await;
    let (ada, admin) = (id(), id());
    let key = store.key(ada).await;
    let check = certificate(&key, Kind::BackgroundCheck, "2026-06-30");
    submit(&store, &check).await;
    let trail = |action| Entry {
        subject: ada,
        actor: Some(admin),
        action,
        booking: None,
        reason: Some("as issued".into()),
        at: now(),
        origin: Origin::default(),
    };
    let verified = after(&check, vetting::Event::Verify, "2026-03-01");
    let record = verified.mark(Record::new(ada)).unwrap();
    let decide = async |decided: &Certificate, record: &Record, action| {
        store.tables.decide_certificate(decided, Some(record), &trail(action)).await
    };
    decide(&verified, &record, Action::CredentialVerified).await.unwrap();
    conflict(decide(&verified, &record, Action::CredentialVerified).await);
    assert_eq!(store.tables.sitter_record(ada).await.unwrap(), Some(record.clone()));
    assert_eq!(store.tables.certificate(check.id).await.unwrap(), Some(verified.clone()));
    assert_eq!(store.tables.certificates(ada).await.unwrap(), std::slice::from_ref(&verified));
    let dump = store.dump().await;
    assert!(dump.contains("credential_verified") && dump.contains("sitter_changed"), "{dump}");

    let revoked = after(&verified, vetting::Event::Revoke, "2026-03-02");
    conflict(decide(&revoked, &record, Action::CredentialRevoked).await);
    decide(&revoked, &revoked.mark(record).unwrap(), Action::CredentialRevoked).await.unwrap();
    assert_eq!(store.tables.sitter_record(ada).await.unwrap().unwrap().checked_until, None);
    let told = store.tables.trail(By::Subject(ada), None, 10).await.unwrap();
    assert_eq!(told.len(), 2, "what did not happen is not in the trail");
}

#[tokio::test]
async fn a_certificate_expires_once() {
    let store = Store::start().await;
    let key = store.key(id()).await;
    let check = certificate(&key, Kind::BackgroundCheck, "2026-06-30");
    submit(&store, &check).await;
    let due = "2026-07-01T00:00:00Z".parse().unwrap();
    assert!(store.due(due).await.is_empty(), "nobody has verified it");
    let verified = after(&check, vetting::Event::Verify, "2026-03-01");
    let trail = Entry::by_nobody(key.user_id(), Action::CredentialVerified, now(), Origin::default());
    store.tables.decide_certificate(&verified, None, &trail).await.unwrap();
    assert!(store.due(due - SignedDuration::from_secs(1)).await.is_empty());
    assert_eq!(store.due(due).await, [check.id.to_string()]);
    let expired = after(&verified, vetting::Event::Expire, "2026-07-01");
    store.tables.expire_certificate(&expired, due).await.unwrap();
    conflict(store.tables.expire_certificate(&expired, due).await);
    assert!(store.due(due).await.is_empty());
    assert_eq!(store.tables.certificates(key.user_id()).await.unwrap()[0].state, State::Expired);
    let dump = store.dump().await;
    assert_eq!(dump.matches("credential_expired").count(), 1);
    assert_eq!(dump.matches("background_check_expired").count(), 1);
}

#[tokio::test]
async fn what_an_unproved_account_has_told_goes_with_it() {
    let store = Store::start().await;
    let week = SignedDuration::from_hours(7 * 24);
    let register = async |role, email: &str| {
        let name = DisplayName::parse("Ada").unwrap();
        let user = User::register(role, email.parse().unwrap(), name, week, now());
        let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now());
        let trail = Entry::by_self(user.id, Action::Registered, now(), Origin::default());
        store.tables.register(user.clone(), "hash".into(), &event, &trail).await.unwrap();
        user
    };
    let parent = register(Role::Parent, "ada@example.org").await;
    let key = store.key(parent.id).await;
    store.tables.save_parent_profile(&key, &profile(parent.id)).await.unwrap();
    let byron = child(parent.id, "2022-03");
    let roll = store.tables.roll(parent.id).await.unwrap().with(byron.id).unwrap();
    store.tables.add_child(&key, &byron, &roll).await.unwrap();
    let sitter = register(Role::Sitter, "bob@example.org").await;
    let check = certificate(&store.key(sitter.id).await, Kind::BackgroundCheck, "2026-06-30");
    submit(&store, &check).await;

    // What an account from before addresses had to be verified for it may have at Stripe.
    let (customer, account) = (CustomerId::parse("cus_1").unwrap(), AccountId::parse("acct_1").unwrap());
    store.tables.put_payer(parent.id, &customer).await.unwrap();
    store.tables.save_payee(&Payee::new(sitter.id, account), &[]).await.unwrap();
    // More than one transaction takes.
    for _ in 0..120 {
        let course = certificate(&store.key(sitter.id).await, Kind::FirstAid, "2026-06-30");
        submit(&store, &Certificate { user_id: sitter.id, ..course }).await;
    }

    for user in [&parent, &sitter] {
        store.tables.remove_unverified(user, now()).await.unwrap();
        assert!(!store.tables.finish_removal(user.id, now()).await.unwrap(), "nothing is left to do");
    }
    let events: Vec<_> = store.events().await;
    for object in ["cus_1", "acct_1"] {
        let abandoned = Fact::StripeObjectAbandoned { object: object.into() };
        assert_eq!(events.iter().filter(|event| event.fact == abandoned).count(), 1, "{object}");
    }
    let found = store.dynamo.client.scan().table_name("main").send().await.unwrap();
    let left: Vec<_> = found.items().iter().map(|item| item["pk"].as_s().unwrap().clone()).collect();
    assert!(left.iter().all(|pk| pk.starts_with("OUTBOX#")), "{left:?}");
}
