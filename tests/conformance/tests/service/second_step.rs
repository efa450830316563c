//! Codes: a number that is proved, and the second step of a sign-in.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{
    client::{Answer, Client, PASSWORD, pair},
    tasks::{Tasks, taken},
};

const ADA: &str = "ada@example.org";
const PHONE: &str = "+447400123456";

async fn send(client: &Client, token: Option<&str>, body: Value) -> Answer {
    client.call("POST", "/auth/otp/send", token, body).await
}

async fn verify(client: &Client, token: Option<&str>, body: Value) -> Answer {
    client.call("POST", "/auth/otp/verify", token, body).await
}

async fn set(client: &Client, token: &str, body: Value) -> Answer {
    client.call("PUT", "/me/second-step", Some(token), body).await
}

/// Has a code sent to a number that is to be proved; the status of the answer.
pub async fn ask_for_code(client: &Client, access: &str) -> u16 {
    send(client, Some(access), json!({ "phone": PHONE })).await.status.as_u16()
}

async fn prove_phone(client: &Client, access: &str, email: &str, phone: &str) -> Answer {
    assert_eq!(send(client, Some(access), json!({ "phone": phone })).await.status, 202);
    let code = client.code(&client.user(email).await, None).await;
    verify(client, Some(access), json!({ "code": code })).await
}

/// A code that is not that one.
fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn a_number_that_is_replaced_is_free_for_others() {
    let client = Client::start().await;
    let (ada, _) = client.verified(ADA).await;
    for phone in [PHONE, "+447400123457"] {
        assert_eq!(prove_phone(&client, &ada, ADA, phone).await.status, 204);
    }
    let (bob, _) = client.verified("bob@example.org").await;
    assert_eq!(prove_phone(&client, &bob, "bob@example.org", PHONE).await.status, 204);
}

async fn challenge(client: &Client) -> String {
    let answer = client.login(ADA, PASSWORD).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body["challenge"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_number_is_proved_by_its_code() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    assert_eq!(
        verify(&client, Some(&access), json!({ "code": "123456" })).await.status,
        401,
        "none was sent"
    );
    assert_eq!(send(&client, Some(&access), json!({ "phone": "+44 7400 123456" })).await.status, 202);
    let code = client.code(&client.user(ADA).await, None).await;
    let wrong = verify(&client, Some(&access), json!({ "code": another(&code) })).await;
    assert_eq!(wrong.problem(), (401, "invalid_code", vec![]));
    assert_eq!(verify(&client, Some(&access), json!({ "code": code })).await.status, 204);
    assert_eq!(client.get("/me", &access).await.body["phone"], PHONE);
    assert_eq!(verify(&client, Some(&access), json!({ "code": code })).await.status, 401, "it served");

    let (bob, _) = client.verified("bob@example.org").await;
    let taken = prove_phone(&client, &bob, "bob@example.org", PHONE).await;
    assert_eq!(taken.problem(), (409, "phone_taken", vec![]));
    assert_eq!(client.get("/me", &bob).await.body["phone"], Value::Null);
}

#[tokio::test]
async fn five_tries_and_ten_minutes_are_all_there_is() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let ada = client.user(ADA).await;
    send(&client, Some(&access), json!({ "phone": PHONE })).await;
    let code = client.code(&ada, None).await;
    for _ in 0..5 {
        assert_eq!(verify(&client, Some(&access), json!({ "code": another(&code) })).await.status, 401);
    }
    assert_eq!(verify(&client, Some(&access), json!({ "code": code })).await.status, 401, "no try is left");
    send(&client, Some(&access), json!({ "phone": PHONE })).await;
    let code = client.code(&ada, None).await;
    client.turn_clock(600);
    assert_eq!(verify(&client, Some(&access), json!({ "code": code })).await.status, 401, "it has ended");
}

