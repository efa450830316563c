//! What people type and paste, and what nobody can see.

use serde_json::{Value, json};

use crate::{
    client::{Client, PASSWORD},
    family::{byron, home},
};

/// The pointer, the code and the position of each thing that is wrong.
fn wrong(body: &Value) -> Vec<(&str, &str, Option<u64>)> {
    let errors = body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let position = error.get("position").map(|position| position.as_u64().unwrap());
            (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap(), position)
        })
        .collect()
}

#[tokio::test]
async fn an_internationalised_domain_has_one_account() {
    let client = Client::start().await;
    for email in
        ["ada@münchen.example", "Ada@MU\u{308}NCHEN.example", "\u{FEFF}ada@xn--mnchen-3ya.example\u{A0}"]
    {
        assert_eq!(client.register(email).await.status, 202, "{email}");
        assert_eq!(client.login(email, PASSWORD).await.status, 200, "{email}");
    }
    let accounts = client.items("main").await.iter().filter(|item| item["sk"] == "PROFILE").count();
    assert_eq!(accounts, 1);
    assert_eq!(client.user("ada@münchen.example").await.email.as_str(), "ada@xn--mnchen-3ya.example");
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard() {
    let client = Client::start().await;
    let with = |password: &str| json!({ "role": "parent", "email": "ada@example.org", "password": password, "name": "Ada" });
    let bad = client.post("/auth/register", with("correct horse\u{0}battery")).await;
    assert_eq!(wrong(&bad.body), [("/password", "unsupported_character", Some(13))]);
    assert_eq!(
        client.post("/auth/register", with("correct\u{A0}horse batterie caf\u{E9}")).await.status,
        202
    );
    for password in ["correct horse batterie café", "correct\u{3000}horse batterie cafe\u{301}"] {
        assert_eq!(client.login("ada@example.org", password).await.status, 200, "{password:?}");
    }
    assert_eq!(client.login("ada@example.org", "Correct horse batterie café").await.status, 401);
}

#[tokio::test]
async fn what_nobody_can_see_or_reach_is_refused_with_its_position() {
    let client = Client::start().await;
    for (email, name, expected) in [
        (
            "ada@127.0.0.1",
            "\u{3164}",
            [("/email", "invalid_email", Some(4)), ("/name", "invisible", Some(0))],
        ),
        (
            " ada@example.1",
            "Ada\u{FFFF}",
            [("/email", "invalid_email", Some(5)), ("/name", "unsupported_character", Some(3))],
        ),
        (
            "ada@my_host.example.org",
            "Ada\u{1B}[31m",
            [("/email", "invalid_email", Some(4)), ("/name", "control_character", Some(3))],
        ),
        (
            "ada@localhost",
            "Claim it at prize.com/x",
            [("/email", "invalid_email", Some(4)), ("/name", "contains_url", Some(12))],
        ),
    ] {
        let body = json!({ "role": "parent", "email": email, "password": PASSWORD, "name": name });
        let answer = client.post("/auth/register", body).await;
        assert_eq!(
            (answer.status.as_u16(), wrong(&answer.body)),
            (400, expected.to_vec()),
            "{email} {name:?}"
        );
    }
}

#[tokio::test]
async fn text_from_a_word_processor_and_numbers_from_an_address_book_are_taken() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    let mut profile = home();
    profile["address"]["lines"] = json!("\u{FEFF}1 Mill Lane\u{B}Flat\u{A0}2\r\u{200B}");
    profile["emergency_contact"]["phone"] = json!("\u{202A}00\u{A0}44 7400\u{2011}123456\u{202C}");
    let saved = client.call("PUT", "/me/parent-profile", Some(&token), profile).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    assert_eq!(saved.body["address"]["lines"], "1 Mill Lane\nFlat 2");
    assert_eq!(saved.body["emergency_contact"]["phone"], "+447400123456");

    let mut child = byron();
    child["name"] = json!("\u{200E}Byron\t");
    child["needs"] = json!("Sleeps\twith\u{AD} a lamp.\u{2028}\u{2028}\u{2028}Sings\u{200B}.\u{B}");
    let saved = client.call("POST", "/me/children", Some(&token), child.clone()).await;
    assert_eq!(saved.status, 201, "{}", saved.body);
    assert_eq!(
        (&saved.body["name"], &saved.body["needs"]),
        (&json!("Byron"), &json!("Sleeps with a lamp.\n\nSings."))
    );
    child["needs"] = json!("Sings.\n\u{FFFE}");
    let refused = client.call("POST", "/me/children", Some(&token), child).await;
    assert_eq!(wrong(&refused.body), [("/needs", "unsupported_character", Some(7))]);
}
