//! What each function is asked, and what it must answer. A new function gets a line in
//! [`of`].

use serde_json::{Value, json};

use crate::{
    runtime_api::Expectation,
    world::{PASSWORD, PHONE, PLAIN_EMAIL, SignedIn, World, searched},
};

/// The template gives the secret to these alone; any other would open a connection that it does not
/// have in truth.
pub const SIGNERS: [&str; 4] = ["auth-login", "auth-otp-verify", "auth-refresh", "token-keys-rotate"];

/// One row of the table.
pub struct Scenario {
    /// Set apart from the binary's name where a binary has more than one.
    pub note: &'static str,
    pub event: String,
    pub expected: Expectation,
    /// Slow by intent, so that fewer calls do.
    pub slow: bool,
}

/// The scenarios of a binary; none if the name is not known.
pub fn of(binary: &str, world: &World) -> Vec<Scenario> {
    let (plain, pictured) = (Some(&world.plain), Some(&world.pictured));
    let upload = format!("/uploads/{}", world.ready);
    let one_child = format!("/me/children/{}", world.child);
    let listed = Some(&world.listed);
    let one_sitter = format!("/sitters/{}", world.listed.user_id);
    let favourite = format!("/me/favourites/{}", world.listed.user_id);
    let [starts_at, ends_at] = &world.tomorrow;
    match binary {
        "baseline-nothing" | "baseline-get-item" | "baseline-get-item-one-thread" => vec![get("/me", plain)],
        "auth-login" => {
            let body = json!({ "email": PLAIN_EMAIL, "password": PASSWORD });
            vec![http("POST", "/auth/login", None, Some(&body)).slow()]
        }
        "auth-refresh" => {
            let body = json!({ "refresh_token": world.plain.refresh_token });
            vec![http("POST", "/auth/refresh", None, Some(&body))]
        }
        "auth-register" => {
            let body = json!({ "role": "parent", "email": "new@example.org", "password": "tidal-anchor-quilt-58", "name": "New" });
            vec![http("POST", "/auth/register", None, Some(&body)).slow()]
        }
        "auth-otp-send" => vec![http("POST", "/auth/otp/send", plain, Some(&json!({ "phone": PHONE })))],
        "auth-otp-verify" => {
            vec![http("POST", "/auth/otp/verify", plain, Some(&json!({ "code": world.code }))).slow()]
        }
        "auth-logout" => vec![http("POST", "/auth/logout", plain, None)],
        "auth-logout-all" => vec![http("POST", "/auth/logout-all", plain, None)],
        "auth-sessions-list" => vec![get("/auth/sessions", plain)],
        "auth-sessions-end" => {
            let path = format!("/auth/sessions/{}", world.plain.session_id);
            vec![http("DELETE", &path, plain, None)]
        }
        "auth-verify-email" => {
            vec![http("POST", "/auth/verify-email", None, Some(&json!({ "token": world.verify_token })))]
        }
        "auth-verify-email-resend" => {
            vec![http("POST", "/auth/verify-email/resend", None, Some(&json!({ "email": PLAIN_EMAIL })))]
        }
        "auth-password-forgot" => {
            vec![http("POST", "/auth/password/forgot", None, Some(&json!({ "email": PLAIN_EMAIL })))]
        }
        "auth-password-reset" => {
            let body = json!({ "token": world.reset_token, "password": "tidal-anchor-quilt-58" });
            vec![http("POST", "/auth/password/reset", None, Some(&body)).slow()]
        }
        "auth-jwks" => vec![get("/.well-known/jwks.json", None)],
        "me-password" => {
            let body = json!({ "current_password": PASSWORD, "new_password": "tidal-anchor-quilt-58" });
            vec![http("POST", "/me/password", plain, Some(&body)).slow()]
        }
        "me-email" => {
            let body = json!({ "email": "new@example.org", "password": PASSWORD });
            vec![http("POST", "/me/email", plain, Some(&body)).slow()]
        }
        "me-second-step-get" => vec![get("/me/second-step", plain)],
        "me-second-step-put" => {
            let body = json!({ "method": "none", "password": PASSWORD });
            vec![http("PUT", "/me/second-step", plain, Some(&body)).slow()]
        }
        "me-totp" => vec![http("POST", "/me/totp", plain, None)],
        "admin-audit" => {
            let query = json!({ "subject": [world.plain.user_id] });
            vec![get("/admin/audit", Some(&world.admin)).query(&query)]
        }
        "admin-user-status" => {
            let path = format!("/admin/users/{}/status", world.plain.user_id);
            let body = json!({ "status": "suspended", "reason": "Two reports" });
            vec![http("POST", &path, Some(&world.admin), Some(&body))]
        }
        "admin-credential-decision" => {
            let path = format!("/admin/credentials/{}/decision", world.check);
            let body = json!({ "decision": "verify", "reason": "As issued" });
            vec![http("POST", &path, Some(&world.admin), Some(&body))]
        }
        "admin-sitter-decision" => {
            let path = format!("/admin/sitters/{}/decision", world.listed.user_id);
            let body = json!({ "decision": "suspend", "reason": "Two reports" });
            vec![http("POST", &path, Some(&world.admin), Some(&body))]
        }
        "admin-search-analytics" => {
            let query = json!({ "date": [world.today.to_string()] });
            vec![get("/admin/search-analytics", Some(&world.admin)).query(&query).listing()]
        }
        "admin-create" => {
            vec![Scenario::new(&json!({ "email": "new@example.org", "name": "New" }), |answer| {
                answer["user_id"].is_string()
            })]
        }
        "family-profile-get" => vec![get("/me/parent-profile", plain)],
        "family-profile-put" => vec![http("PUT", "/me/parent-profile", plain, Some(&home()))],
        "family-children-list" => vec![get("/me/children", plain)],
        "family-children-create" => vec![http("POST", "/me/children", plain, Some(&child()))],
        "family-children-get" => vec![get(&one_child, plain)],
        "family-children-update" => vec![http("PUT", &one_child, plain, Some(&child()))],
        "family-children-delete" => vec![http("DELETE", &one_child, plain, None)],
        "vetting-credentials-list" => vec![get("/me/credentials", Some(&world.checked))],
        "vetting-credentials-create" => {
            let mut body = certificate();
            body["kind"] = json!("first_aid");
            vec![http("POST", "/me/credentials", Some(&world.sitter), Some(&body))]
        }
        "vetting-background-check-get" => vec![get("/me/background-check", Some(&world.checked))],
        "vetting-background-check-create" => {
            vec![http("POST", "/me/background-check", Some(&world.sitter), Some(&certificate()))]
        }
        "sms-send" => {
            let message = json!({ "event_id": json!(world.event)["id"], "user_id": world.plain.user_id, "challenge": null });
            vec![queue(&message).slow()]
        }
        "me-get" => vec![get("/me", plain), get("/me", pictured).note("with a picture")],
        "me-update" => vec![http("PATCH", "/me", plain, Some(&json!({ "name": "Ada King" })))],
        "me-sitter-profile-get" => vec![get("/me/sitter-profile", listed)],
        "me-sitter-profile-put" => vec![http("PUT", "/me/sitter-profile", listed, Some(&sitter_profile()))],
        "me-availability-get" => vec![get("/me/availability", listed)],
        "me-availability-put" => vec![http("PUT", "/me/availability", listed, Some(&availability()))],
        "me-favourites-list" => vec![get("/me/favourites", plain).listing()],
        // Whose favourite they are not yet, so that there is something to write.
        "me-favourites-put" => vec![http("PUT", &favourite, pictured, None)],
        "me-favourites-delete" => vec![http("DELETE", &favourite, plain, None)],
        "sitters-browse" => vec![get("/sitters", None).listing()],
        "sitters-search" => {
            let query = json!({
                "q": ["patient"], "latitude": ["53.7416"], "longitude": ["-2.0133"],
                "starts_at": [starts_at], "ends_at": [ends_at], "age_groups": ["toddler"],
            });
            vec![get("/sitters/search", None).query(&query).listing()]
        }
        "sitters-suggest" => {
            let query = json!({ "q": ["bet"], "latitude": ["53.7416"], "longitude": ["-2.0133"] });
            vec![get("/sitters/suggest", None).query(&query).listing()]
        }
        "sitters-recommended" => vec![get("/sitters/recommended", plain).listing()],
        "sitters-get" => vec![get(&one_sitter, None)],
        "sitters-availability" => {
            let query = json!({ "starts_at": [starts_at], "ends_at": [ends_at] });
            vec![get(&format!("{one_sitter}/availability"), None).query(&query).listing()]
        }
        "sitters-reviews" => vec![get(&format!("{one_sitter}/reviews"), None).listing()],
        "uploads-create" => {
            let body = json!({ "purpose": "avatar", "content_type": "image/jpeg", "size_bytes": 4_000_000 });
            vec![http("POST", "/uploads", plain, Some(&body))]
        }
        "uploads-get" => vec![get(&upload, pictured)],
        "media-process" => vec![queue(&arrived(&format!("incoming/{}", world.awaiting))).slow()],
        "system-health" => vec![get("/health", None)],
        "system-ready" => vec![get("/health/ready", None)],
        "system-openapi" => vec![get("/openapi.json", None)],
        "system-docs" => vec![get("/docs", None)],
        "outbox-relay" => vec![stream(&world.outbox_image)],
        "email-send" => {
            let fact = json!(world.event);
            let message =
                json!({ "event_id": fact["id"], "user_id": fact["user_id"], "template": "welcome" });
            vec![queue(&message)]
        }
        "search-index" => vec![queue(&json!({ "user_id": world.listed.user_id }))],
        "search-reindex" => {
            vec![Scenario::new(&json!({ "shard": world.shard }), |answer| answer["sitters"] == 1)]
        }
        "analytics-count" => {
            let message = json!({ "id": world.event.id, "hour": format!("{}T12", world.today), "searched": searched() });
            vec![queue(&message)]
        }
        "similar-sitters" => {
            vec![Scenario { expected: |answer| answer["done"]["pairings"] == 1, ..schedule() }]
        }
        "credential-expiry" | "retention-cleanup" | "token-keys-rotate" => vec![schedule()],
        _ => Vec::new(),
    }
}