#[tokio::test]
async fn texts_go_where_they_should_and_nowhere_else() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    for (body, pointer) in [
        (json!({ "phone": "07400 123456" }), "/phone"),
        (json!({ "phone": "+33 6 12 34 56 78" }), "/phone"),
        (json!({ "phone": "+44 9098 790 000" }), "/phone"),
        (json!({}), ""),
        (json!({ "phone": PHONE, "challenge": "x" }), ""),
        (json!({ "phone": null }), "/phone"),
    ] {
        let answer = send(&client, Some(&access), body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{body}");
    }
    assert_eq!(send(&client, None, json!({ "phone": PHONE })).await.problem().0, 401);
    assert_eq!(send(&client, Some("x"), json!({ "phone": PHONE })).await.problem().0, 401);
    assert_eq!(send(&client, None, json!({ "challenge": "x" })).await.problem().1, "invalid_challenge");
    for _ in 0..3 {
        assert_eq!(send(&client, Some(&access), json!({ "phone": PHONE })).await.status, 202);
    }
    let (bob, _) = client.verified("bob@example.org").await;
    let fourth = send(&client, Some(&bob), json!({ "phone": PHONE })).await;
    assert_eq!(fourth.problem(), (429, "too_many_requests", vec![]), "whoever asks");
    assert_eq!(client.events().await.iter().filter(|event| *event == "code_requested").count(), 3);
}

#[tokio::test]
async fn a_code_is_for_one_number_and_one_purpose() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let ada = client.user(ADA).await;
    assert_eq!(prove_phone(&client, &access, ADA, PHONE).await.status, 204);
    send(&client, Some(&access), json!({ "phone": "+447400111222" })).await;
    let first = client.code(&ada, None).await;
    send(&client, Some(&access), json!({ "phone": "+447400333444" })).await;
    let early = verify(&client, Some(&access), json!({ "code": first })).await;
    assert_eq!(early.problem(), (401, "invalid_code", vec![]), "it was sent to another number");

    set(&client, &access, json!({ "method": "sms", "password": PASSWORD })).await;
    let challenge = challenge(&client).await;
    send(&client, None, json!({ "challenge": challenge })).await;
    let (proof, sign_in) = (client.code(&ada, None).await, client.code(&ada, Some(&challenge)).await);
    let crossed = verify(&client, None, json!({ "challenge": challenge, "code": proof })).await;
    assert_eq!(crossed.problem(), (401, "invalid_code", vec![]), "it is to prove a number");
    let crossed = verify(&client, Some(&access), json!({ "code": sign_in })).await;
    assert_eq!(crossed.problem(), (401, "invalid_code", vec![]), "it is to sign in");
    assert_eq!(verify(&client, None, json!({ "challenge": challenge, "code": sign_in })).await.status, 200);
}

#[tokio::test]
async fn one_address_sends_few_texts_whatever_the_number() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let mut sent = Vec::new();
    for n in 0..12 {
        let phone = format!("+4474001234{n:02}");
        sent.push(send(&client, Some(&access), json!({ "phone": phone })).await.status.as_u16());
    }
    assert_eq!(sent, [[202].repeat(10), [429].repeat(2)].concat());
}

/// Anybody can enter a number; its owner signs in nevertheless.
#[tokio::test]
async fn who_enters_a_number_does_not_stop_its_owners_sign_in() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    assert_eq!(prove_phone(&client, &access, ADA, PHONE).await.status, 204);
    set(&client, &access, json!({ "method": "sms", "password": PASSWORD })).await;
    let (eve, _) = client.verified("eve@example.org").await;
    let mut refused = 0;
    for _ in 0..15 {
        refused += i32::from(send(&client, Some(&eve), json!({ "phone": PHONE })).await.status == 429);
    }
    assert!(refused > 10, "{refused}");
    let challenge = challenge(&client).await;
    for _ in 0..3 {
        assert_eq!(send(&client, None, json!({ "challenge": challenge })).await.status, 202);
    }
    assert_eq!(send(&client, None, json!({ "challenge": challenge })).await.status, 429);
}

