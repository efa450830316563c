//! Recovery of an account: it invalidates everything that was issued or is pending, and the first proof of an address
//! starts clean.

use domain::mail_link::Purpose;
use serde_json::{Value, json};

use crate::client::{Answer, Client, PASSWORD, pair};

const ADA: &str = "ada@example.org";
const THIEF: &str = "thief@example.org";
const NEW_PASSWORD: &str = "quiet otter marble lantern";

async fn verify(client: &Client, token: &str, password: Option<&str>) -> Answer {
    let mut body = json!({ "token": token });
    if let Some(password) = password {
        body["password"] = password.into();
    }
    client.post("/auth/verify-email", body).await
}

async fn reset(client: &Client, token: &str) -> Answer {
    client.post("/auth/password/reset", json!({ "token": token, "password": NEW_PASSWORD })).await
}

async fn change_email(client: &Client, access: &str, email: &str) -> Answer {
    client.call("POST", "/me/email", Some(access), json!({ "email": email, "password": PASSWORD })).await
}

/// What the owner of an account does, by the advice in our emails, when a thief has been at it.
const RECOVERIES: [&str; 4] = ["reset", "change", "sign out everywhere", "suspend"];

async fn recover(client: &Client, how: &str, access: &str) {
    let answer = match how {
        "reset" => {
            let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
            reset(client, &token).await
        }
        "change" => {
            let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
            client.call("POST", "/me/password", Some(access), body).await
        }
        "sign out everywhere" => client.call("POST", "/auth/logout-all", Some(access), Value::Null).await,
        _ => {
            let admin = client.admin("root@example.org").await;
            let path = format!("/admin/users/{}/status", client.user(ADA).await.id);
            let body = json!({ "status": "suspended", "reason": "stolen" });
            client.call("POST", &path, Some(&admin), body).await
        }
    };
    assert!([200, 204].contains(&answer.status.as_u16()), "{how}: {}", answer.body);
}

#[tokio::test]
async fn a_recovery_voids_a_pending_change_of_the_address() {
    for how in RECOVERIES {
        let client = Client::start().await;
        let (owner, _) = client.verified(ADA).await;
        let (thief, _) = pair(&client.login(ADA, PASSWORD).await);
        assert_eq!(change_email(&client, &thief, THIEF).await.status, 202);
        let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, THIEF).await;
        recover(&client, how, &owner).await;
        for password in [PASSWORD, NEW_PASSWORD] {
            let answer = verify(&client, &link, Some(password)).await;
            assert_eq!(answer.problem(), (400, "invalid_request", vec!["/token"]), "{how}");
        }
        let ada = client.user(ADA).await;
        assert_eq!((ada.email.as_str(), ada.pending_email), (ADA, None), "{how}");
    }
}

#[tokio::test]
async fn a_recovery_voids_every_link_that_was_sent_before() {
    for how in RECOVERIES {
        let client = Client::start().await;
        let (owner, _) = client.verified(ADA).await;
        let ada = client.user(ADA).await;
        let stolen = client.link(&ada, Purpose::ResetPassword, ADA).await;
        if how == "reset" {
            // The only link for a purpose is the one sent last.
            recover(&client, how, &owner).await;
        } else {
            recover(&client, how, &owner).await;
            assert_eq!(reset(&client, &stolen).await.problem().0, 400, "{how}");
        }
        if how == "suspend" {
            let link = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
            assert_eq!(reset(&client, &link).await.problem().0, 400, "a suspended account is not changed");
        }
    }
}

#[tokio::test]
async fn a_recovery_ends_sign_ins_that_wait_for_their_second_step() {
    for how in RECOVERIES {
        let client = Client::start().await;
        let (owner, _) = client.verified(ADA).await;
        let codes = client.second_step(&owner).await;
        let asked = client.login(ADA, PASSWORD).await;
        assert_eq!(asked.status, 202, "{}", asked.body);
        let challenge = asked.body["challenge"].as_str().unwrap();
        recover(&client, how, &owner).await;
        let body = json!({ "challenge": challenge, "code": codes[0] });
        let answer = client.post("/auth/otp/verify", body).await;
        assert_eq!(answer.problem(), (401, "invalid_challenge", vec![]), "{how}");
    }
}

#[tokio::test]
async fn a_recovery_voids_a_code_that_proves_a_number() {
    for how in ["change", "sign out everywhere"] {
        let client = Client::start().await;
        let (owner, _) = client.verified(ADA).await;
        let (thief, _) = pair(&client.login(ADA, PASSWORD).await);
        let body = json!({ "phone": "+447400123456" });
        assert_eq!(client.call("POST", "/auth/otp/send", Some(&thief), body).await.status, 202);
        let code = client.code(&client.user(ADA).await, None).await;
        recover(&client, how, &owner).await;
        // The access token of the thief is good for some seconds.
        let answer = client.call("POST", "/auth/otp/verify", Some(&thief), json!({ "code": code })).await;
        assert_eq!(answer.problem().0, 401, "{how}");
        assert_eq!(client.user(ADA).await.phone, None, "{how}");
    }
}