impl Scenario {
    fn new(event: &Value, expected: Expectation) -> Self {
        Self { note: "", event: event.to_string(), expected, slow: false }
    }

    fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// With parameters behind the `?`.
    fn query(self, query: &Value) -> Self {
        let mut event: Value = serde_json::from_str(&self.event).unwrap_or_default();
        event["multiValueQueryStringParameters"] = query.clone();
        event["queryStringParameters"] = query
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, values)| (name.clone(), values[0].clone()))
            .collect();
        Self { event: event.to_string(), ..self }
    }

    /// Whose answer lists something: to find nothing would be less work than is meant.
    fn listing(self) -> Self {
        let expected: Expectation = |answer| {
            let body = answer["body"].as_str().unwrap_or_default();
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            let list = body["items"].as_array().or_else(|| body["hours"].as_array());
            succeeded(answer) && list.is_some_and(|list| !list.is_empty())
        };
        Self { expected, ..self }
    }

    fn slow(self) -> Self {
        Self { slow: true, ..self }
    }
}

fn home() -> Value {
    json!({
        "address": { "lines": "1 Mill Lane", "town": "Hebden Bridge", "postcode": "HX7 8AD", "country": "GB" },
        "location": { "latitude": 53.7416, "longitude": -2.0133 },
        "languages": ["en", "pl"],
        "skills": ["first_aid", "twins"],
        "max_rate": { "amount_minor": 1850, "currency": "GBP" },
    })
}

