//! Who may do what: one table, walked for every operation and every kind of caller.

use api::{secrets::Secret, tokens::Signer};
use domain::{
    display_name::DisplayName,
    event::{Event, Fact},
    favourites::Favourites,
    id::{BookingId, CertificateId, ChildId, PaymentId, SeriesId, UserId},
    role::Role,
    session::{Client as Device, Session},
    upload::{FileSize, ImageType, Purpose, Upload},
    user::User,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use storage::{
    audit::{Action, Entry, Origin},
    sessions::Proof,
};

use crate::{bookings, client::Client, family, payments, vetting};

/// What each operation answers to nobody, another parent, another sitter, somebody suspended, an
/// admin, and somebody whose token has expired. Identifiers in paths are those of somebody else.
/// Bodies are well-formed; where they carry a proof, it is none.
const TABLE: &[(&str, [u16; 6])] = &[
    ("GET /.well-known/jwks.json", [200, 200, 200, 200, 200, 200]),
    ("GET /admin/audit", [401, 403, 403, 401, 200, 401]),
    ("GET /admin/search-analytics", [401, 403, 403, 401, 200, 401]),
    ("POST /admin/sitters/{id}/decision", [401, 403, 403, 401, 404, 401]),
    ("POST /admin/credentials/{id}/decision", [401, 403, 403, 401, 200, 401]),
    ("GET /admin/disputes/{id}", [401, 403, 403, 401, 404, 401]),
    ("POST /admin/disputes/{id}/decision", [401, 403, 403, 401, 409, 401]),
    ("POST /admin/payments/{id}/refund", [401, 403, 403, 401, 409, 401]),
    ("POST /admin/users/{id}/second-step/reset", [401, 403, 403, 401, 204, 401]),
    ("POST /admin/users/{id}/status", [401, 403, 403, 401, 200, 401]),
    ("POST /auth/email/revert", [400, 400, 400, 400, 400, 400]),
    ("POST /auth/login", [401, 401, 401, 401, 401, 401]),
    ("POST /auth/logout", [401, 204, 204, 401, 204, 401]),
    ("POST /auth/logout-all", [401, 204, 204, 401, 204, 401]),
    ("POST /auth/otp/send", [401, 202, 202, 401, 202, 401]),
    ("POST /auth/otp/verify", [401, 401, 401, 401, 401, 401]),
    ("POST /auth/password/forgot", [202, 202, 202, 202, 202, 202]),
    ("POST /auth/password/reset", [400, 400, 400, 400, 400, 400]),
    ("POST /auth/refresh", [401, 401, 401, 401, 401, 401]),
    ("POST /auth/register", [202, 202, 202, 202, 202, 202]),
    ("GET /auth/sessions", [401, 200, 200, 401, 200, 401]),
    ("DELETE /auth/sessions/{id}", [401, 404, 404, 401, 404, 401]),
    ("POST /auth/verify-email", [400, 400, 400, 401, 400, 401]),
    ("POST /auth/verify-email/resend", [202, 202, 202, 202, 202, 202]),
    ("GET /docs", [200, 200, 200, 200, 200, 200]),
    ("GET /health", [200, 200, 200, 200, 200, 200]),
    // Nothing but the store is there in this process.
    ("GET /health/ready", [503, 503, 503, 503, 503, 503]),
    ("GET /bookings", [401, 200, 200, 401, 200, 401]),
    // The children are somebody else's.
    ("POST /bookings", [401, 400, 403, 401, 403, 401]),
    ("POST /bookings/quote", [401, 400, 403, 401, 403, 401]),
    ("GET /bookings/{id}", [401, 404, 404, 401, 404, 401]),
    ("PATCH /bookings/{id}", [401, 404, 403, 401, 403, 401]),
    ("GET /bookings/{id}/calendar.ics", [401, 404, 404, 401, 404, 401]),
    ("POST /bookings/{id}/accept", [401, 403, 404, 401, 403, 401]),
    ("POST /bookings/{id}/cancel", [401, 404, 404, 401, 200, 401]),
    ("POST /bookings/{id}/check-in", [401, 403, 404, 401, 403, 401]),
    ("POST /bookings/{id}/check-out", [401, 403, 404, 401, 403, 401]),
    ("POST /bookings/{id}/decline", [401, 403, 404, 401, 403, 401]),
    ("POST /bookings/{id}/dispute", [401, 404, 404, 401, 404, 401]),
    ("POST /bookings/{id}/payment", [401, 404, 403, 401, 403, 401]),
    ("POST /bookings/{id}/sos", [401, 404, 404, 401, 404, 401]),
    ("POST /booking-series", [401, 400, 403, 401, 403, 401]),
    ("GET /booking-series/{id}", [401, 404, 403, 401, 403, 401]),
    ("DELETE /booking-series/{id}", [401, 404, 403, 401, 403, 401]),
    ("GET /earnings", [401, 403, 200, 401, 403, 401]),
    ("GET /me", [401, 200, 200, 401, 200, 401]),
    ("PATCH /me", [401, 200, 200, 401, 200, 401]),
    ("GET /me/availability", [401, 403, 200, 401, 403, 401]),
    ("PUT /me/availability", [401, 403, 200, 401, 403, 401]),
    ("GET /me/favourites", [401, 200, 403, 401, 403, 401]),
    ("PUT /me/favourites/{sitter_id}", [401, 404, 403, 401, 403, 401]),
    ("DELETE /me/favourites/{sitter_id}", [401, 204, 403, 401, 403, 401]),
    ("GET /me/background-check", [401, 403, 404, 401, 403, 401]),
    ("POST /me/background-check", [401, 403, 201, 401, 403, 401]),
    ("GET /me/children", [401, 200, 403, 401, 403, 401]),
    ("POST /me/children", [401, 201, 403, 401, 403, 401]),
    ("GET /me/children/{id}", [401, 404, 403, 401, 403, 401]),
    ("PUT /me/children/{id}", [401, 404, 403, 401, 403, 401]),
    ("DELETE /me/children/{id}", [401, 404, 403, 401, 403, 401]),
    ("GET /me/credentials", [401, 403, 200, 401, 403, 401]),
    ("POST /me/credentials", [401, 403, 201, 401, 403, 401]),
    ("POST /me/email", [401, 400, 400, 401, 400, 401]),
    ("GET /me/parent-profile", [401, 404, 403, 401, 403, 401]),
    ("PUT /me/parent-profile", [401, 200, 403, 401, 403, 401]),
    ("POST /me/password", [401, 400, 400, 401, 400, 401]),
    ("GET /me/second-step", [401, 200, 200, 401, 200, 401]),
    ("PUT /me/second-step", [401, 400, 400, 401, 400, 401]),
    ("GET /me/sitter-profile", [401, 403, 200, 401, 403, 401]),
    ("PUT /me/sitter-profile", [401, 403, 200, 401, 403, 401]),
    ("POST /me/totp", [401, 200, 200, 401, 200, 401]),
    ("GET /payment-methods", [401, 200, 403, 401, 403, 401]),
    ("DELETE /payment-methods/{id}", [401, 404, 403, 401, 403, 401]),
    ("GET /payments", [401, 200, 200, 401, 200, 401]),
    ("GET /payments/{id}", [401, 404, 404, 401, 404, 401]),
    ("POST /payments/setup-intent", [401, 201, 403, 401, 403, 401]),
    ("GET /payouts/onboarding", [401, 403, 200, 401, 403, 401]),
    ("POST /payouts/onboarding", [401, 403, 201, 401, 403, 401]),
    // Whoever calls, nothing is signed.
    ("POST /webhooks/background-check", [400, 400, 400, 400, 400, 400]),
    ("POST /webhooks/stripe", [400, 400, 400, 400, 400, 400]),
    ("GET /openapi.json", [200, 200, 200, 200, 200, 200]),
    ("GET /sitters", [200, 200, 200, 200, 200, 200]),
    ("GET /sitters/recommended", [401, 409, 403, 401, 403, 401]),
    ("GET /sitters/search", [200, 200, 200, 200, 200, 200]),
    ("GET /sitters/suggest", [200, 200, 200, 200, 200, 200]),
    ("GET /sitters/{id}", [404, 404, 404, 404, 404, 404]),
    ("GET /sitters/{id}/availability", [404, 404, 404, 404, 404, 404]),
    ("GET /sitters/{id}/reviews", [404, 404, 404, 404, 404, 404]),
    ("POST /uploads", [401, 201, 201, 401, 201, 401]),
    ("GET /uploads/{id}", [401, 404, 404, 401, 404, 401]),
];

const CALLERS: [&str; 6] = ["nobody", "parent", "sitter", "suspended", "admin", "expired"];

/// Somebody who may call that operation.
pub fn caller_of(operation: &str) -> &'static str {
    let answers = TABLE.iter().find(|(name, _)| *name == operation).unwrap().1;
    let mut callers = CALLERS.into_iter().zip(answers);
    callers.find(|(_, status)| ![401, 403].contains(status)).map_or("nobody", |(caller, _)| caller)
}