/// Strangers can spend the shared budget, but not what is reserved for the sign-ins of established accounts.
#[tokio::test]
async fn a_part_of_the_days_texts_is_for_sign_ins() {
    let client = Client::start_with(|settings| settings.sms_per_day = 20).await;
    let prepare = async |n: usize| {
        let (access, _) = client.verified(&format!("ada{n}@example.org")).await;
        let email = format!("ada{n}@example.org");
        let phone = format!("+4474001236{n:02}");
        assert_eq!(prove_phone(&client, &access, &email, &phone).await.status, 204);
        set(&client, &access, json!({ "method": "sms", "password": PASSWORD })).await;
        email
    };
    let challenge = async |email: &str| {
        client.login(email, PASSWORD).await.body["challenge"].as_str().unwrap().to_owned()
    };
    let established = prepare(0).await;
    client.turn_clock(7 * 24 * 3600);
    let fresh = prepare(1).await;
    let (eve, _) = client.verified("eve@example.org").await;
    let mut sent = 0;
    for n in 0..20 {
        *client.ip.lock().unwrap() = std::net::Ipv4Addr::new(198, 51, 100, n).into();
        let answer = send(&client, Some(&eve), json!({ "phone": format!("+4474001237{n:02}") })).await;
        sent += i32::from(answer.status == 202);
    }
    assert_eq!(sent, 6, "of ten, one went to prove a number and three are reserved");
    let answer = send(&client, None, json!({ "challenge": challenge(&fresh).await })).await;
    assert_eq!(answer.status, 429, "anybody can open accounts");
    for _ in 0..3 {
        let answer = send(&client, None, json!({ "challenge": challenge(&established).await })).await;
        assert_eq!(answer.status, 202);
    }
    client.turn_clock(600);
    let answer = send(&client, None, json!({ "challenge": challenge(&established).await })).await;
    assert_eq!(answer.status, 429, "the reserve has its bound as well");
}

