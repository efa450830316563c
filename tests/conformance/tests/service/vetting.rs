//! What sitters hand in, and what admins decide about it.

use std::sync::Arc;

use domain::{
    id::{CertificateId, UserId},
    sitter::today,
    vetting::{Certificate, Details, Issuer, Kind, Reference, Title},
};
use jiff::ToSpan;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use storage::certificates::seal_reference;

use crate::{
    client::{Answer, CHECK_SECRET, Client, PASSWORD, pair},
    family::with,
};

const MARY: &str = "mary@example.org";
const ROOT: &str = "root@example.org";

/// A certificate.
pub fn course() -> Value {
    json!({
        "kind": "first_aid", "title": "Emergency First Aid", "issuer": "British Red Cross",
        "reference": "EFAW-0042", "issued_on": "2026-02-01", "expires_on": "2029-01-31",
    })
}

/// A background check.
pub fn check() -> Value {
    json!({
        "title": "Enhanced DBS check", "issuer": "Disclosure and Barring Service",
        "reference": "001234567890", "issued_on": "2026-02-01", "expires_on": "2027-03-31",
    })
}

/// A background check that person has handed in.
pub async fn check_of(client: &Client, user_id: UserId) -> CertificateId {
    let now = client.now();
    let details = Details {
        kind: Kind::BackgroundCheck,
        title: Title::parse("Check").unwrap(),
        issuer: Issuer::parse("Office").unwrap(),
        issued_on: today(now),
        expires_on: Some(today(now).saturating_add(1.year())),
    };
    let id: CertificateId = domain::id::new(now);
    let key = client.tables.data_key_or_new(&client.cipher, user_id).await.unwrap();
    let sealed = seal_reference(&key, id, &Reference::parse("4711").unwrap()).unwrap();
    let folder = client.tables.folder(user_id).await.unwrap().with(id, details.kind);
    let certificate = Certificate::submit(id, user_id, details, sealed, now);
    client.tables.submit_certificate(&certificate, &folder, None).await.unwrap();
    id
}

async fn hand_in(client: &Client, token: &str, body: Value) -> Answer {
    client.call("POST", "/me/credentials", Some(token), body).await
}

async fn hand_in_check(client: &Client, token: &str) -> Answer {
    client.call("POST", "/me/background-check", Some(token), check()).await
}

async fn decide(client: &Client, admin: &str, id: &Value, decision: &str) -> Answer {
    let path = format!("/admin/credentials/{}/decision", id.as_str().unwrap());
    let body = json!({ "decision": decision, "reason": "as the issuer told" });
    client.call("POST", &path, Some(admin), body).await
}

async fn checked_until(client: &Client) -> Option<String> {
    let mary = client.user(MARY).await;
    let record = client.tables.sitter_record(mary.id).await.unwrap()?;
    record.checked_until.map(|date| date.to_string())
}

#[tokio::test]
async fn certificates_are_handed_in_and_listed_without_their_numbers() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let empty = client.get("/me/credentials", &token).await;
    assert_eq!(empty.body, json!({ "items": [], "next_cursor": null }));
    let first = hand_in(&client, &token, course()).await;
    assert_eq!((first.status.as_u16(), &first.body["state"]), (201, &json!("submitted")));
    let mut degree = course();
    degree["kind"] = json!("childcare");
    degree.as_object_mut().unwrap().remove("expires_on");
    let second = hand_in(&client, &token, degree).await;
    assert_eq!((second.status.as_u16(), &second.body["expires_on"]), (201, &Value::Null));
    let check = hand_in_check(&client, &token).await;
    assert_eq!((check.status.as_u16(), &check.body["reference"]), (201, &json!("001234567890")));

    let list = client.get("/me/credentials", &token).await;
    let mut third = check.body.clone();
    third.as_object_mut().unwrap().remove("reference");
    assert_eq!(list.body["items"], json!([first.body, second.body, third]));
    assert!(!list.body.to_string().contains("EFAW"));
    let stored = Value::from(client.items("main").await).to_string();
    assert!(!stored.contains("EFAW") && !stored.contains("001234567890"), "{stored}");
    let other = client.sitter("other@example.org").await;
    assert_eq!(client.get("/me/credentials", &other).await.body["items"], json!([]));
}

