//! What people prove by mail: that an address is theirs, and who they are when the password is lost.

use domain::mail_link::Purpose;
use serde_json::json;

use crate::client::{Answer, Client, PASSWORD, pair};

const ADA: &str = "ada@example.org";
const NEW_PASSWORD: &str = "quiet otter marble lantern";

async fn verify(client: &Client, token: &str) -> Answer {
    client.post("/auth/verify-email", json!({ "token": token, "password": PASSWORD })).await
}

async fn reset(client: &Client, token: &str, password: &str) -> Answer {
    client.post("/auth/password/reset", json!({ "token": token, "password": password })).await
}

#[tokio::test]
async fn an_address_is_proved_once() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    let ada = client.user(ADA).await;
    let (old, new) = (
        client.link(&ada, Purpose::VerifyEmail, ADA).await,
        client.link(&ada, Purpose::VerifyEmail, ADA).await,
    );
    assert_eq!(verify(&client, &old).await.problem(), (400, "invalid_request", vec!["/token"]));
    assert_eq!(verify(&client, &new).await.status, 204);
    assert_eq!(verify(&client, &new).await.status, 400, "it served");
    assert_eq!(client.get("/me", &access).await.status, 401, "all sessions end, which did not verify it");
    let (access, _) = pair(&client.login(ADA, PASSWORD).await);
    assert_eq!(client.get("/me", &access).await.body["email_verified"], true);
    assert_eq!(client.user(ADA).await.due, None, "the account stays");
    assert!(client.actions(&ada).await.contains(&"email_verified".to_owned()));
}

#[tokio::test]
async fn a_link_ends_and_serves_for_one_thing() {
    let client = Client::start().await;
    client.register(ADA).await;
    let ada = client.user(ADA).await;
    let token = client.link(&ada, Purpose::VerifyEmail, ADA).await;
    assert_eq!(
        reset(&client, &token, NEW_PASSWORD).await.problem(),
        (400, "invalid_request", vec!["/token"])
    );
    client.turn_clock(48 * 3600);
    assert_eq!(verify(&client, &token).await.status, 400);
    let token = client.link(&ada, Purpose::ResetPassword, ADA).await;
    client.turn_clock(3600);
    assert_eq!(reset(&client, &token, NEW_PASSWORD).await.status, 400);
    for nonsense in ["", "x", &"A".repeat(64), &"A".repeat(5000), "é"] {
        assert_eq!(verify(&client, nonsense).await.problem(), (400, "invalid_request", vec!["/token"]));
    }
}

#[tokio::test]
async fn a_mail_is_asked_for_and_nobody_learns_anything() {
    let client = Client::start().await;
    client.register(ADA).await;
    for path in ["/auth/verify-email/resend", "/auth/password/forgot"] {
        let ask = async |email: &str| client.post(path, json!({ "email": email })).await;
        let (known, unknown) = (ask(ADA).await, ask("nobody@example.org").await);
        assert_eq!((known.status.as_u16(), &known.body), (202, &json!({ "status": "accepted" })));
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
        assert_eq!(ask("nobody").await.problem(), (400, "invalid_request", vec!["/email"]));
    }
    let count = async |kind: &str| client.events().await.iter().filter(|event| *event == kind).count();
    assert_eq!(count("email_verification_requested").await, 1);
    assert_eq!(count("password_reset_requested").await, 1);
    let ada = client.user(ADA).await;
    let token = client.link(&ada, Purpose::VerifyEmail, ADA).await;
    verify(&client, &token).await;
    client.post("/auth/verify-email/resend", json!({ "email": ADA })).await;
    assert_eq!(count("email_verification_requested").await, 1, "it is proved, so no mail goes");
}

/// The same calls of the store, in the same order, whether or not there is an account: nobody can
/// tell by the time.
#[tokio::test]
async fn a_known_address_costs_what_an_unknown_one_costs() {
    let client = Client::start().await;
    client.sign_in(ADA).await;
    let requests = |email: &str| {
        let register = json!({ "role": "parent", "email": email, "password": PASSWORD, "name": "Eve" });
        [
            ("/auth/register", register),
            ("/auth/login", json!({ "email": email, "password": "wrong wrong" })),
            ("/auth/password/forgot", json!({ "email": email })),
            ("/auth/verify-email/resend", json!({ "email": email })),
        ]
    };
    // The one who registers is known afterwards, so each has a stranger of its own.
    for n in 0..4 {
        let mut calls = Vec::new();
        for email in [ADA, &format!("nobody{n}@example.org")] {
            client.turn_clock(100_000);
            client.dynamo.calls.take();
            let (path, body) = requests(email)[n].clone();
            client.post(path, body).await;
            calls.push((path, client.dynamo.calls.take()));
        }
        assert_eq!(calls[0], calls[1]);
        assert!(calls[0].1.len() > 2, "{calls:?}");
    }
}