/// One who knows the password does not keep the owner from the second step.
#[tokio::test]
async fn who_guesses_codes_does_not_keep_the_owner_out_of_home() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let (totp, recovery) = enrol(&client, &access).await;
    let home = *client.ip.lock().unwrap();
    for n in 0..4 {
        *client.ip.lock().unwrap() = std::net::Ipv4Addr::new(198, 51, 100, n).into();
        let challenge = challenge(&client).await;
        for _ in 0..5 {
            verify(&client, None, json!({ "challenge": challenge, "code": "AAAAA-AAAAA" })).await;
        }
    }
    let elsewhere = challenge(&client).await;
    let answer = verify(&client, None, json!({ "challenge": elsewhere, "code": recovery[0] })).await;
    assert_eq!(answer.status, 429);
    *client.ip.lock().unwrap() = home;
    let challenge = challenge(&client).await;
    let code = totp.generate(u64::try_from(client.now().as_second()).unwrap() + 30).to_string();
    let answer = verify(&client, None, json!({ "challenge": challenge, "code": code })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_day_has_its_bound_for_everybody_together() {
    for (per_day, admitted) in [(0, 0), (4, 2)] {
        let client = Client::start_with(|settings| settings.sms_per_day = per_day).await;
        let (access, _) = client.verified(ADA).await;
        let mut sent = 0;
        for n in 0..6 {
            let phone = format!("+4474001234{n:02}");
            let answer = send(&client, Some(&access), json!({ "phone": phone })).await;
            sent += i32::from(answer.status == 202);
        }
        // A day's bucket has half of the bound, since it fills up again within the day.
        assert_eq!(sent, admitted, "{per_day}");
        client.turn_clock(24 * 3600);
        for n in 0..6 {
            let (access, _) = client.verified(&format!("ada{n}@example.org")).await;
            let answer = send(&client, Some(&access), json!({ "phone": format!("+4474001235{n:02}") })).await;
            sent += i32::from(answer.status == 202);
        }
        assert_eq!(sent, admitted * 2, "{per_day}");
    }
}

#[tokio::test]
async fn signing_in_with_a_text() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let ada = client.user(ADA).await;
    let switch = json!({ "method": "sms", "password": PASSWORD });
    assert_eq!(set(&client, &access, switch.clone()).await.problem(), (409, "no_phone", vec![]));
    assert_eq!(prove_phone(&client, &access, ADA, PHONE).await.status, 204);
    assert_eq!(set(&client, &access, switch).await.body["recovery_codes"].as_array().unwrap().len(), 10);

    let elsewhere = prove_phone(&client, &access, ADA, "+447400654321").await;
    assert_eq!(elsewhere.problem(), (409, "second_step_uses_number", vec![]));

    let asked = client.login(ADA, PASSWORD).await;
    insta::assert_json_snapshot!(asked.body, { ".challenge" => "…" });
    let challenge = asked.body["challenge"].as_str().unwrap();
    let early = verify(&client, None, json!({ "challenge": challenge, "code": "123456" })).await;
    assert_eq!(early.problem(), (401, "invalid_code", vec![]), "no text was sent yet");
    assert_eq!(send(&client, None, json!({ "challenge": challenge })).await.status, 202);
    client.dynamo.calls.take();
    Tasks::of(&client).deliver(&client).await;
    assert_ne!(taken(&client)[2], 0, "the text");
    let code = client.code(&ada, Some(challenge)).await;
    let signed_in = verify(&client, None, json!({ "challenge": challenge, "code": code })).await;
    assert_eq!(client.get("/me", &pair(&signed_in).0).await.status, 200);
    let again = verify(&client, None, json!({ "challenge": challenge, "code": code })).await;
    assert_eq!(again.problem(), (401, "invalid_challenge", vec![]));
    let told = client.actions(&ada).await;
    assert_eq!(told[told.len() - 3..], ["second_step_asked", "second_step_failed", "signed_in"]);
}

fn totp(secret: &str) -> totp_rs::Totp {
    Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build_noncompliant()
}