/// Complete, as that of somebody who is shown must be.
fn sitter_profile() -> Value {
    json!({
        "headline": "Patient and playful", "bio": "I have looked after children for eleven years.",
        "languages": ["en", "pl"], "age_groups": ["infant", "toddler"], "skills": ["first_aid", "cooking"],
        "hourly_rate": { "amount_minor": 1550, "currency": "GBP" },
        "home": { "latitude": 53.7416, "longitude": -2.0133, "town": "Hebden Bridge" },
        "visible": true,
    })
}

fn availability() -> Value {
    let evening = json!([{ "start": "18:00", "end": "23:30" }]);
    json!({
        "time_zone": "Europe/London",
        "weekly": { "monday": evening, "friday": evening, "saturday": evening },
        "exceptions": [{ "date": "2099-12-24" }],
    })
}

/// Young for as long as the benchmark is of use.
fn child() -> Value {
    json!({ "name": "Byron", "birth_month": "2026-03", "allergies": "Peanuts", "needs": "Sleeps with a lamp" })
}

/// Good for as long as a check issued on that day can be.
fn certificate() -> Value {
    json!({
        "title": "Enhanced DBS check", "issuer": "Disclosure and Barring Service",
        "reference": "001234567890", "issued_on": "2026-02-01", "expires_on": "2029-02-01",
    })
}

