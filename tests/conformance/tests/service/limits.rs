//! Limits, from outside.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    authorization,
    client::{Client, PASSWORD},
};

const ADA: &str = "ada@example.org";

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, last))
}

#[tokio::test]
async fn a_hundred_sign_ins_at_once_are_as_many_as_the_bucket_holds() {
    let client = Arc::new(Client::start().await);
    client.register(ADA).await;
    let tries = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.login(ADA, PASSWORD).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].repeat(10), [429].repeat(90)].concat());
}

#[tokio::test]
async fn what_is_left_is_told() {
    let client = Client::start().await;
    let first = client.login(ADA, PASSWORD).await;
    assert_eq!(first.headers["ratelimit"], "\"login\";r=9;t=90");
    assert_eq!(first.headers["ratelimit-policy"], "\"login\";q=10;w=900");
    for _ in 0..9 {
        client.login(ADA, PASSWORD).await;
    }
    let refused = client.login(ADA, PASSWORD).await;
    assert_eq!(refused.problem(), (429, "too_many_requests", vec![]));
    assert_eq!(
        (&refused.headers["retry-after"], &refused.headers["ratelimit"]),
        (&"90".parse().unwrap(), &"\"login\";r=0;t=90".parse().unwrap())
    );
    client.turn_clock(90);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401, "whoever waits is not refused");
}

#[tokio::test]
async fn one_who_guesses_does_not_keep_the_owner_out() {
    let client = Client::start().await;
    client.register(ADA).await;
    for _ in 0..20 {
        client.login(ADA, "wrong wrong").await;
    }
    assert_eq!(client.login(ADA, PASSWORD).await.status, 429);
    *client.ip.lock().unwrap() = address(1);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn one_who_guesses_from_everywhere_is_stopped_as_well() {
    let client = Client::start().await;
    client.register(ADA).await;
    let mut refused = 0;
    for n in 0..12 {
        *client.ip.lock().unwrap() = address(n);
        for _ in 0..9 {
            refused += i32::from(client.login(ADA, "wrong wrong").await.status == 429);
        }
    }
    assert_eq!(refused, 12 * 9 - 100);
}

#[tokio::test]
async fn one_address_has_its_bound_whomever_it_asks_for() {
    let client = Client::start().await;
    let mut statuses = Vec::new();
    for n in 0..25 {
        statuses.push(client.register(&format!("ada{n}@example.org")).await.status.as_u16());
    }
    assert_eq!(statuses, [[202].repeat(20), [429].repeat(5)].concat());
}

#[tokio::test]
async fn an_owner_is_not_buried_in_mail() {
    let client = Client::start().await;
    for n in 0..10 {
        *client.ip.lock().unwrap() = address(n);
        client.register(ADA).await;
        client.post("/auth/password/forgot", json!({ "email": ADA })).await;
    }
    let events = client.events().await;
    let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
    assert_eq!((count("registration_repeated"), count("password_reset_requested")), (2, 3));
}

#[tokio::test]
async fn without_its_table_identity_refuses_and_the_others_go_on() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    assert_eq!(client.get("/me", &access).await.status, 200);
    client.dynamo.client.delete_table().table_name("ephemeral").send().await.unwrap();
    for (path, body) in [
        ("/auth/login", json!({ "email": ADA, "password": PASSWORD })),
        ("/auth/password/forgot", json!({ "email": ADA })),
    ] {
        let answer = client.post(path, body).await;
        assert_eq!(answer.problem(), (503, "unavailable", vec![]), "{path}");
        assert_eq!(answer.headers["retry-after"], "2");
    }
    let wish = json!({ "purpose": "avatar", "content_type": "image/jpeg", "size_bytes": 1000 });
    let answer = client.call("POST", "/uploads", Some(&access), wish).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(client.get("/me", &access).await.status, 200);
    assert_eq!(client.call("GET", "/health", None, Value::Null).await.status, 200);
}

/// Every operation of identity that takes a guess says that it is limited, and what says so is.
#[tokio::test]
async fn what_says_that_it_is_limited_is() {
    let document: Value = serde_json::from_str(&conformance::document()).unwrap();
    let client = Client::start().await;
    let owner = authorization::owner(&client).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let limited = operation["responses"].get("429").is_some();
            let guess = method != "get" && operation["tags"][0] == "Identity";
            assert!(limited || !guess, "{method} {path} is not limited");
            if !limited {
                continue;
            }
            let method = method.to_uppercase();
            let (url, body) = authorization::example(&method, path, &owner);
            let role = if path.starts_with("/payouts") { "sitter" } else { "parent" };
            let caller = authorization::token(&client, role).await;
            let mut refused = false;
            for _ in 0..350 {
                let answer = client.call(&method, &url, caller.as_deref(), body.clone()).await;
                refused = answer.status == 429;
                if refused {
                    assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
                    break;
                }
            }
            assert!(refused, "{method} {path} says that it is limited, and is not");
        }
    }
}