#[tokio::test]
async fn a_sign_in_that_overlaps_a_recovery_does_not_survive_it() {
    let client = Client::start().await;
    let (owner, _) = client.verified(ADA).await;
    // It begins before the recovery reads the clock, and after, and both end before it is written.
    let (_, early) = pair(&client.login(ADA, PASSWORD).await);
    let user = client.user(ADA).await;
    let (access, late) = pair(&client.login(ADA, PASSWORD).await);
    let trail = storage::audit::Entry::by_self(
        user.id,
        storage::audit::Action::SignedOutEverywhere,
        user.created_at,
        Default::default(),
    );
    let version = user.version;
    client.tables.sign_out_everywhere(user.next_epoch(), version, &trail).await.unwrap();
    for token in [early, late] {
        let answer = client.post("/auth/refresh", json!({ "refresh_token": token })).await;
        assert_eq!(answer.status, 401);
    }
    client.turn_clock(20);
    for token in [access, owner] {
        assert_eq!(client.get("/me", &token).await.status, 401);
    }
}

#[tokio::test]
async fn a_changed_address_is_reverted_from_the_one_before() {
    let client = Client::start().await;
    client.verified(ADA).await;
    let (thief, _) = pair(&client.login(ADA, PASSWORD).await);
    assert_eq!(change_email(&client, &thief, THIEF).await.status, 202);
    let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, THIEF).await;
    assert_eq!(verify(&client, &link, Some(PASSWORD)).await.status, 204);
    assert!(client.events().await.contains(&"email_changed".to_owned()));
    let stolen = client.user(THIEF).await;

    // Whatever the thief does then: another change, another password, a new account with the address.
    assert_eq!(
        change_email(&client, &thief, "other@example.org").await.problem().1,
        "email_changed_recently"
    );
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    assert_eq!(client.call("POST", "/me/password", Some(&thief), body).await.status, 204);
    assert_eq!(client.register(ADA).await.status, 202);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401, "there is no such account");

    let token = client.link(&stolen, Purpose::RevertEmail, ADA).await;
    let revert = async || client.post("/auth/email/revert", json!({ "token": token })).await;
    assert_eq!(revert().await.status, 204);
    assert_eq!(revert().await.problem(), (400, "invalid_request", vec!["/token"]));
    let ada = client.user(ADA).await;
    assert_eq!((ada.id, ada.email_verified), (stolen.id, true));
    for (email, password) in [(THIEF, NEW_PASSWORD), (ADA, NEW_PASSWORD), (ADA, PASSWORD)] {
        assert_eq!(client.login(email, password).await.status, 401, "{email}");
    }
    client.turn_clock(20);
    assert_eq!(client.get("/me", &thief).await.status, 401);
    assert!(client.events().await.contains(&"email_reverted".to_owned()));
    let link = client.link(&ada, Purpose::ResetPassword, ADA).await;
    assert_eq!(reset(&client, &link).await.status, 204);
    assert_eq!(client.login(ADA, NEW_PASSWORD).await.status, 200);
    assert!(client.actions(&ada).await.contains(&"email_reverted".to_owned()));
}

#[tokio::test]
async fn a_change_of_the_address_is_final_after_72_hours() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    change_email(&client, &access, THIEF).await;
    let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, THIEF).await;
    assert_eq!(verify(&client, &link, Some(PASSWORD)).await.status, 204);
    let token = client.link(&client.user(THIEF).await, Purpose::RevertEmail, ADA).await;
    client.turn_clock(72 * 3600);
    let late = client.post("/auth/email/revert", json!({ "token": token })).await;
    assert_eq!(late.problem(), (400, "invalid_request", vec!["/token"]));
}

#[tokio::test]
async fn a_link_alone_does_not_verify_the_account_of_a_stranger() {
    let client = Client::start().await;
    let (stranger, _) = client.sign_in(ADA).await;
    let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, ADA).await;
    assert_eq!(verify(&client, &link, None).await.problem(), (403, "confirmation_required", vec![]));
    let wrong = verify(&client, &link, Some("not the password")).await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["/password"]));
    let (other, _) = client.sign_in("bob@example.org").await;
    let elsewhere = client.call("POST", "/auth/verify-email", Some(&other), json!({ "token": link })).await;
    assert_eq!(elsewhere.problem(), (403, "confirmation_required", vec![]), "it is another account");
    assert!(!client.user(ADA).await.email_verified);

    // The reader of the mailbox who also is signed in to the account is its owner.
    let confirmed =
        client.call("POST", "/auth/verify-email", Some(&stranger), json!({ "token": link })).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.body);
    client.turn_clock(20);
    assert_eq!(client.get("/me", &stranger).await.body["email_verified"], true, "this session goes on");
}

