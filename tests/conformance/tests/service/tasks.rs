//! What follows from a request, carried out by the tasks that the relay and the queues call. Where something leaves AWS,
//! a stand-in takes it.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use domain::{
    analytics::{Hour, Searched},
    booking::{self, News, Who},
    epoch::Epoch,
    event::{Event, Fact},
    id::{BookingId, UserId},
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use messaging::{
    email::Mailer,
    messages::messages_for,
    queue::{Alert, AnalyticsMessage, Message, Queue, Queues, StandingMessage},
    sms::Texter,
    topic::Topic,
};
use runtime::Invocation;
use serde_json::{Value, json};
use storage::signing_secret::SigningSecret;
use tasks::{
    admin_create::Creator, analytics_count::Counter, booking_follow_up::FollowUp, call_off::CallOff,
    email_send, outbox_relay::Relay, outbox_replay::Replayer, safety_alert::Alarm, search_index::Indexer,
    search_reindex::Reindexer, sms_send, token_keys_rotate::Rotator,
};
use testing::acting_as;

use crate::{authorization, client::Client, second_step};

/// All that messages are brought to.
pub struct Tasks {
    relay: Relay,
    emails: email_send::Sender,
    texts: sms_send::Sender,
    alarm: Alarm,
    follow_up: FollowUp,
    call_off: CallOff,
    indexer: Indexer,
    heard: Mutex<BTreeSet<String>>,
}

/// The queue of that name.
fn queue(client: &Client, name: &str) -> Queue {
    Queue::new(&client.dynamo.config, format!("https://sqs.test/1/{name}"))
}

/// `EmailQueue` of `EMAIL_QUEUE_URL`.
fn queue_of(variable: &str) -> String {
    let words = variable.trim_end_matches("_URL").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}

fn queues(client: &Client) -> Queues {
    let url = |variable| Ok::<_, ()>(format!("https://sqs.test/1/{}", queue_of(variable)));
    Queues::at(&client.dynamo.config, url).unwrap()
}

impl Tasks {
    pub fn of(client: &Client) -> Self {
        let (aws, tables, cipher) = (&client.dynamo.config, client.tables.clone(), client.cipher.clone());
        let from = "NannyRadar <no-reply@nannyradar.example>".to_owned();
        let mailer = Mailer::new(aws, from, Some("EmailConfiguration".into()));
        let texter = Texter::new(aws, "NannyRadar".into());
        let topic = Topic::new(aws, "SafetyAlerts".into());
        let url = client.settings.app_url.clone();
        Self {
            relay: Relay::new(queues(client), queue(client, "OutboxFailures")),
            emails: email_send::Sender::new(tables.clone(), mailer.clone(), url.clone()),
            texts: sms_send::Sender::new(tables.clone(), texter.clone(), "app.test".into()),
            alarm: Alarm::new(tables.clone(), cipher, mailer, texter, Some(topic), url),
            follow_up: FollowUp::new(tables.clone()),
            call_off: CallOff::new(tables.clone(), queue(client, "AlertsQueue")),
            indexer: Indexer::new(tables),
            heard: Mutex::default(),
        }
    }

    /// Brings everything that was announced since the last time to whom it is for, twice, as queues may. What was called
    /// of AWS is in the client's `calls`.
    pub async fn deliver(&self, client: &Client) {
        let found = client.dynamo.client.scan().table_name("main").send().await.unwrap();
        for item in found.items.unwrap_or_default() {
            let image: serde_dynamo::Item = item.into();
            let Ok(event) = storage::outbox::event(image.clone()) else { continue };
            if !self.heard.lock().unwrap().insert(event.id.to_string()) {
                continue;
            }
            let record = json!({
                "awsRegion": "eu-west-1", "eventID": "1", "eventName": "INSERT",
                "dynamodb": { "NewImage": image, "Keys": {}, "SizeBytes": 1, "SequenceNumber": "1" },
            });
            let relayed = self.relay.handle(serde_json::from_value(record).unwrap());
            acting_as("OutboxRelay", relayed).await.unwrap();
            for message in messages_for(&event) {
                for _ in 0..2 {
                    // Boxed, as in acting_as.
                    Box::pin(self.handle(message.clone())).await;
                }
            }
        }
    }

