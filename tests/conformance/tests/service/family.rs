//! What parents tell of their homes and their children.

use std::sync::Arc;

use domain::{
    child::{Allergies, BirthMonth, Child, Details, Name},
    id::{ChildId, UserId},
    sitter::today,
};
use serde_json::{Value, json};

use crate::client::{Answer, Client, pair};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

/// A parent's profile.
pub fn home() -> Value {
    json!({
        "address": { "lines": "1 Mill Lane", "town": "Hebden Bridge", "postcode": "HX7 8AD", "country": "GB" },
        "location": { "latitude": 53.75, "longitude": -2.0125 },
        "radius_metres": 5000,
        "languages": ["pl", "en"],
        "skills": ["twins", "first_aid"],
        "max_rate": { "amount_minor": 1850, "currency": "GBP" },
        "emergency_contact": { "name": "Grandma Annabella", "phone": "+447400123456" },
    })
}

/// A child, as its parent describes it.
pub fn byron() -> Value {
    json!({
        "name": "Byron", "birth_month": "2023-03", "allergies": "Peanuts", "needs": "Sleeps with a lamp",
    })
}

/// A child of that person.
pub async fn child_of(client: &Client, parent: UserId) -> ChildId {
    let now = client.now();
    let details = Details {
        name: Name::parse("Augusta").unwrap(),
        birth_month: BirthMonth::parse("2023-03", today(now)).unwrap(),
        allergies: Allergies::parse("Bees").ok(),
        needs: None,
    };
    let child = Child::new(parent, details, now);
    let key = client.tables.data_key_or_new(&client.cipher, parent).await.unwrap();
    let roll = client.tables.roll(parent).await.unwrap().with(child.id).unwrap();
    client.tables.add_child(&key, &child, &roll).await.unwrap();
    child.id
}

/// A value with another one in one place.
pub fn with(mut value: Value, pointer: &str, other: Value) -> Value {
    *value.pointer_mut(pointer).unwrap() = other;
    value
}

async fn add(client: &Client, token: &str, body: Value) -> Answer {
    client.call("POST", "/me/children", Some(token), body).await
}

async fn put(client: &Client, token: &str, path: &str, body: Value, etag: &str) -> Answer {
    client.call_with("PUT", path, Some(token), body, &[("if-match", etag)]).await
}

/// Nothing of it stands in the store as it is.
async fn assert_hidden(client: &Client, words: &[&str]) {
    let stored = Value::from(client.items("main").await).to_string();
    for word in words {
        assert!(!stored.contains(word), "{word} can be read in {stored}");
    }
}