/// The path, with its query, and the body of an operation.
pub fn example(method: &str, path: &str, owner: &Owner) -> (String, Value) {
    let id = match path.split("/{id}").next().unwrap() {
        "/admin/credentials" => owner.certificate.to_string(),
        "/admin/disputes" | "/bookings" => owner.booking.to_string(),
        "/admin/payments" | "/payments" => owner.payment.to_string(),
        "/auth/sessions" => owner.session.id.to_string(),
        "/booking-series" => owner.series.to_string(),
        "/me/children" => owner.child.to_string(),
        "/payment-methods" => "pm_1NQ3kX2eZvKYlo2C".to_owned(),
        "/uploads" => owner.upload.id.to_string(),
        _ => owner.user.to_string(),
    };
    let url = path.replace("{id}", &id).replace("{sitter_id}", &id);
    let email = "somebody@example.org";
    // As long as a link's; a refresh token is longer.
    let token = "A".repeat(64);
    let body = match format!("{method} {path}").as_str() {
        "GET /admin/audit" => return (format!("{url}?subject={}", owner.user), Value::Null),
        "GET /sitters/search" => return (format!("{url}?latitude=53.74&longitude=-2.01"), Value::Null),
        "GET /sitters/suggest" => return (format!("{url}?q=fre"), Value::Null),
        "GET /sitters/{id}/availability" => {
            let range = "starts_at=2026-12-01T00:00:00Z&ends_at=2026-12-02T00:00:00Z";
            return (format!("{url}?{range}"), Value::Null);
        }
        "POST /admin/sitters/{id}/decision" => json!({ "decision": "approve", "reason": "none" }),
        "PUT /me/availability" => json!({ "time_zone": "Europe/London", "weekly": {} }),
        "PUT /me/sitter-profile" => json!({ "visible": false }),
        "POST /admin/credentials/{id}/decision" => json!({ "decision": "verify", "reason": "as issued" }),
        "POST /admin/disputes/{id}/decision" => {
            json!({ "refund": { "amount_minor": 1, "currency": "GBP" }, "reason": "none" })
        }
        "POST /admin/payments/{id}/refund" => {
            json!({ "amount": { "amount_minor": 1, "currency": "GBP" }, "reason": "none" })
        }
        "POST /admin/users/{id}/second-step/reset" => {
            json!({ "identity_check": "document", "reason": "none" })
        }
        "POST /admin/users/{id}/status" => json!({ "status": "active", "reason": "none" }),
        "POST /auth/login" => json!({ "email": email, "password": "x" }),
        "POST /auth/otp/send" => json!({ "phone": "+447400123456" }),
        "POST /auth/otp/verify" => json!({ "code": "123456" }),
        "POST /auth/password/forgot" | "POST /auth/verify-email/resend" => json!({ "email": email }),
        "POST /auth/password/reset" => json!({ "token": token, "password": "quiet otter marble lantern" }),
        "POST /auth/refresh" => json!({ "refresh_token": "A".repeat(86) }),
        "POST /auth/register" => {
            json!({ "role": "parent", "email": email, "password": "quiet otter marble lantern", "name": "Eve" })
        }
        "POST /auth/email/revert" | "POST /auth/verify-email" => json!({ "token": token }),
        "POST /bookings" => bookings::wish(owner.sitter, &[owner.child.to_string()]),
        "POST /bookings/quote" => bookings::question(owner.sitter, &[owner.child.to_string()]),
        "PATCH /bookings/{id}" => json!({ "time": bookings::evening("2027-02-13") }),
        "POST /bookings/{id}/check-in" | "POST /bookings/{id}/check-out" => json!({}),
        "POST /bookings/{id}/dispute" => json!({ "complaint": "It was short." }),
        "POST /bookings/{id}/payment" => json!({}),
        "POST /booking-series" => bookings::series(owner.sitter, &[owner.child.to_string()]),
        "PATCH /me" => json!({ "name": "Eve" }),
        "POST /me/background-check" => vetting::check(),
        "POST /me/children" | "PUT /me/children/{id}" => family::byron(),
        "POST /me/credentials" => vetting::course(),
        "POST /me/email" => json!({ "email": email, "password": "wrong" }),
        "POST /me/password" => {
            json!({ "current_password": "wrong", "new_password": "quiet otter marble lantern" })
        }
        "PUT /me/parent-profile" => family::home(),
        "PUT /me/second-step" => json!({ "method": "none", "password": "wrong" }),
        "POST /uploads" => json!({ "purpose": "avatar", "content_type": "image/png", "size_bytes": 1000 }),
        _ => Value::Null,
    };
    (url, body)
}

