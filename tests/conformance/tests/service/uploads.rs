//! Requests that are repeated.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::{Answer, Client};

const ADA: &str = "ada@example.org";

async fn announce(client: &Client, token: &str, key: &str, size: u64) -> Answer {
    let body = json!({ "purpose": "avatar", "content_type": "image/jpeg", "size_bytes": size });
    client.call_with("POST", "/uploads", Some(token), body, &[("idempotency-key", key)]).await
}

async fn uploads(client: &Client) -> usize {
    client
        .items("main")
        .await
        .iter()
        .filter(|item| item["pk"].as_str().unwrap().starts_with("UPLOAD#"))
        .count()
}

#[tokio::test]
async fn are_done_once_and_answered_the_same() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    client.verify(ADA).await;
    let first = announce(&client, &access, "k1", 1000).await;
    assert_eq!((first.status.as_u16(), first.headers.get("idempotent-replayed")), (201, None));
    client.turn_clock(60);
    let again = announce(&client, &access, "k1", 1000).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["content-type"], first.headers["content-type"]);
    let other = announce(&client, &access, "k1", 2000).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused", vec![]));
    assert_ne!(announce(&client, &access, "k2", 1000).await.body["id"], first.body["id"]);
    let (bob, _) = client.sign_in("bob@example.org").await;
    client.verify("bob@example.org").await;
    assert_ne!(announce(&client, &bob, "k1", 1000).await.body["id"], first.body["id"], "keys are one's own");
    assert_eq!(uploads(&client).await, 3);
}

#[tokio::test]
async fn at_the_same_moment_are_done_once() {
    let client = Arc::new(Client::start().await);
    let (access, _) = client.sign_in(ADA).await;
    client.verify(ADA).await;
    let tries = (0..10).map(|_| {
        let (client, access) = (client.clone(), access.clone());
        tokio::spawn(async move { announce(&client, &access, "k1", 1000).await })
    });
    let mut created = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        match answer.status.as_u16() {
            201 => created.push(answer.body["id"].clone()),
            _ => assert_eq!(answer.problem(), (409, "request_in_progress", vec![])),
        }
    }
    created.dedup();
    assert_eq!((created.len(), uploads(&client).await), (1, 1));
}

#[tokio::test]
async fn that_were_refused_may_be_mended() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    client.verify(ADA).await;
    assert_eq!(
        announce(&client, &access, "k1", 0).await.problem(),
        (400, "invalid_request", vec!["/size_bytes"])
    );
    assert_eq!(announce(&client, &access, "k1", 1000).await.status, 201);
}

#[tokio::test]
async fn have_keys_that_can_be_keys() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    client.verify(ADA).await;
    for key in ["", "a b", &"k".repeat(256), "schlüssel"] {
        let answer = announce(&client, &access, key, 1000).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["Idempotency-Key"]), "{key}");
    }
    let body = json!({ "purpose": "avatar", "content_type": "image/jpeg", "size_bytes": 1000 });
    assert_eq!(client.call("POST", "/uploads", Some(&access), body).await.status, 201, "none is needed");
    assert_eq!(client.call("POST", "/uploads", None, Value::Null).await.status, 401);
}