#[tokio::test]
async fn a_lost_password_is_replaced_and_all_sign_ins_end() {
    let client = Client::start().await;
    let (access, refresh) = client.verified(ADA).await;
    let ada = client.user(ADA).await;
    let token = client.link(&ada, Purpose::ResetPassword, ADA).await;
    let weak = reset(&client, &token, "ada lovelace").await;
    assert_eq!(weak.problem(), (400, "invalid_request", vec!["/password"]));
    assert_eq!(reset(&client, &token, NEW_PASSWORD).await.status, 204, "the link has not served yet");
    assert_eq!(reset(&client, &token, "another good phrase 77").await.status, 400);
    let (at_once, _) = pair(&client.login(ADA, NEW_PASSWORD).await);
    client.turn_clock(20);
    assert_eq!(
        client.get("/me", &at_once).await.status,
        200,
        "whoever signs in right afterwards is not meant"
    );
    assert_eq!(client.get("/me", &access).await.status, 401);
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": refresh })).await.status, 401);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401);
    let (access, _) = pair(&client.login(ADA, NEW_PASSWORD).await);
    assert_eq!(client.get("/me", &access).await.body["email_verified"], true, "it came by mail");
    assert!(client.actions(&ada).await.contains(&"password_reset".to_owned()));
}

#[tokio::test]
async fn of_many_resets_with_one_link_one_is_done() {
    let client = std::sync::Arc::new(Client::start().await);
    client.verified(ADA).await;
    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    let tries = (0..8).map(|n| {
        let (client, token) = (client.clone(), token.clone());
        tokio::spawn(
            async move { reset(&client, &token, &format!("{NEW_PASSWORD} {n}")).await.status.as_u16() },
        )
    });
    let mut done = 0;
    for attempt in tries.collect::<Vec<_>>() {
        let status = attempt.await.unwrap();
        assert!([204, 400, 409].contains(&status), "{status}");
        done += i32::from(status == 204);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn another_address_takes_the_place_when_it_is_proved() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let ada = client.user(ADA).await;
    let old_link = client.link(&ada, Purpose::ResetPassword, ADA).await;
    let change = async |email: &str, password: &str| {
        client.call("POST", "/me/email", Some(&access), json!({ "email": email, "password": password })).await
    };
    assert_eq!(
        change("ada@new.example", "wrong").await.problem(),
        (400, "invalid_request", vec!["/password"])
    );
    let answer = change("Ada@new.example", PASSWORD).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (202, &json!({ "pending_email": "ada@new.example" })));
    let me = client.get("/me", &access).await.body;
    assert_eq!((&me["email"], &me["pending_email"]), (&json!(ADA), &json!("ada@new.example")));
    let token = client.link(&ada, Purpose::VerifyEmail, "ada@new.example").await;
    assert_eq!(verify(&client, &token).await.status, 204);
    let me = client.get("/me", &access).await.body;
    assert_eq!((&me["email"], &me["pending_email"]), (&json!("ada@new.example"), &json!(null)));
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401);
    assert_eq!(client.login("ada@new.example", PASSWORD).await.status, 200);
    assert_eq!(reset(&client, &old_link, NEW_PASSWORD).await.status, 400, "the old address opens nothing");

    client.register("bob@example.org").await;
    let soon = change("bob@example.org", PASSWORD).await;
    assert_eq!(soon.problem(), (409, "email_changed_recently", vec![]), "the change can still be reverted");
    client.turn_clock(72 * 3600);
    client.tables.release_previous_email(client.user("ada@new.example").await).await.unwrap();
    let (access, _) = pair(&client.login("ada@new.example", PASSWORD).await);
    let change = async |email: &str, password: &str| {
        client.call("POST", "/me/email", Some(&access), json!({ "email": email, "password": password })).await
    };
    let unchanged = change("ada@new.example", PASSWORD).await;
    assert_eq!(unchanged.problem(), (400, "invalid_request", vec!["/email"]));
    let taken = change("bob@example.org", PASSWORD).await;
    assert_eq!(taken.status, 202, "whether it has an account is not told");
    let token = client.link(&ada, Purpose::VerifyEmail, "bob@example.org").await;
    assert_eq!(verify(&client, &token).await.problem(), (409, "email_taken", vec![]));
}

#[tokio::test]
async fn an_old_hash_is_made_anew() {
    let client = Client::start().await;
    client.register(ADA).await;
    let ada = client.user(ADA).await;
    let credentials = client.tables.credentials(ada.id).await.unwrap().unwrap();
    // "correct horse battery staple" with a quarter of the memory.
    let weak =
        "$argon2id$v=19$m=4864,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dEhK2Fzs+FMZ8CF9Ey4V8g8Acrkk1rT6WVwH8przhF8";
    let event = domain::event::Event::new(domain::event::Fact::NobodyAsked, client.now());
    let trail = storage::audit::Entry::by_nobody(
        ada.id,
        storage::audit::Action::PasswordChanged,
        client.now(),
        Default::default(),
    );
    client.tables.save_credentials(&credentials.with_password(weak.into()), &trail, &event).await.unwrap();
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
    let stored = client.tables.credentials(ada.id).await.unwrap().unwrap();
    assert!(!api::passwords::is_outdated(&stored.password_hash), "{}", stored.password_hash);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
}
