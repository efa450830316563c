//! Limits, from outside.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use api::secrets::{LinkToken, RefreshToken, Secret};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::mail_link::Purpose;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    authorization,
    client::{Client, PASSWORD, pair},
};

const ADA: &str = "ada@example.org";

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, last))
}

#[tokio::test]
async fn of_a_hundred_guesses_at_once_as_many_are_compared_as_the_bucket_holds() {
    let client = Arc::new(Client::start().await);
    client.register(ADA).await;
    let tries = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.login(ADA, "wrong wrong").await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [[401].repeat(10), [429].repeat(90)].concat());
}

/// Right passwords are bounded for the load that they are, in the caller's own network only.
#[tokio::test]
async fn a_right_password_is_not_counted_as_a_wrong_one() {
    let client = Client::start().await;
    client.register(ADA).await;
    let mut statuses = Vec::new();
    for _ in 0..31 {
        statuses.push(client.login(ADA, PASSWORD).await.status.as_u16());
    }
    assert_eq!(statuses, [[200].repeat(30), [429].to_vec()].concat());
    *client.ip.lock().unwrap() = address(1);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
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

/// From one network, which drained the account's bucket before: each refused guess took a token from it.
#[tokio::test]
async fn one_who_guesses_does_not_keep_the_owner_out() {
    let client = Client::start().await;
    client.register(ADA).await;
    let mut compared = 0;
    for _ in 0..320 {
        compared += i32::from(client.login(ADA, "wrong wrong").await.status == 401);
    }
    assert_eq!(compared, 10);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 429);
    *client.ip.lock().unwrap() = address(1);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn those_who_guess_from_everywhere_do_not_keep_the_owner_out_of_home() {
    let client = Client::start().await;
    client.register(ADA).await;
    let home = *client.ip.lock().unwrap();
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
    for n in 0..34 {
        *client.ip.lock().unwrap() = address(n);
        for _ in 0..10 {
            client.login(ADA, "wrong wrong").await;
        }
    }
    assert_eq!(client.login(ADA, PASSWORD).await.status, 429, "a network that nobody knows");
    *client.ip.lock().unwrap() = home;
    for _ in 0..12 {
        assert_eq!(client.login(ADA, PASSWORD).await.status, 200, "right passwords are not counted");
    }
    let mut compared = 0;
    for _ in 0..15 {
        compared += i32::from(client.login(ADA, "wrong wrong").await.status == 401);
    }
    assert_eq!(compared, 10, "who guesses at home is stopped as well");
}

#[tokio::test]
async fn a_reset_forgets_what_strangers_have_guessed() {
    let client = Client::start().await;
    client.verified(ADA).await;
    for n in 0..12 {
        *client.ip.lock().unwrap() = address(n);
        for _ in 0..10 {
            client.login(ADA, "wrong wrong").await;
        }
    }
    *client.ip.lock().unwrap() = address(20);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 429);
    let token = client.link(&client.user(ADA).await, Purpose::ResetPassword, ADA).await;
    let password = "another good phrase 77";
    let reset = client.post("/auth/password/reset", json!({ "token": token, "password": password })).await;
    assert_eq!(reset.status, 204, "{}", reset.body);
    *client.ip.lock().unwrap() = address(21);
    assert_eq!(client.login(ADA, password).await.status, 200);
}

/// What a request takes that is refused in the end comes back.
#[tokio::test]
async fn an_address_that_is_refused_takes_nothing_from_others() {
    for (path, body) in [
        ("/auth/password/forgot", json!({})),
        ("/auth/verify-email/resend", json!({})),
        ("/auth/register", json!({ "role": "parent", "password": PASSWORD, "name": "Ada" })),
    ] {
        let client = Client::start().await;
        let ask = async |email: &str| {
            let mut body = body.clone();
            body["email"] = email.into();
            client.post(path, body).await.status.as_u16()
        };
        for n in 0..20 {
            assert_eq!(ask(&format!("somebody{n}@example.org")).await, 202, "{path}");
        }
        for _ in 0..10 {
            assert_eq!(ask(ADA).await, 429, "{path}");
        }
        *client.ip.lock().unwrap() = address(1);
        for _ in 0..3 {
            assert_eq!(ask(ADA).await, 202, "{path}");
        }
        assert_eq!(ask(ADA).await, 429, "{path}");
    }
}

/// The network's bucket is asked first, so an account that is refused costs its neighbours nothing either.
#[tokio::test]
async fn an_account_that_is_refused_takes_nothing_from_its_network() {
    let client = Client::start().await;
    for _ in 0..40 {
        client.post("/auth/password/forgot", json!({ "email": ADA })).await;
    }
    for n in 0..17 {
        let answer =
            client.post("/auth/password/forgot", json!({ "email": format!("bob{n}@example.org") })).await;
        assert_eq!(answer.status, 202, "{n}");
    }
}

