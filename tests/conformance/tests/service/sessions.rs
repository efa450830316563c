//! Sign-ins: seen, ended, and ended from outside.

use serde_json::{Value, json};

use crate::client::{Client, PASSWORD, pair};

const ADA: &str = "ada@example.org";

async fn refresh(client: &Client, token: &str) -> u16 {
    client.post("/auth/refresh", json!({ "refresh_token": token })).await.status.as_u16()
}

#[tokio::test]
async fn are_seen_and_ended_one_by_one() {
    let client = Client::start().await;
    let (first, first_refresh) = client.sign_in(ADA).await;
    client.turn_clock(5);
    let body = json!({ "email": ADA, "password": PASSWORD });
    let phone = client.call_with("POST", "/auth/login", None, body, &[("user-agent", "Phone/1")]).await;
    let (second, second_refresh) = pair(&phone);
    let (foreign, _) = client.sign_in("bob@example.org").await;

    let list = client.get("/auth/sessions", &second).await.body;
    insta::assert_json_snapshot!(list, { ".items[].id" => "ses_…", ".items[].created_at" => "…", ".items[].last_used_at" => "…", ".items[].expires_at" => "…" });
    let id = |n: usize| list["items"][n]["id"].as_str().unwrap().to_owned();
    let end = async |token: &str, id: &str| {
        client.call("DELETE", &format!("/auth/sessions/{id}"), Some(token), Value::Null).await.status.as_u16()
    };
    assert_eq!(end(&foreign, &id(1)).await, 404, "nobody ends another's");
    assert_eq!(end(&second, &id(1)).await, 204);
    assert_eq!(end(&second, &id(1)).await, 404);
    assert_eq!(end(&second, "ses_x").await, 400);
    assert_eq!(refresh(&client, &first_refresh).await, 401);
    assert_eq!(refresh(&client, &second_refresh).await, 200);
    client.turn_clock(20);
    assert_eq!(client.get("/me", &first).await.status, 401, "its access token has ended as well");
    assert_eq!(client.get("/me", &second).await.status, 200);
}

#[tokio::test]
async fn end_by_logging_out() {
    let client = Client::start().await;
    let (access, token) = client.sign_in(ADA).await;
    let (other, other_token) = pair(&client.login(ADA, PASSWORD).await);
    for _ in 0..2 {
        let answer = client.call("POST", "/auth/logout", Some(&access), Value::Null).await;
        assert_eq!(answer.status, 204, "twice is as good as once");
    }
    client.turn_clock(20);
    assert_eq!(refresh(&client, &token).await, 401);
    assert_eq!(client.get("/me", &access).await.status, 401);
    assert_eq!(client.get("/me", &other).await.status, 200);

    assert_eq!(client.call("POST", "/auth/logout-all", Some(&other), Value::Null).await.status, 204);
    client.turn_clock(20);
    assert_eq!(refresh(&client, &other_token).await, 401);
    assert_eq!(client.get("/me", &other).await.status, 401);
    let (fresh, _) = pair(&client.login(ADA, PASSWORD).await);
    assert_eq!(client.get("/auth/sessions", &fresh).await.body["items"].as_array().unwrap().len(), 1);
    let user = client.user(ADA).await;
    assert_eq!(client.actions(&user).await[3..], ["signed_out", "signed_out_everywhere", "signed_in"]);
}

#[tokio::test]
async fn end_but_for_one_when_the_password_changes() {
    let client = Client::start().await;
    let (here, here_token) = client.sign_in(ADA).await;
    let (there, there_token) = pair(&client.login(ADA, PASSWORD).await);
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        client.call("POST", "/me/password", Some(&here), body).await
    };
    let wrong = change("not the password", "quiet otter marble lantern").await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["/current_password"]));
    for weak in ["short", "ada lovelace 1", "ada@example.org"] {
        let answer = change(PASSWORD, weak).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["/new_password"]), "{weak}");
    }
    assert_eq!(change(PASSWORD, "quiet otter marble lantern").await.status, 204);
    client.turn_clock(20);
    assert_eq!(client.get("/me", &here).await.status, 200);
    assert_eq!(refresh(&client, &here_token).await, 200);
    assert_eq!(client.get("/me", &there).await.status, 401);
    assert_eq!(refresh(&client, &there_token).await, 401);
    assert_eq!(client.login(ADA, PASSWORD).await.status, 401);
    assert_eq!(client.login(ADA, "quiet otter marble lantern").await.status, 200);
    assert!(client.events().await.contains(&"password_changed".to_owned()));
}