#[tokio::test]
async fn what_is_handed_in_is_judged_field_by_field() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let long = |chars: usize| json!("x".repeat(chars));
    for (pointer, bad) in [
        ("/kind", json!("background_check")),
        ("/kind", json!("flying")),
        ("/title", json!("")),
        ("/title", long(101)),
        ("/issuer", long(101)),
        ("/reference", json!(" ")),
        ("/reference", long(65)),
        ("/reference", json!(4711)),
        ("/issued_on", json!("2027-01-16")),
        ("/issued_on", json!("2026-02-30")),
        ("/expires_on", json!("2027-01-14")),
        ("/expires_on", json!("soon")),
    ] {
        let answer = hand_in(&client, &token, with(course(), pointer, bad.clone())).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{bad}");
        if pointer != "/kind" {
            let body = with(check(), pointer, bad.clone());
            let answer = client.call("POST", "/me/background-check", Some(&token), body).await;
            assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{bad}");
        }
    }
    let mut all = course();
    all.as_object_mut().unwrap().values_mut().for_each(|field| *field = json!(""));
    assert_eq!(hand_in(&client, &token, all).await.problem().2.len(), 6);
    let endless = with(check(), "/expires_on", Value::Null);
    let answer = client.call("POST", "/me/background-check", Some(&token), endless).await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["/expires_on"]));
    // When it ends is the sitter's own word.
    for last in ["2029-02-02", "9999-12-31"] {
        let long = with(check(), "/expires_on", json!(last));
        let answer = client.call("POST", "/me/background-check", Some(&token), long).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["/expires_on"]), "{last}");
        assert_eq!(answer.body["errors"][0]["code"], "out_of_range");
    }
    let answer = client.call("POST", "/me/background-check", Some(&token), course()).await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["/kind"]));
    assert!(client.tables.certificates(client.user(MARY).await.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sitter_hands_in_thirty_certificates_at_most() {
    let client = Arc::new(Client::start().await);
    let token = client.sitter(MARY).await;
    for _ in 0..29 {
        assert_eq!(hand_in(&client, &token, course()).await.status, 201);
    }
    let tries = (0..5).map(|_| {
        let (client, token) = (client.clone(), token.clone());
        tokio::spawn(async move { hand_in(&client, &token, course()).await.status.as_u16() })
    });
    let mut added = 0;
    for attempt in tries.collect::<Vec<_>>() {
        added += usize::from(attempt.await.unwrap() == 201);
    }
    assert_eq!(added, 1);
    assert_eq!(hand_in(&client, &token, course()).await.problem(), (409, "too_many_credentials", vec![]));
    assert_eq!(hand_in_check(&client, &token).await.problem(), (409, "too_many_credentials", vec![]));
    let list = client.get("/me/credentials", &token).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn one_background_check_is_looked_at_or_good_at_a_time() {
    let client = Arc::new(Client::start().await);
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    assert_eq!(client.get("/me/background-check", &token).await.problem(), (404, "not_found", vec![]));
    let tries = (0..5).map(|_| {
        let (client, token) = (client.clone(), token.clone());
        tokio::spawn(async move { hand_in_check(&client, &token).await.status.as_u16() })
    });
    let mut taken = 0;
    for attempt in tries.collect::<Vec<_>>() {
        taken += i32::from(attempt.await.unwrap() == 201);
    }
    assert_eq!(taken, 1);
    let first = client.get("/me/background-check", &token).await;
    assert_eq!((first.status.as_u16(), &first.body["reference"]), (200, &json!("001234567890")));
    assert_eq!(hand_in_check(&client, &token).await.problem(), (409, "background_check_open", vec![]));

    assert_eq!(decide(&client, &admin, &first.body["id"], "reject").await.status, 200);
    let second = hand_in_check(&client, &token).await;
    assert_eq!(second.status, 201);
    assert_eq!(decide(&client, &admin, &second.body["id"], "verify").await.status, 200);
    assert_eq!(hand_in_check(&client, &token).await.problem(), (409, "background_check_open", vec![]));
    let latest = client.get("/me/background-check", &token).await;
    assert_eq!((&latest.body["id"], &latest.body["state"]), (&second.body["id"], &json!("verified")));
    assert_eq!(decide(&client, &admin, &second.body["id"], "revoke").await.status, 200);
    assert_eq!(hand_in_check(&client, &token).await.status, 201);
}

#[tokio::test]
async fn a_decision_marks_the_sitter_and_is_told() {
    let client = Client::start().await;
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    let mary = client.user(MARY).await;
    let check = hand_in_check(&client, &token).await.body["id"].clone();
    let course = hand_in(&client, &token, course()).await.body["id"].clone();
    assert_eq!(checked_until(&client).await, None);

    let answer = decide(&client, &admin, &check, "verify").await;
    let expected = json!({ "id": check, "user_id": mary.id.to_string(), "state": "verified" });
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &expected));
    assert_eq!(checked_until(&client).await.as_deref(), Some("2027-03-31"));
    for decision in ["verify", "reject"] {
        assert_eq!(decide(&client, &admin, &check, decision).await.problem(), (409, "wrong_state", vec![]));
    }
    assert_eq!(decide(&client, &admin, &course, "verify").await.status, 200);
    assert_eq!(checked_until(&client).await.as_deref(), Some("2027-03-31"));
    assert_eq!(decide(&client, &admin, &check, "revoke").await.body["state"], "revoked");
    assert_eq!(checked_until(&client).await, None);

    let told = client.actions(&mary).await;
    assert_eq!(told[told.len() - 3..], ["credential_verified", "credential_verified", "credential_revoked"]);
    let events = client.events().await;
    let named = |name: &str| events.iter().filter(|event| *event == name).count();
    let names = ["credential_verified", "credential_revoked", "sitter_changed", "background_check_expired"];
    // One of them since the sitter has verified their address.
    assert_eq!(names.map(named), [2, 1, 3, 1]);
}

#[tokio::test]
async fn nothing_that_has_expired_is_verified() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let check = hand_in_check(&client, &token).await.body["id"].clone();
    client.turn_clock(76 * 24 * 3600);
    let admin = client.admin(ROOT).await;
    assert_eq!(
        decide(&client, &admin, &check, "verify").await.problem(),
        (409, "credential_expired", vec![])
    );
    assert_eq!(decide(&client, &admin, &check, "reject").await.status, 200);
    assert_eq!(checked_until(&client).await, None);
}

