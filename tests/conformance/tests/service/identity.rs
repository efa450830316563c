use api::secrets;
use serde_json::{Value, json};

use crate::client::{Client, PASSWORD, pair};

#[tokio::test]
async fn a_known_address_is_answered_like_an_unknown_one() {
    let client = Client::start().await;
    let first = client.register("ada@example.org").await;
    let second = client.register("ADA@example.org").await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(first.body, json!({ "status": "accepted" }));
    assert_eq!(client.events().await, ["registration_repeated", "user_registered"]);
    let accounts = client.items("main").await.iter().filter(|item| item["sk"] == "PROFILE").count();
    assert_eq!(accounts, 1);
}

#[tokio::test]
async fn everything_wrong_with_a_registration_is_told_at_once() {
    let client = Client::start().await;
    let body = json!({ "role": "admin", "email": "nobody", "password": "12345678", "name": "\u{0}" });
    let answer = client.post("/auth/register", body).await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["/role", "/email", "/name", "/password"]));
    insta::assert_json_snapshot!(answer.body);
    assert!(client.items("main").await.iter().all(|item| item["pk"] == "TOKEN_KEYS"));
}

#[tokio::test]
async fn nothing_stored_or_audited_is_secret() {
    let client = Client::start().await;
    let (access, refresh) = client.sign_in("ada@example.org").await;
    for table in testing::TABLES {
        let text = Value::from(client.items(table).await).to_string();
        for secret in [PASSWORD, &access, &refresh] {
            assert!(!text.contains(secret), "{table}");
        }
    }
    let trail = client.items("audit").await;
    assert_eq!(trail.len(), 2);
    assert!(trail.iter().all(|entry| entry["origin"]["ip_prefix"] == "203.0.113.0/24"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let client = Client::start().await;
    client.register("ada@example.org").await;
    let mut bodies = Vec::new();
    for email in ["ada@example.org", "bob@example.org"] {
        let answer = client.post("/auth/login", json!({ "email": email, "password": "wrong wrong" })).await;
        assert_eq!(answer.problem().0, 401);
        bodies.push(answer.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    let failed =
        client.items("audit").await.iter().filter(|entry| entry["action"] == "sign_in_failed").count();
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn a_refresh_token_serves_once() {
    let client = Client::start().await;
    let (_, first) = client.sign_in("ada@example.org").await;
    client.turn_clock(60);
    let answer = client.post("/auth/refresh", json!({ "refresh_token": first })).await;
    assert_eq!(answer.status, 200);
    let (access, second) = pair(&answer);
    assert_ne!(first, second);
    assert_eq!(client.call("GET", "/me", Some(&access), Value::Null).await.status, 200);

    client.turn_clock(11);
    let reused = client.post("/auth/refresh", json!({ "refresh_token": first })).await;
    assert_eq!(reused.problem(), (401, "invalid_refresh_token", vec![]));
    let ended = client.post("/auth/refresh", json!({ "refresh_token": second })).await;
    assert_eq!(ended.problem().0, 401, "the whole sign-in has ended");
    assert!(client.items("audit").await.iter().any(|entry| entry["action"] == "session_reused"));
    assert!(client.events().await.contains(&"session_reused".to_owned()));
}

#[tokio::test]
async fn two_tabs_that_exchange_one_token_at_once_both_stay_signed_in() {
    let client = Client::start().await;
    let (_, first) = client.sign_in("ada@example.org").await;
    let exchange = async |token: &str| client.post("/auth/refresh", json!({ "refresh_token": token })).await;
    let here = exchange(&first).await;
    client.turn_clock(9);
    let there = exchange(&first).await;
    let (mut here, mut there) = (pair(&here).1, pair(&there).1);
    for _ in 0..3 {
        client.turn_clock(15 * 60);
        here = pair(&exchange(&here).await).1;
        client.turn_clock(60);
        there = pair(&exchange(&there).await).1;
    }
    assert!(!client.events().await.contains(&"session_reused".to_owned()));
    assert_eq!(exchange(&first).await.status, 401, "the grace is over");
    for token in [here, there] {
        assert_eq!(exchange(&token).await.status, 401, "the whole session has ended");
    }
    assert!(client.events().await.contains(&"session_reused".to_owned()));
}

#[tokio::test]
async fn of_many_exchanges_at_once_none_is_taken_for_a_theft() {
    let client = std::sync::Arc::new(Client::start().await);
    let (_, token) = client.sign_in("ada@example.org").await;
    let tries = (0..8).map(|_| {
        let (client, token) = (client.clone(), token.clone());
        tokio::spawn(async move { client.post("/auth/refresh", json!({ "refresh_token": token })).await })
    });
    let mut issued = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        issued.push(pair(&answer).1);
    }
    client.turn_clock(60);
    for token in issued {
        let answer = client.post("/auth/refresh", json!({ "refresh_token": token })).await;
        assert_eq!(answer.status, 200, "each tab goes on: {}", answer.body);
    }
    assert!(!client.events().await.contains(&"session_reused".to_owned()));
}

#[tokio::test]
async fn a_sign_in_ends_by_itself_and_with_its_account() {
    let client = Client::start().await;
    let (_, token) = client.sign_in("ada@example.org").await;
    client.turn_clock(30 * 86_400);
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": token })).await.status, 401);

    let (access, token) = client.sign_in("bob@example.org").await;
    let owner = client.tables.owner_of(&"bob@example.org".parse().unwrap()).await.unwrap().unwrap();
    let user = client.tables.user(owner).await.unwrap().unwrap();
    client.tables.remove_unverified(&user, client.now()).await.unwrap();
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": token })).await.status, 401);
    assert_eq!(client.call("GET", "/me", Some(&access), Value::Null).await.status, 401);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let client = Client::start().await;
    let (access, refresh) = client.sign_in("ada@example.org").await;
    let mut forged = refresh.clone();
    forged.replace_range(..4, "AAAA");
    // Names the sign-in, and was never given out.
    let invented = secrets::RefreshToken {
        secret: secrets::Secret::generate(),
        ..secrets::RefreshToken::decode(&refresh).unwrap()
    };
    for token in ["", "x", &access, &forged, &invented.encode(), &"A".repeat(86), &"A".repeat(10_000)] {
        let answer = client.post("/auth/refresh", json!({ "refresh_token": token })).await;
        assert_eq!(answer.problem().0, 401, "{token}");
    }
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": refresh })).await.status, 200);
}