#[tokio::test]
async fn of_the_suspended_are_none() {
    let client = Client::start().await;
    let admin = client.admin("root@example.org").await;
    let (access, token) = client.sign_in(ADA).await;
    assert_eq!(client.get("/me", &access).await.status, 200);
    let ada = client.user(ADA).await;
    let path = format!("/admin/users/{}/status", ada.id);
    let set = async |token: &str, status: &str| {
        client.call("POST", &path, Some(token), json!({ "status": status, "reason": "Two reports" })).await
    };
    assert_eq!(set(&access, "suspended").await.problem(), (403, "forbidden", vec![]));
    for _ in 0..2 {
        let answer = set(&admin, "suspended").await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("suspended")));
    }
    assert_eq!(refresh(&client, &token).await, 401, "at once");
    client.turn_clock(20);
    assert_eq!(client.get("/me", &access).await.status, 401, "within the minute");
    let right = client.login(ADA, PASSWORD).await;
    assert_eq!(right.problem(), (403, "account_suspended", vec![]));
    let wrong = client.login(ADA, "wrong wrong").await;
    assert_eq!(wrong.problem(), (401, "invalid_credentials", vec![]), "a stranger learns nothing");

    assert_eq!(set(&admin, "active").await.body["since"], Value::Null);
    assert_eq!(refresh(&client, &token).await, 401, "what was ended stays so");
    assert_eq!(client.login(ADA, PASSWORD).await.status, 200);
    let told = ["suspended", "sign_in_failed", "sign_in_failed", "reinstated", "signed_in"];
    assert_eq!(client.actions(&ada).await[2..], told);
    for event in ["account_suspended", "account_reinstated"] {
        assert_eq!(client.events().await.iter().filter(|e| *e == event).count(), 1);
    }

    let root = client.user("root@example.org").await;
    let own = format!("/admin/users/{}/status", root.id);
    let body = json!({ "status": "suspended", "reason": "oops" });
    assert_eq!(client.call("POST", &own, Some(&admin), body).await.problem(), (409, "own_account", vec![]));
    let body = json!({ "status": "gone", "reason": " \u{0}" });
    let wrong = client.call("POST", &path, Some(&admin), body).await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["/status", "/reason"]));
    let nobody = "/admin/users/usr_01h455vb4pex5vsknk084sn02q/status";
    let body = json!({ "status": "active", "reason": "x" });
    assert_eq!(client.call("POST", nobody, Some(&admin), body).await.status, 404);
}

#[tokio::test]
async fn a_revocation_is_needed_to_let_anybody_in() {
    let client = Client::start().await;
    let (access, _) = client.sign_in(ADA).await;
    assert_eq!(client.get("/auth/sessions", &access).await.status, 200);
    client.turn_clock(21);
    client.dynamo.client.delete_table().table_name("ephemeral").send().await.unwrap();
    assert_eq!(client.get("/me", &access).await.status, 200, "what was read lately will do");
    client.turn_clock(30);
    assert_eq!(client.get("/me", &access).await.problem(), (503, "unavailable", vec![]));
}

#[tokio::test]
async fn the_trail_is_read_in_pages_and_tells_who_read_it() {
    let client = Client::start().await;
    let admin = client.admin("root@example.org").await;
    let (access, _) = client.sign_in(ADA).await;
    let (ada, root) = (client.user(ADA).await, client.user("root@example.org").await);
    for second in 0..3 {
        client.turn_clock(second);
        client.login(ADA, PASSWORD).await;
    }
    let first = client.get(&format!("/admin/audit?subject={}&limit=2", ada.id), &admin).await;
    insta::assert_json_snapshot!(first.body, {
        ".items[].id" => "aud_…", ".items[].subject" => "usr_…", ".items[].actor" => "usr_…", ".next_cursor" => "…", ".items[].at" => "…"
    });
    let mut actions = Vec::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let cursor = if cursor.is_empty() { cursor } else { format!("&cursor={cursor}") };
        let page = client.get(&format!("/admin/audit?subject={}&limit=2{cursor}", ada.id), &admin).await.body;
        for item in page["items"].as_array().unwrap() {
            actions.push(item["action"].as_str().unwrap().to_owned());
        }
        next = page["next_cursor"].as_str().map(str::to_owned);
    }
    let mut expected = vec!["audit_read", "audit_read"];
    expected.extend(["signed_in"; 4]);
    expected.push("registered");
    assert_eq!(actions, expected);
    let done = client.get(&format!("/admin/audit?actor={}", root.id), &admin).await.body;
    let done: Vec<_> = done["items"].as_array().unwrap().iter().map(|item| &item["action"]).collect();
    assert_eq!(done.iter().filter(|action| **action == "audit_read").count(), 6, "{done:?}");

    let cursor = first.body["next_cursor"].as_str().unwrap();
    let other = format!("/admin/audit?subject={}&cursor={cursor}", root.id);
    for (path, pointer) in [
        ("/admin/audit".to_owned(), "subject"),
        (format!("/admin/audit?subject={0}&actor={0}", ada.id), "subject"),
        ("/admin/audit?subject=x".to_owned(), "subject"),
        (format!("/admin/audit?subject={}&limit=101", ada.id), "limit"),
        (format!("/admin/audit?subject={}&cursor=AAAA", ada.id), "cursor"),
        (format!("/admin/audit?subject={}&page=2", ada.id), "page"),
        (format!("/admin/audit?subject={0}&subject={0}", ada.id), "subject"),
        (other, "cursor"),
    ] {
        let answer = client.get(&path, &admin).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{path}");
    }
    assert_eq!(client.get(&format!("/admin/audit?subject={}", ada.id), &access).await.status, 403);
}

#[tokio::test]
async fn of_too_many_the_one_that_was_used_least_recently_ends() {
    let client = Client::start().await;
    let (_, first) = client.sign_in(ADA).await;
    let mut last = None;
    for _ in 0..50 {
        client.turn_clock(60);
        last = Some(pair(&client.login(ADA, PASSWORD).await));
    }
    let (access, token) = last.unwrap();
    let list = client.get("/auth/sessions", &access).await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 50);
    assert_eq!(refresh(&client, &first).await, 401);
    assert_eq!(refresh(&client, &token).await, 200);
}