fn get(path: &str, caller: Option<&SignedIn>) -> Scenario {
    http("GET", path, caller, None)
}

/// As a REST API sends it.
fn http(method: &str, path: &str, caller: Option<&SignedIn>, body: Option<&Value>) -> Scenario {
    let mut headers = json!({
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate, br",
        "Host": "api.nannyradar.example",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "X-Amzn-Trace-Id": "Root=1-00000000-000000000000000000000000",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    });
    if let Some(caller) = caller {
        headers["Authorization"] = json!(format!("Bearer {}", caller.access_token));
    }
    if body.is_some() {
        headers["Content-Type"] = json!("application/json");
    }
    let lists: serde_json::Map<String, Value> = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    let event = json!({
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": lists,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": path,
            "httpMethod": method,
            "extendedRequestId": "AbCdEfGhIjKlMnO=",
            "requestTime": "01/Mar/2026:12:00:00 +0000",
            "requestTimeEpoch": 1_772_366_400_000_u64,
            "path": format!("/v1{path}"),
            "accountId": "000000000000",
            "protocol": "HTTP/1.1",
            "stage": "v1",
            "domainName": "api.nannyradar.example",
            "domainPrefix": "api",
            "requestId": "11111111-2222-4333-8444-555555555555",
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "Mozilla/5.0" },
            "apiId": "abcdef1234",
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    });
    Scenario::new(&event, succeeded)
}

fn succeeded(answer: &Value) -> bool {
    matches!(answer["statusCode"].as_u64(), Some(200..=299))
}

fn no_failures(answer: &Value) -> bool {
    answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty)
}

fn queue(message: &Value) -> Scenario {
    let event = json!({ "Records": [{
        "messageId": "11111111-2222-4333-8444-555555555555",
        "receiptHandle": "handle",
        "body": message.to_string(),
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:email",
        "awsRegion": "eu-west-1",
    }] });
    Scenario::new(&event, no_failures)
}

fn stream(image: &Value) -> Scenario {
    let event = json!({ "Records": [{
        "eventID": "1",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_366_400,
            "Keys": { "pk": image["pk"], "sk": image["sk"] },
            "NewImage": image,
            "SequenceNumber": "100000000000000000001",
            "SizeBytes": 300,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/main/stream/1",
    }] });
    Scenario::new(&event, no_failures)
}

fn arrived(key: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-03-01T12:00:00.000Z",
        "eventName": "ObjectCreated:Post",
        "userIdentity": { "principalId": "A" },
        "requestParameters": { "sourceIPAddress": "192.0.2.1" },
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "c",
            "bucket": { "name": "uploads", "ownerIdentity": { "principalId": "A" }, "arn": "arn:aws:s3:::uploads" },
            "object": { "key": key, "size": 4_000_000, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": "1", "sequencer": "0" },
        },
    }] })
}

fn schedule() -> Scenario {
    let event =
        json!({ "version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {} });
    Scenario::new(&event, Value::is_object)
}
