//! What becomes of the objects that arrive in the uploads bucket.

#![allow(clippy::unwrap_used, reason = "a test that cannot prepare fails")]

mod bucket;

use std::sync::Arc;

use bucket::Buckets;
use domain::{
    display_name::DisplayName,
    event::{Event, Fact},
    id::UploadId,
    role::Role,
    upload::{FileSize, ImageType, PROCESSING_LEASE, Purpose, Refusal, State, Upload, Variant},
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use jpeg_encoder::{ColorType, Encoder};
use media::process::{Notification, Processor};
use serde_json::json;
use storage::{
    Tables,
    audit::{Action, Entry, Origin},
    files::Files,
};
use testing::{Dynamo, TABLES};

struct World {
    tables: Tables,
    buckets: Buckets,
    processor: Arc<Processor>,
    upload: Upload,
    _dynamo: Dynamo,
}

/// An upload that is announced, and nothing sent yet.
async fn world() -> World {
    let dynamo = Dynamo::start().await;
    let buckets = Buckets::start().await;
    let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
    let files = Files::new(&buckets.config(), "uploads".into(), "media".into());
    let now = Timestamp::now();
    let (name, week) = (DisplayName::parse("Ada").unwrap(), SignedDuration::from_hours(7 * 24));
    let user = User::register(Role::Parent, "ada@example.org".parse().unwrap(), name, week, now);
    let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
    let trail = Entry::by_self(user.id, Action::Registered, now, Origin::default());
    let owner = user.id;
    tables.register(user, "hash".into(), &event, &trail).await.unwrap();
    let size = FileSize::parse(1000).unwrap();
    let upload = Upload::announce(owner, Purpose::Avatar, ImageType::Jpeg, size, now);
    tables.announce_upload(&upload).await.unwrap();
    let processor = Arc::new(Processor::new(tables.clone(), files));
    World { tables, buckets, processor, upload, _dynamo: dynamo }
}

impl World {
    /// Puts an object as one use of the form does, and returns S3's message.
    fn send(&self, version: &str, bytes: Vec<u8>) -> Notification {
        self.buckets.put(&self.key(), version, bytes);
        arrived(self.upload.id, version)
    }

    fn key(&self) -> String {
        format!("incoming/{}", self.upload.id)
    }

    async fn state(&self) -> State {
        self.tables.upload(self.upload.id).await.unwrap().unwrap().state
    }

    /// The width of the published picture, which names its object.
    async fn published_width(&self) -> u32 {
        let owner = self.tables.user(self.upload.owner).await.unwrap().unwrap();
        let avatar = owner.avatar.expect("a picture");
        assert_eq!(avatar.upload, self.upload.id);
        full(&avatar.variants).width
    }
}

fn full(variants: &[Variant]) -> &Variant {
    variants.iter().find(|variant| variant.size == "full").unwrap()
}

fn arrived(id: UploadId, version: &str) -> Notification {
    serde_json::from_value(json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-03-01T12:00:00.000Z",
        "eventName": "ObjectCreated:Post",
        "userIdentity": { "principalId": "A" },
        "requestParameters": { "sourceIPAddress": "192.0.2.1" },
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "c",
            "bucket": { "name": "uploads", "ownerIdentity": { "principalId": "A" }, "arn": "arn:aws:s3:::uploads" },
            "object": { "key": format!("incoming/{id}"), "size": 1, "eTag": "e", "versionId": version, "sequencer": "0" },
        },
    }] }))
    .unwrap()
}

fn photo(width: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![200; usize::from(width) * 320 * 3];
    Encoder::new(&mut bytes, 80).encode(&pixels, width, 320, ColorType::Rgb).unwrap();
    bytes
}

/// Three sizes in two formats.
const WRITES_PER_RENDERING: usize = 6;

