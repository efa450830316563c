use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::client::Client;

#[tokio::test]
async fn errors_have_one_form() {
    let client = Client::start().await;
    let missing = client.call("GET", "/nowhere", None, Value::Null).await;
    assert_eq!(missing.problem(), (404, "not_found", vec![]));
    assert_eq!(missing.body["request_id"], "req-1");
    insta::assert_json_snapshot!(missing.body);
    let method = client.call("DELETE", "/me", None, Value::Null).await;
    assert_eq!(method.problem(), (405, "method_not_allowed", vec![]));
    let id = client.sign_in("ada@example.org").await.0;
    let foreign = client.call("GET", "/uploads/upl_01h455vb4pex5vsknk084sn02q", Some(&id), Value::Null).await;
    assert_eq!(foreign.problem(), (404, "not_found", vec![]));
    for wrong in ["usr_01h455vb4pex5vsknk084sn02q", "x", "%00", "upl_"] {
        let answer = client.call("GET", &format!("/uploads/{wrong}"), Some(&id), Value::Null).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["id"]), "{wrong}");
    }
}

#[tokio::test]
async fn bodies_are_json_and_small() {
    let client = Client::start().await;
    let text = Request::post("/auth/login").header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}"));
    assert_eq!(client.send(text.unwrap()).await.problem(), (415, "unsupported_media_type", vec![]));
    let none = client.call("POST", "/auth/login", None, Value::Null).await;
    assert_eq!(none.problem().0, 415);
    let large = json!({ "email": "x".repeat(70_000), "password": "x" });
    assert_eq!(client.post("/auth/login", large).await.problem(), (413, "body_too_large", vec![]));
    let broken = client.post("/auth/login", Value::String("{\"email\":".into())).await;
    assert_eq!(broken.problem(), (400, "malformed_json", vec![]));
    let wrong = client.post("/auth/login", json!({ "email": 1, "password": "x" })).await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["/email"]));
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let client = Client::start().await;
    for path in ["/health", "/me", "/nowhere", "/docs"] {
        let answer = client.call("GET", path, None, Value::Null).await;
        for name in [
            "strict-transport-security",
            "x-content-type-options",
            "content-security-policy",
            "referrer-policy",
            "permissions-policy",
            "cross-origin-resource-policy",
            "cache-control",
            "x-request-id",
        ] {
            assert!(answer.headers.contains_key(name), "{path} lacks {name}");
        }
        assert!(!answer.headers.contains_key("server"));
    }
}

#[tokio::test]
async fn browsers_may_call_from_the_allowed_origins_only() {
    let client = Client::start().await;
    for (origin, allowed) in [("https://app.test", true), ("https://evil.test", false)] {
        let answer = client.call_with("GET", "/me", None, Value::Null, &[("origin", origin)]).await;
        assert_eq!(answer.status, 401);
        let header = answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(header, allowed.then_some(origin));
    }
}

#[tokio::test]
async fn health_touches_nothing() {
    let client = Client::start().await;
    let answer = client.call("GET", "/health", None, Value::Null).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn readiness_is_looked_at_once_however_many_ask() {
    let client = Client::start().await;
    let asked = || {
        let books = client.stripe.books();
        books.calls.iter().filter(|call| call.line == "GET /v1/balance").count()
    };
    let ask = async || client.call("GET", "/health/ready", None, Value::Null).await;
    let all = futures_util::future::join_all((0..10).map(|_| ask())).await;
    assert_eq!(asked(), 1);
    assert!(all.iter().all(|answer| answer.body == all[0].body), "all get the one answer");
    let stripe = |answer: &crate::client::Answer| {
        let checks = answer.body["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "stripe").unwrap()["state"].clone()
    };
    assert_eq!(stripe(&all[0]), "up");

    client.stripe.books().is_down = true;
    client.turn_clock(15);
    assert_eq!((stripe(&ask().await), asked()), (json!("up"), 1), "it is not asked again so soon");
    client.turn_clock(15);
    assert_eq!((stripe(&ask().await), asked()), (json!("down"), 2));
    client.stripe.books().is_down = false;
    assert_eq!((stripe(&ask().await), asked()), (json!("down"), 2), "what is down is not asked more often");
    client.turn_clock(30);
    assert_eq!((stripe(&ask().await), asked()), (json!("up"), 3));
}