#[tokio::test]
async fn the_first_verification_ends_all_other_sessions() {
    let client = Client::start().await;
    let (here, here_refresh) = client.sign_in(ADA).await;
    let (there, there_refresh) = pair(&client.login(ADA, PASSWORD).await);
    let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, ADA).await;
    let body = json!({ "token": link });
    assert_eq!(client.call("POST", "/auth/verify-email", Some(&here), body).await.status, 204);
    client.turn_clock(20);
    let refresh =
        async |token: &str| client.post("/auth/refresh", json!({ "refresh_token": token })).await.status;
    assert_eq!(
        (client.get("/me", &here).await.status.as_u16(), refresh(&here_refresh).await.as_u16()),
        (200, 200)
    );
    assert_eq!(
        (client.get("/me", &there).await.status.as_u16(), refresh(&there_refresh).await.as_u16()),
        (401, 401)
    );
}

#[tokio::test]
async fn the_owner_of_a_mailbox_starts_clean_where_a_stranger_was_before() {
    let client = Client::start().await;
    let (stranger, refresh_token) = client.sign_in(ADA).await;
    let before = client.user(ADA).await;
    let child = json!({ "name": "Mallory", "birth_month": "2024-02" });
    assert_eq!(client.call("POST", "/me/children", Some(&stranger), child).await.status, 201);
    assert_eq!(change_email(&client, &stranger, THIEF).await.status, 202);
    let pending = client.link(&client.user(ADA).await, Purpose::VerifyEmail, THIEF).await;

    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    let missing = reset(&client, &token).await;
    assert_eq!(missing.problem(), (400, "invalid_request", vec!["/name", "/role"]));
    let body = json!({ "token": token, "password": NEW_PASSWORD, "name": "Ada King", "role": "sitter" });
    let done = client.post("/auth/password/reset", body.clone()).await;
    assert_eq!(done.status, 204, "{}", done.body);
    assert_eq!(client.post("/auth/password/reset", body).await.status, 400, "it serves once");

    let after = client.user(ADA).await;
    assert_ne!(after.id, before.id);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401, "the stranger's password");
    let (owner, _) = pair(&client.login(ADA, NEW_PASSWORD).await);
    let me = client.get("/me", &owner).await.body;
    assert_eq!(
        [&me["role"], &me["name"], &me["email_verified"], &me["pending_email"]],
        [&json!("sitter"), &json!("Ada King"), &json!(true), &json!(null)]
    );
    assert_eq!(verify(&client, &pending, Some(PASSWORD)).await.status, 400);
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": refresh_token })).await.status, 401);
    client.turn_clock(20);
    assert_eq!(client.get("/me", &stranger).await.status, 401);
    assert!(client.actions(&before).await.contains(&"address_reclaimed".to_owned()));
}

#[tokio::test]
async fn a_name_and_a_role_are_not_taken_from_the_reset_of_a_verified_account() {
    let client = Client::start().await;
    client.verified(ADA).await;
    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    let body = json!({ "token": token, "password": NEW_PASSWORD, "name": "Eve", "role": "sitter" });
    let answer = client.post("/auth/password/reset", body).await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["/name", "/role"]));
    assert_eq!(reset(&client, &token).await.status, 204);
}