#[tokio::test]
async fn a_decision_is_judged_field_by_field() {
    let client = Client::start().await;
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    let id = hand_in(&client, &token, course()).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/credentials/{id}/decision");
    for (body, pointers) in [
        (json!({ "decision": "expire", "reason": "x" }), vec!["/decision"]),
        (json!({ "decision": "verify", "reason": "" }), vec!["/reason"]),
        (json!({ "decision": "", "reason": "x".repeat(501) }), vec!["/decision", "/reason"]),
        (json!({ "decision": "verify" }), vec!["/reason"]),
        (json!({ "decision": "verify", "reason": "x", "until": "2030-01-01" }), vec!["/until"]),
    ] {
        let answer = client.call("POST", &path, Some(&admin), body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", pointers), "{body}");
    }
    let nobody = json!("crd_01h455vb4pex5vsknk084sn02q");
    assert_eq!(decide(&client, &admin, &nobody, "verify").await.problem(), (404, "not_found", vec![]));
    let other = json!("usr_01h455vb4pex5vsknk084sn02q");
    assert_eq!(
        decide(&client, &admin, &other, "verify").await.problem(),
        (400, "invalid_request", vec!["id"])
    );
    assert_eq!(client.get("/me/credentials", &token).await.body["items"][0]["state"], "submitted");
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    let client = Arc::new(Client::start().await);
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    let id = hand_in_check(&client, &token).await.body["id"].clone();
    let tries = ["verify", "reject", "verify", "reject"].map(|decision| {
        let (client, admin, id) = (client.clone(), admin.clone(), id.clone());
        tokio::spawn(async move { decide(&client, &admin, &id, decision).await.status.as_u16() })
    });
    let mut taken = 0;
    for attempt in tries {
        taken += i32::from(attempt.await.unwrap() == 200);
    }
    assert_eq!(taken, 1);
    let verified = client.get("/me/background-check", &token).await.body["state"] == "verified";
    assert_eq!(checked_until(&client).await.is_some(), verified);
}

/// What the provider tells, signed by it at a time; with the headers that it sends.
async fn tell_at(client: &Client, body: &str, secret: &str, seconds_ago: i64) -> Answer {
    // This signature is compared with the machine's own clock.
    let at = jiff::Timestamp::now().as_second() - seconds_ago;
    let signature = Webhook::new(secret).unwrap().sign("msg_1", at, body.as_bytes()).unwrap();
    let at = at.to_string();
    let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
    client.call_with("POST", "/webhooks/background-check", None, json!(body), &headers).await
}

async fn tell(client: &Client, id: &Value, result: &str) -> Answer {
    let body = json!({ "certificate_id": id, "result": result, "provider_reference": "ref-1" });
    tell_at(client, &body.to_string(), CHECK_SECRET, 0).await
}

#[tokio::test]
async fn the_provider_tells_how_a_check_went_and_as_often_as_it_likes() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let check = hand_in_check(&client, &token).await.body["id"].clone();
    let state = async || client.get("/me/background-check", &token).await.body["state"].clone();
    for _ in 0..3 {
        let told = tell(&client, &check, "clear").await;
        assert_eq!((told.status.as_u16(), told.body), (204, Value::Null));
    }
    assert_eq!(
        (state().await, checked_until(&client).await.as_deref()),
        (json!("verified"), Some("2027-03-31"))
    );
    let actions = client.actions(&client.user(MARY).await).await;
    assert_eq!(actions.iter().filter(|action| *action == "credential_verified").count(), 1);
    // Something has become known; what was told before that changes nothing any more.
    for result in ["adverse", "adverse", "clear"] {
        assert_eq!(tell(&client, &check, result).await.status, 204);
        assert_eq!(state().await, "discredited");
    }
    assert_eq!(checked_until(&client).await, None);
    let second = hand_in_check(&client, &token).await.body["id"].clone();
    assert_eq!(tell(&client, &second, "clear").await.status, 204);
    // What is known of the first is told again: the second was verified since.
    assert_eq!(tell(&client, &check, "adverse").await.status, 204);
    assert_eq!(
        (state().await, checked_until(&client).await.as_deref()),
        (json!("verified"), Some("2027-03-31"))
    );
    let events = client.events().await;
    let named = |name: &str| events.iter().filter(|event| *event == name).count();
    let names =
        ["credential_verified", "credential_revoked", "sitter_discredited", "background_check_expired"];
    assert_eq!(names.map(named), [2, 1, 1, 1]);
    let actions = client.actions(&client.user(MARY).await).await;
    assert_eq!(actions.iter().filter(|action| *action == "credential_discredited").count(), 1);
}