    /// Looks at what is ahead of somebody who may not take part any more.
    pub async fn looks_ahead_of(&self, user_id: UserId) {
        let message = StandingMessage { event_id: domain::id::new(Timestamp::now()), user_id };
        acting_as("BookingFollowUp", self.call_off.all(message)).await.unwrap();
    }

    async fn handle(&self, message: Message) {
        match message {
            Message::Email(message) => acting_as("EmailSend", self.emails.handle(message)).await,
            Message::Sms(message) => acting_as("SmsSend", self.texts.handle(message)).await,
            Message::Search(message) => acting_as("SearchIndex", self.indexer.handle(message)).await,
            Message::Booking(message) => {
                acting_as("BookingFollowUp", async {
                    self.follow_up.handle(message).await?;
                    self.call_off.one(message).await
                })
                .await
            }
            Message::Standing(message) => acting_as("BookingFollowUp", self.call_off.all(message)).await,
            Message::Alert(message) => {
                acting_as("SafetyAlert", self.alarm.handle(Alert::Help(message))).await
            }
            Message::Concern(message) => {
                acting_as("SafetyAlert", self.alarm.handle(Alert::Concern(message))).await
            }
            // See the tests of payments.
            Message::Payment(_) => Ok(()),
        }
        .unwrap();
    }
}

/// An admin who reads mail.
pub async fn admin(client: &Client) {
    client.admin("root@example.org").await;
    let admin = client.user("root@example.org").await;
    let version = admin.version;
    let admin = User { email_verified: true, due: None, version: version + 1, ..admin };
    client.tables.save_user(admin, version, client.now()).await.unwrap();
}

/// How often each service took something.
pub fn taken(client: &Client) -> [usize; 3] {
    let calls = client.dynamo.calls.take();
    ["AmazonSQS.SendMessage", "ses POST", "sns POST"]
        .map(|name| calls.iter().filter(|call| *call == name).count())
}

#[tokio::test]
async fn each_mail_and_each_text_is_sent_once() {
    let client = Client::start().await;
    let tasks = Tasks::of(&client);
    let (access, _) = client.verified("ada@example.org").await;
    client.post("/auth/password/forgot", json!({ "email": "ada@example.org" })).await;
    client.dynamo.calls.take();
    tasks.deliver(&client).await;
    assert_eq!(taken(&client), [2, 2, 0], "a welcome, and a link");
    assert_eq!(second_step::ask_for_code(&client, &access).await, 202);
    client.dynamo.calls.take();
    tasks.deliver(&client).await;
    assert_eq!(taken(&client), [1, 0, 1]);
    tasks.deliver(&client).await;
    assert_eq!(taken(&client), [0, 0, 0]);
}

#[tokio::test]
async fn what_was_announced_is_sent_again_to_every_queue() {
    let client = Client::start().await;
    let now = client.now();
    let (user_id, booking_id): (UserId, BookingId) = (domain::id::new(now), domain::id::new(now));
    let news = News::Event(booking::Event::Accept);
    let facts = [
        Fact::PasswordResetRequested { user_id, epoch: Epoch::FIRST },
        Fact::CodeRequested { user_id, challenge: None },
        Fact::AccountSuspended { user_id },
        Fact::Booking { booking_id, parent: user_id, sitter: user_id, news },
        Fact::StripeEventReceived { object: "pi_1".to_owned().try_into().unwrap() },
        Fact::HelpCalled { booking_id, by: Who::Parent },
        Fact::SitterDiscredited { user_id },
    ];
    for fact in facts {
        client.tables.announce(&Event::new(fact, now)).await.unwrap();
    }
    let replayer = Replayer::new(client.tables.clone(), queues(&client));
    client.dynamo.calls.take();
    let mut events = 0;
    for lane in ["urgent", "outbox"] {
        for slice in 0..storage::outbox::SLICES {
            let hour = SignedDuration::from_hours(1);
            let order = json!({
                "lane": lane, "slice": slice, "from": now, "until": now + hour, "dry_run": false,
            });
            let page = replayer.handle(serde_json::from_value(order).unwrap());
            let report = json!(acting_as("OutboxReplay", page).await.unwrap());
            assert_eq!(report["failed"], 0);
            events += report["events"].as_u64().unwrap();
        }
    }
    // An acceptance goes to four queues, a suspension to three.
    assert_eq!((events, taken(&client)[0]), (7, 12));
}