pub struct Owner {
    user: UserId,
    session: Session,
    upload: Upload,
    child: ChildId,
    sitter: UserId,
    sitter_session: Session,
    certificate: CertificateId,
    booking: BookingId,
    series: SeriesId,
    payment: PaymentId,
}

/// Whose things the paths name.
pub async fn owner(client: &Client) -> Owner {
    let (user, session) = sign_in(client, Role::Parent, "owner").await;
    let size = FileSize::parse(1000).unwrap();
    let upload = Upload::announce(user.id, Purpose::Avatar, ImageType::Png, size, client.now());
    client.tables.announce_upload(&upload).await.unwrap();
    let (sitter, sitter_session) = sign_in(client, Role::Sitter, "sitter").await;
    let child = family::child_of(client, user.id).await;
    let certificate = vetting::check_of(client, sitter.id).await;
    let (booking, series) = bookings::of(client, user.id, sitter.id).await;
    let payment = payments::of(client, booking).await;
    let (user, sitter) = (user.id, sitter.id);
    Owner { user, session, upload, child, sitter, sitter_session, certificate, booking, series, payment }
}

/// A new user whose email address is verified.
pub async fn sign_in(client: &Client, role: Role, name: &str) -> (User, Session) {
    let user = User { email_verified: true, due: None, ..newcomer(client, role, name) };
    sign_in_as(client, user).await
}