#[tokio::test]
async fn what_is_known_of_a_renewal_takes_the_check_before_away() {
    let client = Client::start().await;
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    let first = hand_in_check(&client, &token).await.body["id"].clone();
    assert_eq!(decide(&client, &admin, &first, "verify").await.status, 200);
    // Sixty days before its end.
    client.turn_clock(15 * 24 * 3600);
    let (token, admin) =
        (pair(&client.login(MARY, PASSWORD).await).0, client.admin("other@example.org").await);
    let renewal = hand_in_check(&client, &token).await.body["id"].clone();
    assert_eq!(checked_until(&client).await.as_deref(), Some("2027-03-31"));
    assert_eq!(tell(&client, &renewal, "adverse").await.status, 204);
    assert_eq!(checked_until(&client).await, None);

    // The next one is good, until something becomes known of the first, which an admin has revoked meanwhile.
    let longer = with(check(), "/expires_on", json!("2027-06-30"));
    let next = client.call("POST", "/me/background-check", Some(&token), longer).await.body["id"].clone();
    assert_eq!(decide(&client, &admin, &next, "verify").await.status, 200);
    assert_eq!(decide(&client, &admin, &first, "revoke").await.status, 200);
    assert_eq!(checked_until(&client).await.as_deref(), Some("2027-06-30"));
    assert_eq!(tell(&client, &first, "adverse").await.status, 204);
    assert_eq!(checked_until(&client).await, None);
    assert_eq!(client.get("/me/background-check", &token).await.body["state"], "verified");
    // It does not count any more, so that another can be handed in.
    assert_eq!(hand_in_check(&client, &token).await.status, 201);
    let events = client.events().await;
    let told = events.iter().filter(|event| *event == "sitter_discredited").count();
    assert_eq!(told, 2);
}