#[tokio::test]
async fn a_parents_profile_is_replaced_as_a_whole() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let path = "/me/parent-profile";
    assert_eq!(client.get(path, &token).await.problem(), (404, "not_found", vec![]));
    for version in ["*", "\"0\"", "\"1\""] {
        let answer = put(&client, &token, path, home(), version).await;
        assert_eq!(answer.problem(), (412, "stale_version", vec![]), "there is no version yet: {version}");
    }
    let answer = client.call("PUT", path, Some(&token), home()).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    let mut expected = home();
    expected["languages"] = json!(["en", "pl"]);
    expected["skills"] = json!(["first_aid", "twins"]);
    expected["version"] = json!(1);
    assert_eq!(answer.body, expected);
    let read = client.get(path, &token).await;
    assert_eq!(
        (read.status, &read.headers["etag"], &read.body),
        (answer.status, &answer.headers["etag"], &expected)
    );

    assert_eq!(put(&client, &token, path, home(), "\"2\"").await.problem(), (412, "stale_version", vec![]));
    let problem = put(&client, &token, path, home(), "1").await;
    assert_eq!(problem.problem(), (400, "invalid_request", vec!["If-Match"]));
    let least = json!({ "address": home()["address"], "location": home()["location"] });
    let answer = put(&client, &token, path, least, "\"1\"").await;
    assert_eq!((answer.status.as_u16(), &answer.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    let rest = ["radius_metres", "languages", "skills", "max_rate", "emergency_contact"];
    let rest = rest.map(|field| answer.body[field].clone());
    assert_eq!(rest, [json!(10_000), json!([]), json!([]), Value::Null, Value::Null]);

    let (other, _) = client.sign_in(BOB).await;
    assert_eq!(client.get(path, &other).await.status, 404, "it is one's own");
    assert_hidden(&client, &["Mill", "Hebden", "HX7", "53.75", "-2.0125", "Annabella", "7400"]).await;
}

#[tokio::test]
async fn a_parents_profile_is_judged_field_by_field() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let long = |chars: usize| json!("x".repeat(chars));
    for (pointer, bad, at) in [
        ("/address/lines", json!(""), "/address/lines"),
        ("/address/lines", long(201), "/address/lines"),
        ("/address/town", json!("a\u{202e}b"), "/address/town"),
        ("/address/postcode", long(13), "/address/postcode"),
        ("/address/country", json!("gb"), "/address/country"),
        ("/address", json!("1 Mill Lane"), "/address"),
        ("/location/latitude", json!(90.5), "/location/latitude"),
        ("/location/longitude", json!(-181), "/location/longitude"),
        ("/location/longitude", json!("west"), "/location/longitude"),
        ("/radius_metres", json!(999), "/radius_metres"),
        ("/radius_metres", json!(50_001), "/radius_metres"),
        ("/radius_metres", json!(-1), "/radius_metres"),
        ("/languages", json!(["en", "english"]), "/languages/1"),
        (
            "/languages",
            json!(["en", "en", "en", "en", "en", "en", "en", "en", "en", "en", "en"]),
            "/languages",
        ),
        ("/skills", json!(["flying"]), "/skills/0"),
        ("/skills", Value::Null, "/skills"),
        ("/max_rate/amount_minor", json!(99), "/max_rate/amount_minor"),
        ("/max_rate/currency", json!("USD"), "/max_rate/currency"),
        ("/emergency_contact/name", json!(""), "/emergency_contact/name"),
        ("/emergency_contact/phone", json!("07400"), "/emergency_contact/phone"),
        // No text is sent there.
        ("/emergency_contact/phone", json!("+33612345678"), "/emergency_contact/phone"),
        ("/emergency_contact", json!("+447400123456"), "/emergency_contact"),
    ] {
        let answer =
            put(&client, &token, "/me/parent-profile", with(home(), pointer, bad.clone()), "*").await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![at]), "{pointer}: {bad}");
    }
    let all = json!({
        "address": { "lines": "", "town": "", "postcode": "", "country": "" },
        "location": { "latitude": 91, "longitude": 181 }, "radius_metres": 0, "languages": [""],
        "skills": [""], "max_rate": { "amount_minor": 0, "currency": "" },
        "emergency_contact": { "name": "", "phone": "" },
    });
    let answer = put(&client, &token, "/me/parent-profile", all, "*").await;
    assert_eq!(answer.problem().2.len(), 13);
    for missing in ["address", "location"] {
        let mut body = home();
        body.as_object_mut().unwrap().remove(missing);
        let answer = put(&client, &token, "/me/parent-profile", body, "*").await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![format!("/{missing}").as_str()]));
    }
    let mut extra = home();
    extra["address"]["phone"] = json!("1");
    let answer = put(&client, &token, "/me/parent-profile", extra, "*").await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["/address/phone"]));
    assert_eq!(client.get("/me/parent-profile", &token).await.status, 404);
}

#[tokio::test]
async fn a_child_is_described_changed_and_removed() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let empty = client.get("/me/children", &token).await;
    assert_eq!((empty.status.as_u16(), empty.body), (200, json!({ "items": [], "next_cursor": null })));
    let added = add(&client, &token, byron()).await;
    let id = added.body["id"].as_str().unwrap();
    assert_eq!(added.headers["location"], format!("children/{id}"));
    assert_eq!((added.status.as_u16(), &added.headers["etag"]), (201, &"\"1\"".parse().unwrap()));
    let mut expected = byron();
    expected["id"] = json!(id);
    expected["age_group"] = json!("preschool");
    expected["version"] = json!(1);
    assert_eq!(added.body, expected);

    let path = format!("/me/children/{id}");
    let read = client.get(&path, &token).await;
    assert_eq!(
        (read.status.as_u16(), &read.headers["etag"], &read.body),
        (200, &added.headers["etag"], &expected)
    );
    let list = client.get("/me/children", &token).await;
    let line = json!({ "id": id, "name": "Byron", "age_group": "preschool" });
    assert_eq!(list.body["items"], json!([line]), "a list shows nothing else");
    assert_hidden(&client, &["Byron", "2023-03", "Peanuts", "lamp"]).await;

    let body = json!({ "name": "Byron", "birth_month": "2009-02", "allergies": null });
    let changed = put(&client, &token, &path, body, "\"1\"").await;
    assert_eq!((changed.status.as_u16(), &changed.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    let rest = ["allergies", "needs", "age_group"].map(|field| changed.body[field].clone());
    assert_eq!(rest, [Value::Null, Value::Null, json!("teen")]);
    assert_eq!(put(&client, &token, &path, byron(), "\"1\"").await.problem(), (412, "stale_version", vec![]));
    client.turn_clock(30 * 24 * 3600);
    let token =
        client.login(ADA, crate::client::PASSWORD).await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&path, &token).await.body["age_group"], Value::Null, "it has grown up");

    assert_eq!(client.call("DELETE", &path, Some(&token), Value::Null).await.status, 204);
    assert_eq!(client.call("DELETE", &path, Some(&token), Value::Null).await.status, 404);
    assert_eq!(client.get(&path, &token).await.status, 404);
    assert_eq!(put(&client, &token, &path, byron(), "*").await.status, 404);
    assert_eq!(client.get("/me/children", &token).await.body["items"], json!([]));
}

