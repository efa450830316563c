use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::Client;

#[tokio::test]
async fn shows_the_callers_own_account() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let answer = client.call("GET", "/me", Some(&token), Value::Null).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    insta::assert_json_snapshot!(answer.body, { ".id" => "usr_…" });
}

#[tokio::test]
async fn changes_what_is_given_and_nothing_else() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let patch = |body, etag: &'static str| {
        let (client, token) = (&client, &token);
        async move { client.call_with("PATCH", "/me", Some(token), body, &[("if-match", etag)]).await }
    };
    let answer = patch(json!({ "name": " Ada  King " }), "\"1\"").await;
    assert_eq!((answer.body["name"].as_str(), answer.body["version"].as_u64()), (Some("Ada King"), Some(2)));
    assert_eq!(answer.body["locale"], "en-GB");
    assert_eq!(patch(json!({ "name": "Ada" }), "\"1\"").await.problem(), (412, "stale_version", vec![]));
    assert_eq!(
        patch(json!({ "name": "Ada" }), "W/x").await.problem(),
        (400, "invalid_request", vec!["If-Match"])
    );
    let answer = patch(json!({ "locale": "fr", "time_zone": "europe/paris" }), "*").await;
    assert_eq!((&answer.body["locale"], &answer.body["time_zone"]), (&json!("fr"), &json!("Europe/Paris")));
    let same = patch(json!({}), "\"3\"").await;
    assert_eq!((same.status.as_u16(), &same.headers["etag"]), (200, &"\"3\"".parse().unwrap()));
}

#[tokio::test]
async fn refuses_what_cannot_be() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    for (body, pointers) in [
        (
            json!({ "name": "", "locale": "xx-yy-zz-nope", "time_zone": "Mars" }),
            vec!["/name", "/locale", "/time_zone"],
        ),
        (json!({ "name": null }), vec!["/name"]),
        (json!({ "email": "eve@example.org" }), vec!["/email"]),
        (json!({ "role": "admin" }), vec!["/role"]),
        (json!({ "version": 9 }), vec!["/version"]),
        (json!([]), vec![""]),
    ] {
        let answer = client.call("PATCH", "/me", Some(&token), body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", pointers), "{body}");
    }
    let account = client.call("GET", "/me", Some(&token), Value::Null).await;
    assert_eq!(account.body["version"], 1);
}

/// A token with another header or payload, and the old signature.
fn forge(token: &str, part: usize, change: impl Fn(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut json: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    change(&mut json);
    parts[part] = BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    parts.join(".")
}

#[tokio::test]
async fn lets_nobody_in_without_a_good_token() {
    let client = Client::start().await;
    let (token, refresh) = client.sign_in("ada@example.org").await;
    let none = forge(&token, 0, |header| header["alg"] = json!("none"));
    let forged = [
        String::new(),
        "x".into(),
        refresh,
        none.rsplit_once('.').unwrap().0.to_owned() + ".",
        none,
        forge(&token, 0, |header| header["alg"] = json!("HS256")),
        forge(&token, 0, |header| header["kid"] = json!("unknown")),
        forge(&token, 0, |header| header["typ"] = json!("JWT")),
        forge(&token, 0, |header| drop(header.as_object_mut().unwrap().remove("kid"))),
        forge(&token, 1, |claims| claims["role"] = json!("admin")),
        forge(&token, 1, |claims| claims["exp"] = json!(4_000_000_000_i64)),
        token[..token.len() - 4].to_owned(),
    ];
    for bad in &forged {
        let answer = client.call("GET", "/me", Some(bad), Value::Null).await;
        assert_eq!(answer.problem(), (401, "unauthenticated", vec![]), "{bad}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let basic = client.call_with("GET", "/me", None, Value::Null, &[("authorization", "Basic eDp5")]).await;
    assert_eq!(basic.status, 401);

    client.turn_clock(15 * 60 - 1);
    assert_eq!(client.call("GET", "/me", Some(&token), Value::Null).await.status, 200);
    client.turn_clock(1);
    assert_eq!(client.call("GET", "/me", Some(&token), Value::Null).await.status, 401, "it has expired");
}

#[tokio::test]
async fn a_token_for_another_audience_is_none() {
    let (ours, theirs) = (Client::start().await, Client::start().await);
    let (token, _) = theirs.sign_in("ada@example.org").await;
    assert_eq!(ours.call("GET", "/me", Some(&token), Value::Null).await.status, 401);

    let session = domain::session::Session::start(
        domain::id::new(ours.now()),
        domain::role::Role::Parent,
        domain::epoch::Epoch::FIRST,
        api::secrets::Secret::generate().token(),
        domain::session::Client::default(),
        ours.now(),
    );
    for change in
        [|s: &mut api::Settings| s.audience = "other".into(), |s: &mut api::Settings| s.issuer = "x".into()]
    {
        let mut settings = ours.settings.clone();
        change(&mut settings);
        let signer = api::tokens::Signer::from_keys(ours.keys.clone());
        let token = signer.sign(&ours.tables, &settings, &session, ours.now()).await.unwrap();
        assert_eq!(ours.call("GET", "/me", Some(&token), Value::Null).await.status, 401);
    }
}

#[tokio::test]
async fn a_new_key_is_found_before_it_signs() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    assert_eq!(client.call("GET", "/me", Some(&token), Value::Null).await.status, 200);
    client.turn_clock(31);
    let set = client.tables.token_keys().await.unwrap();
    let before = set.version;
    let (public, private) = api::tokens::generate_key(client.now()).unwrap();
    let mut keys = client.keys.clone();
    keys.replace(public.kid.clone(), private, |_| true);
    client.tables.publish_token_keys(&set.publish(public, client.now()), before).await.unwrap();

    let owner = client.tables.owner_of(&"ada@example.org".parse().unwrap()).await.unwrap().unwrap();
    let role = domain::role::Role::Parent;
    let session = domain::session::Session::start(
        owner,
        role,
        domain::epoch::Epoch::FIRST,
        api::secrets::Secret::generate().token(),
        domain::session::Client::default(),
        client.now(),
    );
    let signer = api::tokens::Signer::from_keys(keys);
    let younger = signer.sign(&client.tables, &client.settings, &session, client.now()).await.unwrap();
    for token in [&token, &younger] {
        assert_eq!(client.call("GET", "/me", Some(token), Value::Null).await.status, 200);
    }
}