#[tokio::test]
async fn nobody_but_the_provider_tells_of_checks() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let check = hand_in_check(&client, &token).await.body["id"].clone();
    let body = json!({ "certificate_id": check, "result": "clear" }).to_string();
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    for (secret, seconds_ago) in [(other, 0), (CHECK_SECRET, 400), (CHECK_SECRET, -400)] {
        let answer = tell_at(&client, &body, secret, seconds_ago).await;
        assert_eq!(answer.problem(), (400, "invalid_signature", vec![]), "{secret} {seconds_ago}");
    }
    let unsigned = client.call("POST", "/webhooks/background-check", None, json!(body)).await;
    assert_eq!(unsigned.problem(), (400, "invalid_signature", vec![]));
    let long = tell_at(&client, &" ".repeat(70_000), CHECK_SECRET, 0).await;
    assert_eq!(long.problem(), (413, "body_too_large", vec![]));
    assert_eq!(client.get("/me/background-check", &token).await.body["state"], "submitted");
}

#[tokio::test]
async fn what_the_provider_tells_is_judged_too() {
    let client = Client::start().await;
    let token = client.sitter(MARY).await;
    let check = hand_in_check(&client, &token).await.body["id"].clone();
    let course = hand_in(&client, &token, course()).await.body["id"].clone();
    for (body, pointer) in [
        ("{}".to_owned(), "/certificate_id"),
        ("[]".to_owned(), ""),
        (json!([check, "clear"]).to_string(), ""),
        (json!({ "certificate_id": "crd_1", "result": "clear" }).to_string(), "/certificate_id"),
        (json!({ "certificate_id": check, "result": "fine" }).to_string(), "/result"),
        (json!({ "certificate_id": check, "result": "clear\u{FFFF}" }).to_string(), "/result"),
        (
            json!({ "certificate_id": format!("{}\u{FFFE}", check.as_str().unwrap()), "result": "clear" })
                .to_string(),
            "/certificate_id",
        ),
        (json!({ "certificate_id": check, "result": 1 }).to_string(), "/result"),
    ] {
        let answer = tell_at(&client, &body, CHECK_SECRET, 0).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{body}");
    }
    // Nothing that is not read is kept, or sent on.
    assert!(!Value::from(client.items("main").await).to_string().contains(['\u{FFFE}', '\u{FFFF}']));
    let nonsense = tell_at(&client, "nonsense", CHECK_SECRET, 0).await;
    assert_eq!(nonsense.problem(), (400, "malformed_json", vec![]));
    // None that there is, or none that the provider checks.
    for id in [json!("crd_01h455vb4pex5vsknk084sn02q"), course] {
        assert_eq!(tell(&client, &id, "clear").await.problem(), (404, "not_found", vec![]));
    }
    // By the time that it is told, its last day may be past.
    client.turn_clock(80 * 24 * 3600);
    assert_eq!(tell(&client, &check, "clear").await.problem(), (409, "wrong_state", vec![]));
    let token = pair(&client.login(MARY, PASSWORD).await).0;
    assert_eq!(client.get("/me/background-check", &token).await.body["state"], "submitted");
    assert_eq!(tell(&client, &check, "adverse").await.status, 204);
}