async fn enrol(client: &Client, access: &str) -> (totp_rs::Totp, Vec<String>) {
    let enrolment = client.call("POST", "/me/totp", Some(access), Value::Null).await.body;
    let totp = totp(enrolment["secret"].as_str().unwrap());
    let body = json!({
        "method": "totp", "password": PASSWORD, "enrolment": enrolment["enrolment"], "code": code(client, &totp),
    });
    let answer = set(client, access, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let codes = answer.body["recovery_codes"].as_array().unwrap();
    (totp, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

fn code(client: &Client, totp: &totp_rs::Totp) -> String {
    totp.generate(client.now().as_second().try_into().unwrap()).to_string()
}

#[tokio::test]
async fn signing_in_with_an_app() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let (totp, _) = enrol(&client, &access).await;
    let first = challenge(&client).await;
    let seen = code(&client, &totp);
    let replayed = verify(&client, None, json!({ "challenge": first, "code": seen })).await;
    assert_eq!(replayed.problem(), (401, "invalid_code", vec![]), "it served when the app was added");
    client.turn_clock(30);
    let fresh = code(&client, &totp);
    assert_eq!(verify(&client, None, json!({ "challenge": first, "code": fresh })).await.status, 200);
    let second = challenge(&client).await;
    assert_eq!(verify(&client, None, json!({ "challenge": second, "code": fresh })).await.status, 401);
    assert_eq!(send(&client, None, json!({ "challenge": second })).await.problem().1, "not_by_text");

    let status = client.get("/me/second-step", &access).await.body;
    assert_eq!(status, json!({ "method": "totp", "recovery_codes_left": 10 }));
    let off = json!({ "method": "none", "password": PASSWORD });
    assert_eq!(set(&client, &access, off).await.body, json!({ "method": "none", "recovery_codes": [] }));
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_recovery_code_takes_the_place_of_the_phone_once() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let (_, codes) = enrol(&client, &access).await;
    let first = challenge(&client).await;
    let body = json!({ "challenge": first, "code": codes[3].to_lowercase() });
    assert_eq!(verify(&client, None, body).await.status, 200);
    let second = challenge(&client).await;
    let again = verify(&client, None, json!({ "challenge": second, "code": codes[3] })).await;
    assert_eq!(again.problem(), (401, "invalid_code", vec![]));
    assert_eq!(client.get("/me/second-step", &access).await.body["recovery_codes_left"], 9);
    let stored = Value::from(client.items("main").await).to_string();
    assert!(codes.iter().all(|code| !stored.contains(code.as_str())));
}

#[tokio::test]
async fn a_challenge_is_for_whoever_knew_the_password() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let (totp, _) = enrol(&client, &access).await;
    let ours = challenge(&client).await;
    client.turn_clock(30);
    let right = code(&client, &totp);
    let mut forged = api::secrets::ChallengeToken::decode(&ours).unwrap();
    forged.secret = api::secrets::Secret::generate();
    for bad in [forged.encode(), "x".into(), String::new()] {
        let answer = verify(&client, None, json!({ "challenge": bad, "code": right })).await;
        assert_eq!(answer.problem(), (401, "invalid_challenge", vec![]));
    }
    for bad in ["", "12345", "1234567", "abcdef", "7KQ2M-XW4T0"] {
        let answer = verify(&client, None, json!({ "challenge": ours, "code": bad })).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["/code"]), "{bad}");
    }
    for _ in 0..5 {
        let body = json!({ "challenge": ours, "code": another(&right) });
        assert_eq!(verify(&client, None, body).await.problem().1, "invalid_code");
    }
    let late = verify(&client, None, json!({ "challenge": ours, "code": right })).await;
    assert_eq!(late.problem(), (401, "invalid_challenge", vec![]), "no try is left");
    let next = challenge(&client).await;
    assert_eq!(verify(&client, None, json!({ "challenge": next, "code": right })).await.status, 200);
}

#[tokio::test]
async fn an_app_is_added_with_its_own_secret_and_a_first_code() {
    let client = Client::start().await;
    let (access, _) = client.verified(ADA).await;
    let (other, _) = client.verified("bob@example.org").await;
    let foreign = client.call("POST", "/me/totp", Some(&other), Value::Null).await.body;
    let own = client.call("POST", "/me/totp", Some(&access), Value::Null).await.body;
    let right = code(&client, &totp(own["secret"].as_str().unwrap()));
    let foreign_code = code(&client, &totp(foreign["secret"].as_str().unwrap()));
    let add = |enrolment: &Value, code: &str| json!({ "method": "totp", "password": PASSWORD, "enrolment": enrolment, "code": code });
    for (body, pointers) in [
        (add(&foreign["enrolment"], &foreign_code), vec!["/enrolment"]),
        (add(&json!("AAAA"), &right), vec!["/enrolment"]),
        (add(&json!(""), &right), vec!["/enrolment"]),
        (add(&json!("A".repeat(20_000)), &right), vec!["/enrolment"]),
        (add(&own["enrolment"], &another(&right)), vec!["/code"]),
        (json!({ "method": "totp", "password": PASSWORD }), vec!["/code", "/enrolment"]),
        (json!({ "method": "fax", "password": PASSWORD }), vec!["/method"]),
    ] {
        let answer = set(&client, &access, body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", pointers), "{body:.80}");
    }
    let wrong = json!({ "method": "none", "password": "wrong" });
    assert_eq!(set(&client, &access, wrong).await.problem(), (400, "invalid_request", vec!["/password"]));
    let stored = Value::from(client.items("main").await).to_string();
    assert!(!stored.contains(own["secret"].as_str().unwrap()));
}