#[tokio::test]
async fn fifty_objects_under_one_form_are_rendered_once() {
    let world = world().await;
    let mut workers = Vec::new();
    for n in 0..50_u16 {
        let message = world.send(&format!("v{n}"), photo(400 + n));
        let processor = world.processor.clone();
        workers.push(tokio::spawn(async move { processor.handle(message).await.map_err(|e| e.to_string()) }));
    }
    for worker in workers {
        assert_eq!(worker.await.unwrap(), Ok(()));
    }
    let reads = world.buckets.calls("GET", "uploads");
    assert_eq!(reads.len(), 1, "decoded: {reads:?}");
    assert_eq!(world.buckets.calls("PUT", "media").len(), WRITES_PER_RENDERING);
    let claimed: u32 = reads[0].rsplit_once("versionId=v").unwrap().1.parse().unwrap();
    assert_eq!(world.published_width().await, 400 + claimed, "the object that was claimed is published");
    assert_eq!(world.buckets.versions(&world.key()), [""; 0], "no version of any object stays");
}

#[tokio::test]
async fn the_first_object_is_published_and_never_overwritten() {
    let world = world().await;
    let (first, second) = (world.send("v1", photo(401)), world.send("v2", photo(402)));
    world.processor.handle(first).await.unwrap();
    assert_eq!(world.published_width().await, 401);
    assert_eq!(world.buckets.versions(&world.key()), ["v2"], "a worker deletes its own version only");

    // Another object, and the first one's message again.
    world.processor.handle(second).await.unwrap();
    world.processor.handle(arrived(world.upload.id, "v1")).await.unwrap();
    assert_eq!(world.published_width().await, 401);
    assert_eq!(world.buckets.calls("PUT", "media").len(), WRITES_PER_RENDERING);
    assert_eq!(world.buckets.calls("DELETE", "media").len(), 0);
    assert_eq!(world.buckets.versions(&world.key()), [""; 0]);
}

#[tokio::test]
async fn an_object_whose_worker_has_crashed_is_processed_after_its_lease() {
    let world = world().await;
    let first = world.send("v1", photo(401));
    let crashed = |at: Timestamp| world.upload.clone().claimed("v1", at).unwrap();
    let running = crashed(Timestamp::now());
    world.tables.claim_upload(&world.upload, &running).await.unwrap();

    world.processor.handle(first).await.expect_err("the other worker may still be alive");
    world.processor.handle(world.send("v2", photo(402))).await.unwrap();
    assert_eq!(world.buckets.versions(&world.key()), ["v1"], "it is there for the next delivery");
    assert_eq!(world.state().await, running.state);

    // The same, a lease ago.
    let ended = crashed(Timestamp::now() - PROCESSING_LEASE);
    world.tables.claim_upload(&running, &ended).await.unwrap();
    world.processor.handle(world.send("v3", photo(403))).await.unwrap();
    assert_eq!(world.state().await, ended.state, "another object does not inherit the claim");
    world.processor.handle(arrived(world.upload.id, "v1")).await.unwrap();
    assert_eq!(world.published_width().await, 401);
    assert_eq!(world.buckets.calls("GET", "uploads").len(), 1);
    assert_eq!(world.buckets.versions(&world.key()), [""; 0]);
}

#[tokio::test]
async fn what_is_refused_stays_refused() {
    let world = world().await;
    world.processor.handle(world.send("v1", b"Dear diary".to_vec())).await.unwrap();
    world.processor.handle(world.send("v2", photo(402))).await.unwrap();
    assert_eq!(world.state().await, State::Rejected { reason: Refusal::NotAnImage });
    assert_eq!(world.buckets.calls("PUT", "media").len(), 0);
    assert_eq!(world.buckets.versions(&world.key()), [""; 0]);
}

#[tokio::test]
async fn the_message_that_tests_the_notification_is_acknowledged() {
    let world = world().await;
    let test = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T12:00:00.000Z", "Bucket": "uploads",
        "RequestId": "R", "HostId": "H",
    });
    world.processor.handle(serde_json::from_value(test).unwrap()).await.unwrap();
    serde_json::from_value::<Notification>(json!({ "Event": "s3:Another" }))
        .expect_err("not a known message");
}