/// Somebody who is about to register, with an address of their own.
pub fn newcomer(client: &Client, role: Role, name: &str) -> User {
    let unique = format!("{}@example.org", uuid::Uuid::new_v4().simple());
    let name = DisplayName::parse(name).unwrap();
    User::register(role, unique.parse().unwrap(), name, SignedDuration::from_hours(1), client.now())
}

/// An account for that user, and a sign-in.
pub async fn sign_in_as(client: &Client, user: User) -> (User, Session) {
    let (now, role) = (client.now(), user.role);
    let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
    let trail = |action| Entry::by_self(user.id, action, now, Origin::default());
    let hash = api::passwords::unknown_hash();
    client.tables.register(user.clone(), hash, &event, &trail(Action::Registered)).await.unwrap();
    let session =
        Session::start(user.id, role, user.epoch, Secret::generate().token(), Device::default(), now);
    let compared = client.tables.credentials(user.id).await.unwrap().unwrap();
    let proof = Proof { compared: &compared, changed: None, pending: None };
    client.tables.start_session(&session, proof, &trail(Action::SignedIn)).await.unwrap();
    (user, session)
}

pub async fn token(client: &Client, caller: &str) -> Option<String> {
    let role = match caller {
        "nobody" => return None,
        "sitter" => Role::Sitter,
        "admin" => Role::Admin,
        _ => Role::Parent,
    };
    let (user, session) = sign_in(client, role, caller).await;
    let issued =
        if caller == "expired" { client.now() - SignedDuration::from_mins(16) } else { client.now() };
    let signer = Signer::from_keys(client.keys.clone());
    let token = signer.sign(&client.tables, &client.settings, &session, issued).await.unwrap();
    if caller == "suspended" {
        client.set_standing(&user, true).await;
        client.turn_clock(21);
    }
    Some(token)
}