#[tokio::test]
async fn nobody_reaches_another_parents_child() {
    let client = Client::start().await;
    let (ada, _) = client.sign_in(ADA).await;
    let (bob, _) = client.sign_in(BOB).await;
    let id = add(&client, &ada, byron()).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/me/children/{id}");
    // Whether or not they have children themselves.
    for _ in 0..2 {
        for (method, body) in [("GET", Value::Null), ("PUT", byron()), ("DELETE", Value::Null)] {
            let answer = client.call(method, &path, Some(&bob), body).await;
            assert_eq!(answer.problem(), (404, "not_found", vec![]), "{method}");
        }
        assert_eq!(add(&client, &bob, byron()).await.status, 201);
    }
    for bad in ["1", "usr_01h455vb4pex5vsknk084sn02q"] {
        let answer = client.get(&format!("/me/children/{bad}"), &ada).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["id"]));
    }
    assert_eq!(client.get(&path, &ada).await.body["version"], 1);
}

#[tokio::test]
async fn a_child_is_judged_field_by_field() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let id = add(&client, &token, byron()).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/me/children/{id}");
    let long = |chars: usize| json!("x".repeat(chars));
    for (pointer, bad) in [
        ("/name", json!("")),
        ("/name", long(81)),
        ("/name", Value::Null),
        ("/birth_month", json!("2027-02")),
        ("/birth_month", json!("2008-12")),
        ("/birth_month", json!("2023-03-01")),
        ("/birth_month", json!("2023-13")),
        ("/allergies", json!(" ")),
        ("/allergies", long(501)),
        ("/needs", long(1001)),
        ("/needs", json!("a\u{0}b")),
        ("/needs", json!(["lamp"])),
    ] {
        let body = with(byron(), pointer, bad.clone());
        for answer in [add(&client, &token, body.clone()).await, put(&client, &token, &path, body, "*").await]
        {
            assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{bad}");
        }
    }
    let all = json!({ "name": "", "birth_month": "", "allergies": "", "needs": "" });
    let pointers = vec!["/name", "/birth_month", "/allergies", "/needs"];
    assert_eq!(add(&client, &token, all).await.problem(), (400, "invalid_request", pointers));
    let extra = json!({ "name": "Byron", "birth_month": "2023-03", "age": 3 });
    assert_eq!(add(&client, &token, extra).await.problem(), (400, "invalid_request", vec!["/age"]));
    let tag = put(&client, &token, &path, byron(), "1").await;
    assert_eq!(tag.problem(), (400, "invalid_request", vec!["If-Match"]));
}

#[tokio::test]
async fn what_is_said_again_is_not_written_again() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let first = client.call("PUT", "/me/parent-profile", Some(&token), home()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let child = add(&client, &token, byron()).await.body;
    let child = format!("/me/children/{}", child["id"].as_str().unwrap());
    for (path, body, other) in [
        ("/me/parent-profile", home(), with(home(), "/radius_metres", json!(6000))),
        (&child, byron(), with(byron(), "/needs", json!("Sleeps"))),
    ] {
        let before = client.get(path, &token).await;
        let again = client.call("PUT", path, Some(&token), body).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &before.body), "{path}");
        assert_eq!(again.headers["etag"], before.headers["etag"], "{path}");
        let changed = client.call("PUT", path, Some(&token), other).await;
        assert_ne!(changed.headers["etag"], before.headers["etag"], "{path}");
    }
}