#[tokio::test]
async fn nobody_moves_an_account_to_the_mailbox_of_somebody_who_only_clicks() {
    let client = Client::start().await;
    let (thief, _) = client.verified(THIEF).await;
    assert_eq!(change_email(&client, &thief, ADA).await.status, 202);
    let link = client.link(&client.user(THIEF).await, Purpose::VerifyEmail, ADA).await;
    assert_eq!(verify(&client, &link, None).await.problem(), (403, "confirmation_required", vec![]));
    assert!(client.tables.owner_of(&ADA.parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_number_and_a_second_step_want_a_verified_address() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    let unverified = (409, "email_unverified", vec![]);
    let text =
        client.call("POST", "/auth/otp/send", Some(&access), json!({ "phone": "+447400123456" })).await;
    assert_eq!(text.problem(), unverified);
    let app = client.call("POST", "/me/totp", Some(&access), Value::Null).await;
    assert_eq!(app.problem(), unverified);
    let body = json!({ "method": "sms", "password": PASSWORD });
    let step = client.call("PUT", "/me/second-step", Some(&access), body).await;
    assert_eq!(step.problem(), unverified);
}

#[tokio::test]
async fn an_admin_resets_a_second_step_that_its_owner_has_lost() {
    let client = Client::start().await;
    let admin = client.admin("root@example.org").await;
    let (access, refresh_token) = client.verified(ADA).await;
    client.second_step(&access).await;
    assert_eq!(client.login(ADA, PASSWORD).await.status, 202);
    let ada = client.user(ADA).await;
    let path = format!("/admin/users/{}/second-step/reset", ada.id);
    let call = async |token: &str, body: Value| client.call("POST", &path, Some(token), body).await;
    let body = json!({ "identity_check": "video_call", "reason": "Lost phone" });
    assert_eq!(call(&access, body.clone()).await.status, 403);
    let bad = call(&admin, json!({ "identity_check": "trust", "reason": "" })).await;
    assert_eq!(bad.problem(), (400, "invalid_request", vec!["/identity_check", "/reason"]));
    let own = format!("/admin/users/{}/second-step/reset", client.user("root@example.org").await.id);
    assert_eq!(client.call("POST", &own, Some(&admin), body.clone()).await.problem().1, "own_account");
    for _ in 0..2 {
        assert_eq!(call(&admin, body.clone()).await.status, 204);
    }
    assert_eq!(client.events().await.iter().filter(|event| *event == "second_step_reset").count(), 1);
    assert_eq!(client.post("/auth/refresh", json!({ "refresh_token": refresh_token })).await.status, 401);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
    let trail = client.get(&format!("/admin/audit?subject={}", ada.id), &admin).await.body;
    let entry =
        trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "second_step_reset");
    assert_eq!(entry.unwrap()["reason"], "video_call: Lost phone");
}

#[tokio::test]
async fn a_mistyped_address_is_corrected_before_it_is_verified() {
    let client = Client::start().await;
    let typo = "ada@exmaple.org";
    let (access, _) = client.sign_in(typo).await;
    assert_eq!(change_email(&client, &access, ADA).await.status, 202);
    let link = client.link(&client.user(typo).await, Purpose::VerifyEmail, ADA).await;
    let confirmed = client.call("POST", "/auth/verify-email", Some(&access), json!({ "token": link })).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.body);
    let ada = client.user(ADA).await;
    assert_eq!((ada.email_verified, ada.previous_email), (true, None));
    assert_eq!(client.tables.claim_on(&typo.parse().unwrap()).await.unwrap(), None, "it is nobody's");
}

#[tokio::test]
async fn a_stranger_does_not_keep_the_owner_of_a_mailbox_out_by_starting_epochs() {
    let client = Client::start().await;
    let (stranger, _) = client.sign_in(ADA).await;
    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    assert_eq!(client.call("POST", "/auth/logout-all", Some(&stranger), Value::Null).await.status, 204);
    let body = json!({ "token": token, "password": NEW_PASSWORD, "name": "Ada King", "role": "parent" });
    assert_eq!(client.post("/auth/password/reset", body).await.status, 204);
    assert_eq!(client.login(ADA, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_thief_starts_few_epochs_in_an_hour() {
    let client = Client::start().await;
    client.verified(ADA).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let (thief, _) = pair(&client.login(ADA, PASSWORD).await);
        let out = client.call("POST", "/auth/logout-all", Some(&thief), Value::Null).await;
        statuses.push(out.status.as_u16());
    }
    assert_eq!(statuses, [204, 204, 204, 204, 429, 429]);
    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    assert_eq!(reset(&client, &token).await.status, 204, "a reset is not limited by it");
}

#[tokio::test]
async fn an_old_token_proves_no_number_in_the_new_epoch() {
    let client = Client::start().await;
    let (owner, _) = client.verified(ADA).await;
    let (thief, _) = pair(&client.login(ADA, PASSWORD).await);
    // So the function has just asked which tokens have ended.
    assert_eq!(client.get("/me", &thief).await.status, 200);
    recover(&client, "change", &owner).await;
    let body = json!({ "phone": "+447400123456" });
    assert_eq!(client.call("POST", "/auth/otp/send", Some(&thief), body.clone()).await.status, 401);
    assert_eq!(
        client.call("POST", "/auth/otp/send", Some(&owner), body).await.status,
        202,
        "this session goes on"
    );
}

#[tokio::test]
async fn the_address_is_not_changed_again_before_the_one_before_is_released() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    change_email(&client, &access, "ada@other.example").await;
    let link = client.link(&client.user(ADA).await, Purpose::VerifyEmail, "ada@other.example").await;
    assert_eq!(verify(&client, &link, Some(PASSWORD)).await.status, 204);
    client.turn_clock(72 * 3600);
    let (access, _) = pair(&client.login("ada@other.example", PASSWORD).await);
    let early = change_email(&client, &access, THIEF).await;
    assert_eq!(early.problem(), (409, "email_changed_recently", vec![]), "its claim would be left behind");
    let user = client.user("ada@other.example").await;
    client.tables.release_previous_email(user).await.unwrap();
    assert_eq!(change_email(&client, &access, THIEF).await.status, 202);
}
