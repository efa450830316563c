use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::client::{Client, PASSWORD};

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

/// RFC 9110, 13.1.1.
#[tokio::test]
async fn a_change_is_made_for_one_of_the_versions_that_are_listed() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let patch = async |lines: &[&str]| {
        let headers: Vec<_> = lines.iter().map(|line| ("if-match", *line)).collect();
        client.call_with("PATCH", "/me", Some(&token), json!({}), &headers).await
    };
    for lines in [
        &["\"1\""][..],
        &["*"],
        &["\"7\", \"1\""],
        &["\"7\",, \"a,b\" ,\"1\","],
        &["\"7\"", "\"1\""],
        &["W/\"1\", \"1\""],
    ] {
        assert_eq!(patch(lines).await.status, 200, "{lines:?}");
    }
    for lines in [&["W/\"1\""][..], &["\"7\", W/\"1\""], &["\"x\""], &["\"01\""], &["\"\""], &["\",1\""]] {
        assert_eq!(patch(lines).await.problem(), (412, "stale_version", vec![]), "{lines:?}");
    }
    for lines in [&["1"][..], &[""], &["\"1"], &["*, \"1\""], &["*", "\"1\""], &["\"1\" \"2\""], &["w/\"1\""]]
    {
        assert_eq!(patch(lines).await.problem(), (400, "invalid_request", vec!["If-Match"]), "{lines:?}");
    }
}

/// A token whose header and claims are changed, signed by our key.
fn signed(
    client: &Client,
    token: &str,
    header: impl Fn(&str) -> String,
    claims: impl Fn(&mut Value),
) -> String {
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    let old = String::from_utf8(parts.next().unwrap()).unwrap();
    let mut payload: Value = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    claims(&mut payload);
    let kid = serde_json::from_str::<Value>(&old).unwrap()["kid"].as_str().unwrap().to_owned();
    let pkcs8 = BASE64_STANDARD.decode(client.keys.get(&kid).unwrap().expose_secret()).unwrap();
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let input = format!("{}.{}", encoded(&header(&old)), encoded(&payload.to_string()));
    let signature = Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap().sign(input.as_bytes());
    format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

#[tokio::test]
async fn a_token_counts_from_its_beginning_on() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let now = client.now().as_second();
    let status = async |nbf: Value| {
        let token = signed(&client, &token, str::to_owned, |claims| claims["nbf"] = nbf.clone());
        client.get("/me", &token).await.status.as_u16()
    };
    assert_eq!(status(json!(now)).await, 200);
    assert_eq!(status(json!(0)).await, 200);
    assert_eq!(status(json!(now + 60)).await, 401);
    for nonsense in [json!("1"), json!(true), json!(1e300), json!([])] {
        assert_eq!(status(nonsense.clone()).await, 401, "{nonsense}");
    }
    let later = signed(&client, &token, str::to_owned, |claims| claims["nbf"] = json!(now + 60));
    client.turn_clock(60);
    assert_eq!(client.get("/me", &later).await.status, 200);
}

/// RFC 7515, 4.1.11: nothing that is critical is understood here, so nothing may be.
#[tokio::test]
async fn a_token_with_a_header_that_must_be_understood_is_none() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let status = async |more: &str| {
        let header = |old: &str| old.replacen('{', &format!("{{{more}"), 1);
        client.get("/me", &signed(&client, &token, header, |_| {})).await.status.as_u16()
    };
    assert_eq!(status("").await, 200);
    for more in [r#""x-unknown":1,"#, r#""b64":false,"#] {
        assert_eq!(status(more).await, 200, "what is not critical is ignored: {more}");
    }
    for more in [
        r#""crit":["b64"],"b64":false,"#,
        r#""crit":["b64"],"b64":true,"#,
        r#""crit":["exp"],"exp":1,"#,
        r#""crit":["urn:example:unknown"],"urn:example:unknown":true,"#,
        r#""crit":[],"#,
        r#""crit":"b64","#,
        r#""crit":{},"#,
        r#""alg":"none","#,
        r#""alg":"EdDSA","#,
        r#""typ":"at+jwt","#,
        r#""kid":"x","#,
    ] {
        assert_eq!(status(more).await, 401, "{more}");
    }
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
        signed(&client, &token, |old| old.replace("EdDSA", "ES256"), |_| {}),
        signed(&client, &token, |old| old.replace("EdDSA", "eddsa"), |_| {}),
        signed(&client, &token, |old| old.replace("at+jwt", "JWT"), |_| {}),
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

#[tokio::test]
async fn with_the_right_password_a_suspended_user_changes_nothing_either() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    assert_eq!(client.get("/me", &token).await.status, 200);
    client.set_standing(&client.user("ada@example.org").await, true).await;
    let before = client.state().await;
    for (method, path, body) in [
        ("POST", "/me/email", json!({ "email": "eve@example.org", "password": PASSWORD })),
        (
            "POST",
            "/me/password",
            json!({ "current_password": PASSWORD, "new_password": "quiet otter marble lantern" }),
        ),
        ("PUT", "/me/second-step", json!({ "method": "none", "password": PASSWORD })),
        ("POST", "/me/totp", Value::Null),
        ("PATCH", "/me", json!({ "name": "Eve" })),
    ] {
        let answer = client.call(method, path, Some(&token), body).await;
        assert_eq!(answer.problem(), (401, "unauthenticated", vec![]), "{path}");
        assert_eq!(client.state().await, before, "{path}");
    }
}