#[tokio::test]
async fn closed_certificates_do_not_block_another_background_check() {
    let client = Client::start().await;
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    for _ in 0..30 {
        let course = hand_in(&client, &token, course()).await;
        assert_eq!(course.status, 201, "{}", course.body);
        assert_eq!(decide(&client, &admin, &course.body["id"], "reject").await.status, 200);
    }
    let check = hand_in_check(&client, &token).await;
    assert_eq!(check.status, 201, "{}", check.body);
    let list = client.get("/me/credentials", &token).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 31);
}

#[tokio::test]
async fn of_very_many_certificates_the_oldest_closed_ones_go() {
    let client = Client::start().await;
    let (token, admin) = (client.sitter(MARY).await, client.admin(ROOT).await);
    let check = hand_in_check(&client, &token).await;
    assert_eq!(decide(&client, &admin, &check.body["id"], "reject").await.status, 200);
    let mut first = Value::Null;
    for _ in 0..100 {
        let course = hand_in(&client, &token, course()).await;
        assert_eq!(course.status, 201, "{}", course.body);
        assert_eq!(decide(&client, &admin, &course.body["id"], "reject").await.status, 200);
        if first.is_null() {
            first = course.body["id"].clone();
        }
    }
    let list = client.get("/me/credentials", &token).await;
    let ids: Vec<_> = list.body["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!((ids.len(), ids[0]), (100, &check.body["id"]), "the check stays");
    assert!(!ids.contains(&&first));
    assert_eq!(decide(&client, &admin, &first, "verify").await.status, 404);
    // Another check makes room for itself, too.
    let second = ids[1].clone();
    assert_eq!(hand_in_check(&client, &token).await.status, 201);
    assert_eq!(decide(&client, &admin, &second, "verify").await.status, 404);
}

#[tokio::test]
async fn today_is_the_sitters_own() {
    let client = Client::start().await;
    client.sitter(MARY).await;
    // 21:00 on the 15th in London is 10:00 on the 16th in Auckland.
    client.turn_clock(13 * 3600);
    let token = pair(&client.login(MARY, PASSWORD).await).0;
    let issued = with(course(), "/issued_on", json!("2027-01-16"));
    let in_london = hand_in(&client, &token, issued.clone()).await;
    assert_eq!(in_london.problem(), (400, "invalid_request", vec!["/issued_on"]));
    let moved = json!({ "time_zone": "Pacific/Auckland" });
    assert_eq!(client.call("PATCH", "/me", Some(&token), moved).await.status, 200);
    assert_eq!(hand_in(&client, &token, issued).await.status, 201);
    let ended = with(course(), "/expires_on", json!("2027-01-15"));
    assert_eq!(hand_in(&client, &token, ended).await.problem().2, ["/expires_on"]);
    let check = with(check(), "/issued_on", json!("2027-01-16"));
    let answer = client.call("POST", "/me/background-check", Some(&token), check).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn what_costs_money_or_work_needs_a_verified_address() {
    let client = Client::start().await;
    let sitter = client.unverified_sitter(MARY).await;
    let (parent, _) = client.sign_in("ada@example.org").await;
    let picture = json!({ "purpose": "avatar", "content_type": "image/png", "size_bytes": 1000 });
    for (token, path, body) in [
        (&sitter, "/me/credentials", course()),
        (&sitter, "/me/background-check", check()),
        (&sitter, "/payouts/onboarding", Value::Null),
        (&sitter, "/uploads", picture.clone()),
        (&parent, "/payments/setup-intent", Value::Null),
        (&parent, "/uploads", picture),
    ] {
        let before = client.items("main").await.len();
        let answer = client.call("POST", path, Some(token), body).await;
        assert_eq!(answer.problem(), (409, "email_unverified", vec![]), "{path}");
        assert_eq!(client.items("main").await.len(), before, "{path}");
    }
    assert!(client.stripe.books().calls.is_empty());
}