#[tokio::test]
async fn there_are_at_most_twenty_children_however_many_come_at_once() {
    let client = Arc::new(Client::start().await);
    let (token, _) = client.sign_in(ADA).await;
    for _ in 0..18 {
        assert_eq!(add(&client, &token, byron()).await.status, 201);
    }
    let tries = (0..10).map(|_| {
        let (client, token) = (client.clone(), token.clone());
        tokio::spawn(async move { add(&client, &token, byron()).await })
    });
    let mut added = 18;
    for attempt in tries.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        match answer.status.as_u16() {
            201 => added += 1,
            _ => assert!(["conflict", "too_many_children"].contains(&answer.problem().1), "{}", answer.body),
        }
    }
    while added < 20 {
        assert_eq!(add(&client, &token, byron()).await.status, 201);
        added += 1;
    }
    assert_eq!(add(&client, &token, byron()).await.problem(), (409, "too_many_children", vec![]));
    let list = client.get("/me/children", &token).await;
    let items = list.body["items"].as_array().unwrap();
    assert_eq!((items.len(), added), (20, 20));
    let path = format!("/me/children/{}", items[7]["id"].as_str().unwrap());
    assert_eq!(client.call("DELETE", &path, Some(&token), Value::Null).await.status, 204);
    assert_eq!(add(&client, &token, byron()).await.status, 201);
}

#[tokio::test]
async fn a_request_asks_kms_once() {
    let client = Client::start().await;
    let (token, _) = client.sign_in(ADA).await;
    let kms = || {
        let calls = client.dynamo.calls.take();
        calls
            .into_iter()
            .filter_map(|call| Some(call.strip_prefix("TrentService.")?.to_owned()))
            .collect::<Vec<_>>()
    };
    let id = add(&client, &token, byron()).await.body["id"].as_str().unwrap().to_owned();
    assert_eq!(kms(), ["GenerateDataKey"]);
    let path = format!("/me/children/{id}");
    add(&client, &token, byron()).await;
    assert_eq!(kms(), ["Decrypt"]);
    client.get("/me/children", &token).await;
    assert_eq!(kms(), ["Decrypt"]);
    put(&client, &token, &path, byron(), "*").await;
    assert_eq!(kms(), ["Decrypt"]);
    client.call("DELETE", &path, Some(&token), Value::Null).await;
    assert!(kms().is_empty());
}

#[tokio::test]
async fn a_child_is_born_by_the_calendar_of_its_parent() {
    let client = Client::start().await;
    client.sign_in(ADA).await;
    // From 2027-01-15T08:00Z to 12:00 on the 31st, which is the 1st of February in Auckland.
    client.turn_clock((16 * 24 + 4) * 3600);
    let token = pair(&client.login(ADA, crate::client::PASSWORD).await).0;
    let born = with(byron(), "/birth_month", json!("2027-02"));
    assert_eq!(
        add(&client, &token, born.clone()).await.problem().2,
        ["/birth_month"],
        "in London it is January"
    );
    let moves = async |zone: &str| {
        let moved = client.call("PATCH", "/me", Some(&token), json!({ "time_zone": zone })).await;
        assert_eq!(moved.status, 200, "{}", moved.body);
    };
    moves("Pacific/Auckland").await;
    let added = add(&client, &token, born.clone()).await;
    assert_eq!((added.status.as_u16(), &added.body["age_group"]), (201, &json!("infant")), "{}", added.body);
    let path = format!("/me/children/{}", added.body["id"].as_str().unwrap());
    assert_eq!(put(&client, &token, &path, born.clone(), "*").await.status, 200);
    // A child who is one year old there is not yet, elsewhere.
    let older = with(byron(), "/birth_month", json!("2026-02"));
    let one = add(&client, &token, older).await;
    assert_eq!(one.body["age_group"], "toddler", "{}", one.body);
    let path = format!("/me/children/{}", one.body["id"].as_str().unwrap());
    moves("America/New_York").await;
    let group = async || client.get(&path, &token).await.body["age_group"].clone();
    assert_eq!(group().await, "infant");
    let list = client.get("/me/children", &token).await;
    assert_eq!(list.body["items"][1]["age_group"], "infant");
    assert_eq!(add(&client, &token, born).await.problem().2, ["/birth_month"]);
}