#[tokio::test]
async fn mails_of_one_purpose_do_not_stop_another() {
    let client = Client::start().await;
    let (access, _) = client.sign_in("eve@example.org").await;
    for _ in 0..4 {
        let body = json!({ "email": ADA, "password": PASSWORD });
        client.call("POST", "/me/email", Some(&access), body).await;
        client.post("/auth/verify-email/resend", json!({ "email": ADA })).await;
    }
    assert_eq!(client.post("/auth/password/forgot", json!({ "email": ADA })).await.status, 202);
}

/// Three hundred people share an address of a mobile network.
#[tokio::test]
async fn those_who_share_an_address_refresh_as_they_like() {
    let client = Client::start().await;
    let (_, mut refresh) = client.sign_in(ADA).await;
    for _ in 0..300 {
        let unknown = RefreshToken {
            user_id: domain::id::new(client.now()),
            id: domain::id::new(client.now()),
            secret: Secret::generate(),
        };
        client.post("/auth/refresh", json!({ "refresh_token": unknown.encode() })).await;
    }
    // A token of the same session that nobody was given.
    let mut invented = RefreshToken::decode(&refresh).unwrap();
    invented.secret = Secret::generate();
    for _ in 0..100 {
        let answer = client.post("/auth/refresh", json!({ "refresh_token": invented.encode() })).await;
        assert_eq!(answer.status, 429);
    }
    for _ in 0..60 {
        let answer = client.post("/auth/refresh", json!({ "refresh_token": refresh })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        (_, refresh) = pair(&answer);
    }
    let answer = client.post("/auth/refresh", json!({ "refresh_token": refresh })).await;
    assert_eq!(answer.problem(), (429, "too_many_requests", vec![]), "one session has its bound");
}

#[tokio::test]
async fn a_good_link_opens_whatever_others_have_tried() {
    let client = Client::start().await;
    client.register(ADA).await;
    let token = client.link(&client.user(ADA).await, Purpose::VerifyEmail, ADA).await;
    let open = async |token: &str| {
        client
            .post("/auth/verify-email", json!({ "token": token, "password": PASSWORD }))
            .await
            .status
            .as_u16()
    };
    let unknown = LinkToken { user_id: domain::id::new(client.now()), secret: Secret::generate() }.encode();
    let mut statuses = Vec::new();
    for _ in 0..62 {
        statuses.push(open(&unknown).await);
    }
    assert_eq!(statuses, [[400].repeat(60), [429].repeat(2)].concat());
    assert_eq!(open(&token).await, 204);
}

/// A thief of one session does not keep the owner, who has another, from acting.
#[tokio::test]
async fn one_session_does_not_stop_another_of_the_same_user() {
    let client = Client::start().await;
    let (stolen, _) = client.sign_in(ADA).await;
    let (own, _) = pair(&client.login(ADA, PASSWORD).await);
    let change = async |access: &str, password: &str| {
        let body = json!({ "current_password": password, "new_password": "quiet otter marble lantern" });
        client.call("POST", "/me/password", Some(access), body).await.status.as_u16()
    };
    for _ in 0..20 {
        change(&stolen, "wrong wrong").await;
    }
    assert_eq!(change(&stolen, PASSWORD).await, 429);
    for _ in 0..70 {
        client
            .call("DELETE", "/auth/sessions/ses_01h455vb4pex5vsknk084sn02q", Some(&stolen), Value::Null)
            .await;
    }
    assert_eq!(change(&own, PASSWORD).await, 204);
    assert_eq!(client.call("POST", "/auth/logout-all", Some(&own), Value::Null).await.status, 204);
}

/// Without the secret nobody finds the bucket of an address by hashing all addresses.
#[tokio::test]
async fn the_names_of_buckets_are_keyed() {
    let client = Client::start().await;
    client.login(ADA, PASSWORD).await;
    let items = client.items("ephemeral").await;
    let keys: Vec<_> =
        items.iter().filter_map(|item| item["pk"].as_str()?.strip_prefix("LIMIT#login#")).collect();
    assert_eq!(keys.len(), 3);
    let ip = *client.ip.lock().unwrap();
    for raw in [format!("ip\0{ip}"), format!("account\0{ADA}"), format!("both\0{ip}\0{ADA}")] {
        let keyed = client.app.keyed_hash("limit", raw.as_bytes()).await.unwrap();
        assert!(keys.contains(&&*BASE64_URL_SAFE_NO_PAD.encode(&keyed[..16])), "{raw}");
        assert!(!keys.contains(&&*BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&raw)[..16])), "{raw}");
    }
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
    client.verify(ADA).await;
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
            let sitters = ["/payouts", "/me/availability", "/me/sitter-profile"];
            let of_sitters = sitters.iter().any(|prefix| path.starts_with(prefix));
            let role = if of_sitters { "sitter" } else { "parent" };
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