#[tokio::test]
async fn an_admin_is_made_and_told() {
    let client = Client::start().await;
    let order = json!({ "email": "root@example.org", "name": "Root" });
    let creator = Creator::new(client.tables.clone());
    let invocation = Invocation { request_id: "req-1".into(), deadline: Timestamp::MAX };
    let made = creator.handle(serde_json::from_value(order).unwrap(), invocation);
    let made = acting_as("AdminCreate", made).await.unwrap();
    let admin = client.user("root@example.org").await;
    assert_eq!((made.user_id, admin.role), (admin.id.to_string(), Role::Admin));
    client.dynamo.calls.take();
    Tasks::of(&client).deliver(&client).await;
    assert_eq!(taken(&client)[1], 1);
}

#[tokio::test]
async fn a_key_is_published_before_anybody_signs_with_it() {
    let client = Client::start().await;
    let secret = SigningSecret::new(&client.dynamo.config, "TokenSigningSecret".into());
    let rotator = Rotator::new(client.tables.clone(), secret);
    let report = acting_as("TokenKeysRotate", rotator.handle(Value::Null)).await.unwrap();
    let published = client.tables.token_keys().await.unwrap();
    assert!(published.get(&report.published.unwrap()).is_some());
}

#[tokio::test]
async fn a_message_is_put_off() {
    let client = Client::start().await;
    let queue = queue(&client, "PaymentsQueue");
    client.dynamo.calls.take();
    acting_as("PaymentsWork", queue.postpone("receipt", Duration::from_secs(5))).await.unwrap();
    assert_eq!(client.dynamo.calls.take(), ["AmazonSQS.ChangeMessageVisibility"]);
}

#[tokio::test]
async fn every_sitter_of_the_directory_is_looked_at_again() {
    let client = Client::start().await;
    let (sitter, _) = authorization::sign_in(&client, Role::Sitter, "Mary").await;
    let profile = testing::listed_sitter(client.now()).profile;
    let profile = domain::sitter::Profile { user_id: sitter.id, version: 1, ..profile };
    client.tables.save_sitter_profile(profile, None, &[]).await.unwrap();
    let reindexer = Reindexer::new(client.tables.clone(), queue(&client, "SearchQueue"));
    client.dynamo.calls.take();
    for shard in 0..domain::due::SHARDS {
        let order = serde_json::from_value(json!({ "shard": shard })).unwrap();
        acting_as("SearchReindex", reindexer.handle(order)).await.unwrap();
    }
    assert_eq!(taken(&client), [1, 0, 0]);
}

#[tokio::test]
async fn searches_and_choices_are_counted_once() {
    let client = Client::start().await;
    let (counter, now) = (Counter::new(client.tables.clone()), Timestamp::now());
    let searched = Searched { latency: 2, in_vain: true, terms: vec!["fre".into()], group: 7 };
    for message in [AnalyticsMessage::searched(searched, now), AnalyticsMessage::clicked(Hour::of(now), now)]
    {
        for _ in 0..2 {
            acting_as("AnalyticsCount", counter.handle(message.clone())).await.unwrap();
        }
    }
    let counts = client.tables.search_counts(Hour::of(now).date, now).await.unwrap();
    let counts = counts.into_values().next().unwrap();
    assert_eq!((counts.searches, counts.in_vain, counts.clicks), (1, 1, 1));
}

#[tokio::test]
async fn somebody_who_may_not_take_part_is_told_of_at_once() {
    let client = Client::start().await;
    admin(&client).await;
    let (sitter, _) = authorization::sign_in(&client, Role::Sitter, "Mary").await;
    let tasks = Tasks::of(&client);
    tasks.deliver(&client).await;
    let event = Event::new(Fact::SitterDiscredited { user_id: sitter.id }, client.now());
    client.tables.announce(&event).await.unwrap();
    client.dynamo.calls.take();
    tasks.deliver(&client).await;
    assert_eq!(taken(&client)[1], 1, "the admin");
}