#[tokio::test]
async fn every_operation_lets_in_whom_the_table_says() {
    let client = Client::start().await;
    let document: Value = serde_json::from_str(&conformance::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        operations.extend(item.as_object().unwrap().keys().map(|method| {
            let method = method.to_uppercase();
            (format!("{method} {path}"), method, path.clone())
        }));
    }
    let named: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    for (name, ..) in &operations {
        assert!(named.contains(&name.as_str()), "{name} is missing from the table");
    }
    assert_eq!(operations.len(), TABLE.len(), "the table names operations that there are not");

    let mut wrong = Vec::new();
    for (name, method, path) in &operations {
        let (_, expected) = TABLE.iter().find(|(listed, _)| listed == name).unwrap();
        for (caller, expected) in CALLERS.iter().zip(expected) {
            // Limits are another test's.
            client.turn_clock(3600);
            let owner = owner(&client).await;
            let token = token(&client, caller).await;
            let (url, body) = example(method, path, &owner);
            let answer = client.call(method, &url, token.as_deref(), body).await;
            if answer.status != *expected {
                wrong.push(format!(
                    "{name} for {caller}: {} and not {expected}: {}",
                    answer.status, answer.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Operations whose example changes nothing here, for nobody: most of them are for a booking in another state, and
/// are tested with bookings; a call for help is let through. The others need a proof.
const UNCHANGING: &[&str] = &[
    "POST /admin/sitters/{id}/decision",
    "POST /admin/disputes/{id}/decision",
    "POST /admin/payments/{id}/refund",
    "POST /admin/users/{id}/second-step/reset",
    "POST /bookings",
    "POST /bookings/quote",
    "PATCH /bookings/{id}",
    "POST /bookings/{id}/accept",
    "POST /bookings/{id}/check-in",
    "POST /bookings/{id}/check-out",
    "POST /bookings/{id}/dispute",
    "POST /bookings/{id}/payment",
    "POST /bookings/{id}/sos",
    "POST /booking-series",
    "PUT /me/favourites/{sitter_id}",
    "POST /me/background-check",
    "POST /me/email",
    "POST /me/password",
    "PUT /me/second-step",
    "POST /me/totp",
    "DELETE /payment-methods/{id}",
];

/// An access token outlives its account by some seconds. Its holder writes nothing in them.
#[tokio::test]
async fn whoever_was_just_suspended_or_removed_changes_nothing() {
    let needs_token =
        |expected: &[u16; 6]| expected[0] == 401 && expected[1..].iter().any(|status| *status != 401);
    let changing = TABLE.iter().filter(|(name, expected)| !name.starts_with("GET ") && needs_token(expected));
    let (mut unchanging, mut wrong) = (Vec::new(), Vec::new());
    for (name, expected) in changing {
        let (method, path) = name.split_once(' ').unwrap();
        // Of its own, so that little is stored that is compared.
        let client = Client::start().await;
        let mut ever_changes = false;
        for (role, column) in [(Role::Parent, 1), (Role::Sitter, 2), (Role::Admin, 4)] {
            // Refused by the role, which the token names.
            if expected[column] == 403 {
                continue;
            }
            // Whether it changes something for somebody whose account is there.
            let changes = attempt(&client, method, path, role, "active").await.1;
            ever_changes |= changes;
            for end in ["suspended", "removed"] {
                let (status, wrote) = attempt(&client, method, path, role, end).await;
                // With the account went what there was to change, so that nothing may be left to refuse.
                let refused = matches!(status, 401 | 403) || end == "removed";
                if wrote || (changes && !refused) {
                    wrong.push(format!("{name} for a {} who was {end}: {status}, {wrote}", role.as_ref()));
                }
            }
        }
        if !ever_changes {
            unchanging.push(*name);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(unchanging, UNCHANGING);
}

/// What an operation answers to somebody of that role whose account has just come to that end, and whether it
/// changes anything.
async fn attempt(client: &Client, method: &str, path: &str, role: Role, end: &str) -> (u16, bool) {
    client.turn_clock(3600);
    let owner = owner(client).await;
    let (user, session) = match role {
        Role::Parent => (owner.user, owner.session.clone()),
        Role::Sitter => (owner.sitter, owner.sitter_session.clone()),
        Role::Admin => {
            let (admin, session) = sign_in(client, Role::Admin, "admin").await;
            (admin.id, session)
        }
    };
    let favourites = Favourites::default().with(owner.user, client.now()).unwrap();
    client.tables.save_favourites(user, favourites, 0).await.unwrap();
    let token = client.token(&session).await;
    // So it has just been asked which tokens have ended.
    assert_eq!(client.get("/me", &token).await.status, 200);
    let user = client.tables.user(user).await.unwrap().unwrap();
    match end {
        "suspended" => client.set_standing(&user, true).await,
        "removed" => client.tables.remove_unverified(&user, client.now()).await.unwrap(),
        _ => {}
    }
    let before = client.state().await;
    let (url, body) = match example(method, path, &owner) {
        (url, _) if url.ends_with("/status") => (url, json!({ "status": "suspended", "reason": "none" })),
        // What is so already would not be written.
        (url, _) if url == "/me/availability" => {
            let friday = json!([{ "start": "18:00", "end": "23:30" }]);
            (url, json!({ "time_zone": "Europe/London", "weekly": { "friday": friday } }))
        }
        (url, _) if url == "/me/sitter-profile" => (url, json!({ "visible": false, "headline": "Patient" })),
        other => other,
    };
    let answer = client.call(method, &url, Some(&token), body).await;
    (answer.status.as_u16(), client.state().await != before)
}

#[tokio::test]
async fn a_refusal_gives_the_key_of_a_request_back() {
    let client = Client::start().await;
    for (path, caller) in [("/booking-series", "parent"), ("/admin/payments/{id}/refund", "admin")] {
        let (owner, token) = (owner(&client).await, token(&client, caller).await);
        let (url, mut body) = example("POST", path, &owner);
        let key = [("Idempotency-Key", "k1")];
        let refused = client.call_with("POST", &url, token.as_deref(), body.clone(), &key).await;
        assert!(refused.status.is_client_error(), "{path}: {}", refused.body);
        // Another body under a key that is still taken would be a 422.
        body["note"] = json!("Another one");
        let again = client.call_with("POST", &url, token.as_deref(), body, &key).await;
        assert!(again.status.is_client_error() && again.status != 422, "{path}: {}", again.body);
    }
}
