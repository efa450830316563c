//! Sitters: from an empty profile to one that parents find, and what they find.

use domain::{
    availability::Holiday,
    care::Skill,
    display_name::DisplayName,
    geo::{Point, Radius},
    id::{self, UserId, UserTag},
    money::{Currency, HourlyRate},
    rating::Rating,
    review::{Review, ReviewText, Stars},
    search::Index,
    sitter::{Bio, Headline, Record, Sitter},
    user::User,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use testing::{every_day, listed_sitter};

use crate::{
    client::{Client, PASSWORD, pair},
    family::with,
};

const SEARCH: &str = "/sitters/search?latitude=53.7416&longitude=-2.0133";

impl Client {
    /// As the worker does for a message.
    pub(crate) async fn index(&self, id: UserId) {
        let index = storage::search::SearchIndex::new(self.tables.clone());
        index.refresh(id, async || self.tables.sitter_view(id, self.now()).await).await.unwrap();
        // For so long what a warm function knows is believed.
        self.turn_clock(1);
    }

    /// Somebody whose profile waits for an admin; the access token.
    async fn in_review(&self, email: &str) -> String {
        let token = self.sitter(email).await;
        let put = async |path: &str, body: Value| self.call("PUT", path, Some(&token), body).await;
        assert_eq!(put("/me/availability", hours()).await.status, 200);
        let user = self.user(email).await;
        let (avatar, version) = (listed_sitter(self.now()).user.avatar, user.version);
        let proved = User { avatar, ..user.clone().prove_email(&user.email, self.now()).unwrap() };
        self.tables.save_user(proved, version, self.now()).await.unwrap();
        assert_eq!(put("/me/sitter-profile", shown()).await.body["state"], "in_review");
        token
    }

    /// Somebody whom parents find, with changes.
    pub(crate) async fn listed(&self, change: impl FnOnce(&mut Sitter)) -> Sitter {
        let mut sitter = listed_sitter(self.now());
        change(&mut sitter);
        let view = domain::search::View::of(&sitter, &[], self.now());
        let index = storage::search::SearchIndex::new(self.tables.clone());
        index.refresh(sitter.user.id, async || Ok(view.clone())).await.unwrap();
        self.turn_clock(1);
        sitter
    }

    async fn search(&self, rest: &str) -> Value {
        let answer = self.call("GET", &format!("{SEARCH}{rest}"), None, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn found(&self, rest: &str) -> Vec<String> {
        let body = self.search(rest).await;
        body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn profile() -> Value {
    json!({
        "headline": "Patient and playful", "bio": "Ten years.\n\nTwins welcome.", "languages": ["en", "fr"],
        "age_groups": ["toddler"], "skills": ["first_aid"],
        "hourly_rate": { "amount_minor": 1450, "currency": "GBP" },
        "home": { "latitude": 53.7416, "longitude": -2.0133, "town": "Hebden Bridge" },
        "travel_radius_metres": 12_000, "visible": false,
    })
}

/// The same, of somebody who wants to be shown.
fn shown() -> Value {
    with(profile(), "/visible", json!(true))
}

fn hours() -> Value {
    let day = json!([{ "start": "18:00", "end": "23:30" }]);
    json!({ "time_zone": "Europe/London", "weekly": { "friday": day, "saturday": day } })
}

#[tokio::test]
async fn a_profile_grows_until_parents_find_it() {
    let client = Client::start().await;
    let token = client.unverified_sitter("beth@example.org").await;
    let put = async |path: &str, body: Value| client.call("PUT", path, Some(&token), body).await;
    let empty = client.get("/me/sitter-profile", &token).await;
    assert_eq!((empty.status.as_u16(), &empty.body["state"]), (200, &json!("draft")));
    assert_eq!(empty.body["completeness"]["percent"], 0);
    assert_eq!(empty.headers["etag"], "\"0\"");

    let saved = put("/me/sitter-profile", profile()).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    insta::assert_json_snapshot!(saved.body);
    let mut wish = shown();
    let early = put("/me/sitter-profile", wish.clone()).await;
    assert_eq!(early.problem(), (409, "profile_incomplete", vec!["/availability", "/picture"]));
    assert_eq!(put("/me/availability", hours()).await.status, 200);
    let user = client.user("beth@example.org").await;
    let avatar = listed_sitter(client.now()).user.avatar;
    let user = User { avatar, version: user.version + 1, ..user };
    client.tables.save_user(user.clone(), user.version - 1, client.now()).await.unwrap();
    assert_eq!(put("/me/sitter-profile", wish.clone()).await.problem().1, "email_unverified");
    let proved = user.clone().prove_email(&user.email, client.now()).unwrap();
    client.tables.save_user(proved.clone(), user.version, client.now()).await.unwrap();
    let submitted = put("/me/sitter-profile", wish.clone()).await;
    assert_eq!(submitted.body["state"], "in_review", "{}", submitted.body);

    // An admin decides, and only with a background check.
    let admin = client.admin("root@example.org").await;
    let path = format!("/admin/sitters/{}/decision", user.id);
    let decide = async |decision: &str| {
        let body = json!({ "decision": decision, "reason": "Looked at it" });
        client.call("POST", &path, Some(&admin), body).await
    };
    assert_eq!(decide("approve").await.problem().1, "not_checked");
    let until = domain::sitter::today(client.now() + SignedDuration::from_hours(24 * 300));
    client
        .tables
        .put_record(&Record { checked_until: Some(until), version: 1, ..Record::new(user.id) })
        .await
        .unwrap();
    assert_eq!(client.found("").await, [""; 0]);
    let approved = decide("approve").await;
    assert_eq!((approved.status.as_u16(), &approved.body["state"]), (200, &json!("listed")));
    assert_eq!(decide("approve").await.problem().1, "wrong_state");
    client.index(user.id).await;
    assert_eq!(client.found("").await, [user.id.to_string()]);

    // What is changed shows; who pauses, and who is suspended, does not.
    wish["hourly_rate"]["amount_minor"] = json!(2000);
    assert_eq!(put("/me/sitter-profile", wish.clone()).await.body["state"], "listed");
    client.index(user.id).await;
    assert_eq!(client.search("").await["items"][0]["hourly_rate"]["amount_minor"], 2000);
    let mut incomplete = wish.clone();
    incomplete["bio"] = Value::Null;
    assert_eq!(put("/me/sitter-profile", incomplete).await.problem().1, "profile_incomplete");
    let empty_week = json!({ "time_zone": "Europe/London", "weekly": {} });
    assert_eq!(put("/me/availability", empty_week).await.problem().1, "profile_incomplete");
    wish["visible"] = json!(false);
    assert_eq!(put("/me/sitter-profile", wish.clone()).await.body["state"], "paused");
    client.index(user.id).await;
    assert_eq!(client.found("").await, [""; 0]);
    wish["visible"] = json!(true);
    assert_eq!(put("/me/sitter-profile", wish.clone()).await.body["state"], "listed");
    assert_eq!(decide("suspend").await.body["state"], "suspended");
    client.index(user.id).await;
    assert_eq!(client.found("").await, [""; 0]);
    assert_eq!(put("/me/sitter-profile", wish.clone()).await.body["state"], "suspended");
    assert_eq!(decide("reinstate").await.body["state"], "paused");
    assert_eq!(put("/me/sitter-profile", wish).await.body["state"], "listed");

    let trail = client.actions(&user).await;
    let decisions: Vec<_> = trail.iter().filter(|action| action.starts_with("sitter_")).collect();
    assert_eq!(decisions, ["sitter_approved", "sitter_suspended", "sitter_reinstated"]);
    let events = client.events().await;
    assert_eq!(events.iter().filter(|event| *event == "sitter_decided").count(), 3);
    assert!(events.iter().filter(|event| *event == "sitter_changed").count() >= 10);
}

#[tokio::test]
async fn a_profile_in_review_goes_back_to_its_sitter() {
    let client = Client::start().await;
    let token = client.in_review("beth@example.org").await;
    let put = async |body: Value| client.call("PUT", "/me/sitter-profile", Some(&token), body).await;
    let user = client.user("beth@example.org").await;
    let admin = client.admin("root@example.org").await;
    let path = format!("/admin/sitters/{}/decision", user.id);
    let reject = async || {
        let body = json!({ "decision": "reject", "reason": "The picture shows a dog" });
        client.call("POST", &path, Some(&admin), body).await
    };
    let rejected = reject().await;
    assert_eq!((rejected.status.as_u16(), &rejected.body["state"]), (200, &json!("draft")));
    assert_eq!(client.get("/me/sitter-profile", &token).await.body["state"], "draft");
    assert_eq!(reject().await.problem(), (409, "wrong_state", vec![]));

    // It may be handed in again, and taken back.
    assert_eq!(put(shown()).await.body["state"], "in_review");
    assert_eq!(put(profile()).await.body["state"], "draft");
    assert_eq!(reject().await.problem(), (409, "wrong_state", vec![]));

    let trail = client.actions(&user).await;
    assert_eq!(
        trail.iter().filter(|action| action.starts_with("sitter_")).collect::<Vec<_>>(),
        ["sitter_rejected"]
    );
    assert_eq!(client.events().await.iter().filter(|event| *event == "sitter_decided").count(), 1);
}

#[tokio::test]
async fn who_was_paused_comes_back_with_a_valid_check_only() {
    let client = Client::start().await;
    let token = client.in_review("beth@example.org").await;
    let user = client.user("beth@example.org").await;
    let record = |version, days| {
        let until = domain::sitter::today(client.now()).checked_add(jiff::Span::new().days(days)).unwrap();
        Record { checked_until: Some(until), version, ..Record::new(user.id) }
    };
    client.tables.put_record(&record(1, 1)).await.unwrap();
    let admin = client.admin("root@example.org").await;
    let path = format!("/admin/sitters/{}/decision", user.id);
    let body = json!({ "decision": "approve", "reason": "Looked at it" });
    assert_eq!(client.call("POST", &path, Some(&admin), body).await.body["state"], "listed");
    let put =
        async |token: &str, body: Value| client.call("PUT", "/me/sitter-profile", Some(token), body).await;
    assert_eq!(put(&token, profile()).await.body["state"], "paused");
    assert_eq!(put(&token, shown()).await.body["state"], "listed");
    assert_eq!(put(&token, profile()).await.body["state"], "paused");

    client.turn_clock(2 * 24 * 60 * 60);
    let (token, _) = pair(&client.login("beth@example.org", PASSWORD).await);
    assert_eq!(put(&token, shown()).await.problem(), (409, "not_checked", vec![]));
    assert_eq!(client.get("/me/sitter-profile", &token).await.body["state"], "paused");
    client.tables.put_record(&record(2, 300)).await.unwrap();
    assert_eq!(put(&token, shown()).await.body["state"], "listed");
}

#[tokio::test]
async fn a_change_honours_the_version() {
    let client = Client::start().await;
    let token = client.sitter("beth@example.org").await;
    for (path, body) in [("/me/sitter-profile", profile()), ("/me/availability", hours())] {
        let put = async |version: &str| {
            client.call_with("PUT", path, Some(&token), body.clone(), &[("if-match", version)]).await.status
        };
        assert_eq!(
            [put("\"1\"").await, put("\"0\"").await, put("\"0\"").await, put("*").await].map(|s| s.as_u16()),
            [412, 200, 412, 200]
        );
        let got = client.get(path, &token).await;
        assert_eq!(got.headers["etag"], "\"1\"", "what is said again changes nothing");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_profile_is_pointed_at() {
    let client = Client::start().await;
    let token = client.sitter("beth@example.org").await;
    let body = json!({
        "headline": "x".repeat(101), "bio": "\u{0}", "languages": ["en", "english"], "age_groups": ["baby"],
        "skills": ["first_aid", "juggling"], "hourly_rate": { "amount_minor": 1, "currency": "GBP" },
        "home": { "latitude": 91, "longitude": 181, "town": "" }, "travel_radius_metres": 0,
        "cancellation_policy": "lenient", "visible": true,
    });
    let answer = client.call("PUT", "/me/sitter-profile", Some(&token), body).await;
    let pointers = vec![
        "/headline",
        "/bio",
        "/languages/1",
        "/age_groups/0",
        "/skills/1",
        "/hourly_rate/amount_minor",
        "/home/latitude",
        "/home/longitude",
        "/home/town",
        "/cancellation_policy",
        "/travel_radius_metres",
    ];
    assert_eq!(answer.problem(), (400, "invalid_request", pointers));

    let body = json!({
        "time_zone": "Mars/Olympus",
        "weekly": { "monday": [{ "start": "25:00", "end": "8" }], "friday": [{ "start": "08:00", "end": "12:00" }, { "start": "11:00", "end": "13:00" }] },
        "exceptions": [{ "date": "2026-02-30" }, { "date": "2026-03-01" }, { "date": "2026-03-01" }],
        "holidays": [{ "first": "2026-03-02", "last": "2026-03-01" }],
    });
    let answer = client.call("PUT", "/me/availability", Some(&token), body).await;
    let pointers = vec![
        "/time_zone",
        "/weekly/monday/0/start",
        "/weekly/monday/0/end",
        "/weekly/friday",
        "/exceptions/0/date",
        "/exceptions/2/date",
        "/holidays/0/last",
    ];
    assert_eq!(answer.problem(), (400, "invalid_request", pointers));
}

/// Each is a 400 that points at what is wrong, and costs no read.
#[tokio::test]
async fn a_bad_question_costs_nothing() {
    let client = Client::start().await;
    let near = "latitude=53.74&longitude=-2.01";
    let long = "x".repeat(10_000);
    for _ in 0..2 {
        client.listed(|_| ()).await;
    }
    let body = client.search("&limit=1&sort=distance").await;
    let (_, place) = SEARCH.split_once('?').unwrap();
    let other = body["next_cursor"].as_str().unwrap();
    let cases = [
        ("latitude=91&longitude=0".to_owned(), "latitude"),
        ("latitude=NaN&longitude=0".into(), "latitude"),
        ("latitude=53".into(), "longitude"),
        (format!("{near}&radius_metres=0"), "radius_metres"),
        (format!("{near}&radius_metres=10000000"), "radius_metres"),
        (format!("{near}&radius_metres=-1"), "radius_metres"),
        (format!("{near}&starts_at=2026-12-02T18:00:00Z&ends_at=2026-12-01T18:00:00Z"), "ends_at"),
        (format!("{near}&starts_at=2026-12-02T18:00:00Z&ends_at=2036-12-01T18:00:00Z"), "ends_at"),
        (format!("{near}&starts_at=2026-12-02T18:00:00Z"), "ends_at"),
        (format!("{near}&starts_at=tomorrow&ends_at=2026-12-02T18:00:00Z"), "starts_at"),
        (format!("{near}&q={long}"), "q"),
        (format!("{near}&cursor=AAAA"), "cursor"),
        (format!("{near}&cursor={}", "A".repeat(60)), "cursor"),
        (format!("{place}&sort=price&cursor={other}"), "cursor"),
        (format!("{place}&sort=distance&q=patient&cursor={other}"), "cursor"),
        (format!("{near}&max_rate_minor=0"), "max_rate_minor"),
        (format!("{near}&currency=USD"), "currency"),
        (format!("{near}&languages=en,english"), "languages"),
        (format!("{near}&age_groups=baby"), "age_groups"),
        (format!("{near}&skills="), "skills"),
        (format!("{near}&min_rating=6"), "min_rating"),
        (format!("{near}&sort=name"), "sort"),
        (format!("{near}&limit=101"), "limit"),
        (format!("{near}&who=me"), "who"),
    ];
    client.dynamo.calls.take();
    for (query, pointer) in &cases {
        let answer = client.call("GET", &format!("/sitters/search?{query}"), None, Value::Null).await;
        assert_eq!(
            answer.problem(),
            (400, "invalid_request", vec![*pointer]),
            "{}",
            &query[..query.len().min(80)]
        );
    }
    let sitter = id::new::<UserTag>(client.now());
    for (path, pointer) in [
        ("/sitters?limit=0".to_owned(), "limit"),
        ("/sitters?cursor=x".into(), "cursor"),
        (format!("/sitters?cursor={other}"), "cursor"),
        ("/sitters/suggest".into(), "q"),
        ("/sitters/suggest?q=".into(), "q"),
        (format!("/sitters/suggest?q={long}"), "q"),
        ("/sitters/suggest?q=fr&latitude=1".into(), "longitude"),
        ("/sitters/suggest?q=fr&latitude=91&longitude=0".into(), "latitude"),
        (format!("/sitters/{sitter}?search_id=x"), "search_id"),
        (
            format!(
                "/sitters/{sitter}/availability?starts_at=2026-12-01T00:00:00Z&ends_at=2036-12-01T00:00:00Z"
            ),
            "ends_at",
        ),
        (
            format!(
                "/sitters/{sitter}/availability?starts_at=2026-12-02T00:00:00Z&ends_at=2026-12-01T00:00:00Z"
            ),
            "ends_at",
        ),
        (
            format!(
                "/sitters/{sitter}/availability?starts_at=-000002-12-20T00:00:00Z&ends_at=0001-01-10T00:00:00Z"
            ),
            "starts_at",
        ),
        (format!("/sitters/{sitter}/reviews?cursor=x"), "cursor"),
        (format!("/sitters/{sitter}/reviews?cursor={other}"), "cursor"),
    ] {
        let answer = client.call("GET", &path, None, Value::Null).await;
        let shown = &path[..path.len().min(80)];
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{shown}");
    }
    let missing = client.call("GET", &format!("/sitters/{sitter}/availability"), None, Value::Null).await;
    assert_eq!(missing.problem(), (400, "invalid_request", vec!["starts_at", "ends_at"]));
    assert_eq!(client.dynamo.calls.take(), [""; 0]);
}

#[tokio::test]
async fn pages_are_stable() {
    let client = Client::start().await;
    for metres in 0..7 {
        client.listed(|sitter| sitter.record.rating.stars = metres).await;
    }
    let first = client.search("&limit=3&sort=distance").await;
    assert_eq!((first["total"].as_u64(), first["items"].as_array().unwrap().len()), (Some(7), 3));
    let cursor = first["next_cursor"].as_str().unwrap();
    // Somebody new comes between the pages, and nobody is shown twice or left out.
    client.listed(|_| ()).await;
    let mut seen: Vec<String> = client.found("&limit=3&sort=distance").await;
    let rest = client.found(&format!("&limit=100&sort=distance&cursor={cursor}")).await;
    seen.truncate(3);
    assert_eq!(rest.len(), 5);
    seen.extend(rest);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 8);

    let newest = client.call("GET", "/sitters?limit=5", None, Value::Null).await.body;
    let cursor = newest["next_cursor"].as_str().unwrap();
    let rest = client.call("GET", &format!("/sitters?limit=5&cursor={cursor}"), None, Value::Null).await.body;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (3, &Value::Null));
}

#[tokio::test]
async fn words_that_say_nothing_are_left_out_and_named() {
    let client = Client::start().await;
    let sitter = client.listed(|_| ()).await.user.id.to_string();
    let answer = client.search("&q=the%20%F0%9F%8E%88%20and").await;
    assert_eq!(answer["ignored_words"], json!(["the", "🎈", "and"]));
    assert_eq!(answer["items"][0]["id"], sitter);
    assert_eq!(client.found("&q=pateint%20the").await, [sitter]);
    assert_eq!(client.found("&q=cantonese").await, [""; 0]);
}

#[tokio::test]
async fn somebody_called_will_is_found_by_name() {
    let client = Client::start().await;
    let called = async |name: &str| {
        let sitter = client.listed(|sitter| sitter.user.name = DisplayName::parse(name).unwrap()).await;
        sitter.user.id.to_string()
    };
    let (will, others) = (called("Will Do").await, called("Mary Poppins").await);
    for words in ["Will", "will%20do", "%E2%80%8BWill%C2%A0", "DO"] {
        let answer = client.search(&format!("&q={words}")).await;
        assert_eq!((&answer["total"], &answer["ignored_words"]), (&json!(1), &json!([])), "{words}");
        assert_eq!(answer["items"][0]["id"], will, "{words}");
    }
    assert_eq!(client.found("&q=poppins%20will").await, [others]);
    assert_eq!(client.search("&q=the").await["total"], 2, "nobody is called that");
    let place = SEARCH.split_once('?').unwrap().1;
    let typed = client.call("GET", &format!("/sitters/suggest?q=wil&{place}"), None, Value::Null).await;
    assert_eq!(typed.body["items"][0]["text"], "Will Do");
}

#[tokio::test]
async fn each_order_is_as_asked_for() {
    let client = Client::start().await;
    let rated = |count, stars| Rating { count, stars };
    // The better the word is met, the farther away; and by no other order do they come as by another.
    let sitters = [
        ("Anna Music", "Patient", Skill::Pets, "Ten years.", Currency::Gbp, 1500, rated(10, 45)),
        ("Anna Fell", "Music every day", Skill::Pets, "Ten years.", Currency::Eur, 100, rated(1, 5)),
        ("Anna Fell", "Patient", Skill::Music, "Ten years.", Currency::Gbp, 1200, rated(0, 0)),
        ("Anna Fell", "Musik every day", Skill::Pets, "Ten years.", Currency::Eur, 200, rated(50, 249)),
        ("Anna Fell", "Patient", Skill::Pets, "Ten years of music.", Currency::Gbp, 1900, rated(10, 30)),
        ("Anna Fell", "Patient", Skill::Pets, "Ten years of musik.", Currency::Gbp, 1300, rated(4, 20)),
    ];
    let mut ids = Vec::new();
    for (away, (name, headline, skill, bio, currency, rate, rating)) in (0..6).rev().zip(sitters) {
        let listed = client.listed(|sitter| {
            sitter.user.name = DisplayName::parse(name).unwrap();
            let profile = &mut sitter.profile;
            profile.headline = Some(Headline::parse(headline).unwrap());
            profile.skills = skill.into();
            profile.bio = Some(Bio::parse(bio).unwrap());
            profile.rate = Some(HourlyRate::parse(rate, currency).unwrap());
            profile.travels = Radius::parse(25_000).unwrap();
            let north = 53.7416 + 0.03 * f64::from(away);
            profile.home.as_mut().unwrap().point = Point::parse(north, -2.0133).unwrap();
            sitter.record.rating = rating;
        });
        ids.push(listed.await.user.id.to_string());
    }
    for (sort, expected) in [
        // Where the words are found: the name, the headline, the skills, the bio, and half of that for a typo.
        ("", [0, 1, 2, 3, 4, 5]),
        ("&sort=relevance", [0, 1, 2, 3, 4, 5]),
        ("&sort=distance", [5, 4, 3, 2, 1, 0]),
        // Many good reviews come before one, and none before bad ones.
        ("&sort=rating", [3, 5, 1, 0, 2, 4]),
        // Pounds and euros are not compared.
        ("&sort=price", [2, 5, 0, 4, 1, 3]),
    ] {
        let found = client.found(&format!("&radius_metres=25000&q=music{sort}")).await;
        let order: Vec<_> =
            found.iter().map(|id| ids.iter().position(|other| other == id).unwrap()).collect();
        assert_eq!(order, expected, "{sort}");
    }
}

#[tokio::test]
async fn words_are_found_wherever_they_stand() {
    let client = Client::start().await;
    // No two are so alike that one is a slip of the other.
    let letters = ["bb", "dd", "ff", "gg", "kk", "mm"];
    let words: Vec<_> = (0..200).map(|n| [n / 36, n / 6 % 6, n % 6].map(|n| letters[n]).concat()).collect();
    let sitter = client.listed(|sitter| sitter.profile.bio = Some(Bio::parse(&words.join(" ")).unwrap()));
    let id = sitter.await.user.id.to_string();
    for word in ["ackroyd", "playful", "cooking", &words[0]] {
        assert_eq!(client.found(&format!("&q={word}")).await, std::slice::from_ref(&id), "{word}");
    }
    // Of 150 words, the name, the headline and the skills have seven.
    assert_eq!(client.found(&format!("&q={}", words[142])).await, [id]);
    assert_eq!(client.found(&format!("&q={}", words[143])).await, [""; 0]);
}

#[tokio::test]
async fn every_filter_filters() {
    let client = Client::start().await;
    let sitter = client.listed(|sitter| {
        sitter.record.rating = Rating { count: 4, stars: 18 };
        sitter.availability.weekly = every_day("18:00", "02:00");
    });
    let id = sitter.await.user.id.to_string();
    for (yes, no) in [
        ("&max_rate_minor=1450", "&max_rate_minor=1449"),
        ("&max_rate_minor=2000", "&max_rate_minor=2000&currency=EUR"),
        ("&languages=en", "&languages=en,fr"),
        ("&age_groups=toddler,preschool", "&age_groups=toddler,teen"),
        ("&skills=first_aid", "&skills=first_aid,pets"),
        ("&min_rating=4.5", "&min_rating=4.51"),
        (
            "&starts_at=2027-02-01T19:00:00Z&ends_at=2027-02-02T01:00:00Z",
            "&starts_at=2027-02-01T19:00:00Z&ends_at=2027-02-02T02:30:00Z",
        ),
        ("&q=patient", "&q=spanish"),
    ] {
        assert_eq!(client.found(yes).await, std::slice::from_ref(&id), "{yes}");
        assert_eq!(client.found(no).await, [""; 0], "{no}");
    }
    // 8 km away: near enough for the parent, and for a sitter who goes ten, but not for one who goes two.
    let far = "/sitters/search?latitude=53.8136&longitude=-2.0133";
    let at = async |rest: &str| {
        client.call("GET", &format!("{far}{rest}"), None, Value::Null).await.body["total"].as_u64()
    };
    assert_eq!(at("").await, Some(1));
    assert_eq!(at("&radius_metres=9000").await, Some(1));
    assert_eq!(at("&radius_metres=7000").await, Some(0));
    client.listed(|sitter| sitter.profile.travels = Radius::parse(2000).unwrap()).await;
    assert_eq!(at("").await, Some(1));
}

/// A thief who may ask from anywhere, as often as he likes, learns the cell and no more: whatever he asks,
/// two homes of the same cell answer the same.
#[tokio::test]
async fn homes_of_a_cell_cannot_be_told_apart() {
    let client = Client::start().await;
    let place = |latitude, longitude| Point::parse(latitude, longitude).unwrap();
    let (here, there) = (place(53.7416, -2.0133), place(53.7436, -2.0100));
    assert_eq!(here.public(), there.public(), "both lie in the same cell");
    assert!(here.distance(there).0 > 250);
    for home in [here, there] {
        client.listed(|sitter| sitter.profile.home.as_mut().unwrap().point = home).await;
    }
    for step in 0..150 {
        let (angle, away) = (f64::from(step) * 0.7, f64::from(step % 15) * 0.01);
        let (latitude, longitude) = (53.7416 + away * angle.sin(), -2.0133 + away * angle.cos());
        let radius = 1000 + step * 40;
        let path = format!(
            "/sitters/search?latitude={latitude}&longitude={longitude}&radius_metres={radius}&sort=distance"
        );
        let answer = client.call("GET", &path, None, Value::Null).await.body;
        let items = answer["items"].as_array().unwrap();
        assert!(items.len() != 1, "one is found and the other is not");
        if let [one, other] = &items[..] {
            assert_eq!(one["distance_metres"], other["distance_metres"]);
            assert_eq!(one["distance_metres"].as_u64().unwrap() % 500, 0);
        }
    }
    let text = client.call("GET", SEARCH, None, Value::Null).await.body.to_string();
    assert!(!text.contains("53.74") && !text.contains("latitude"));
}

#[tokio::test]
async fn public_answers_can_be_cached() {
    let client = Client::start().await;
    let id = client.listed(|_| ()).await.user.id;
    for (path, max_age) in [
        ("/sitters".to_owned(), 300),
        (SEARCH.to_owned(), 60),
        ("/sitters/suggest?q=fir".to_owned(), 60),
        (format!("/sitters/{id}"), 60),
        (
            format!("/sitters/{id}/availability?starts_at=2027-02-01T00:00:00Z&ends_at=2027-02-08T00:00:00Z"),
            60,
        ),
        (format!("/sitters/{id}/reviews"), 300),
    ] {
        let first = client.call("GET", &path, None, Value::Null).await;
        assert_eq!(first.status, 200, "{path} {}", first.body);
        assert_eq!(first.headers["cache-control"], format!("public, max-age={max_age}").as_str());
        let etag = first.headers["etag"].to_str().unwrap();
        let again = client.call_with("GET", &path, None, Value::Null, &[("if-none-match", etag)]).await;
        assert_eq!((again.status.as_u16(), again.body), (304, Value::Null), "{path}");
        client.listed(|_| ()).await;
    }
}

/// What a cache keeps under a key must not be a refusal of something that the key does not tell.
#[tokio::test]
async fn what_is_cached_is_refused_for_its_known_parameters_only() {
    let client = Client::start().await;
    client.listed(|_| ()).await;
    for query in ["?utm_source=mail", "?limit=0&limit=20", "?limit=20&utm=%ff&&=", "?limit=20&limit=20"] {
        let answer = client.call("GET", &format!("/sitters{query}"), None, Value::Null).await;
        assert_eq!(answer.status, 200, "{query} {}", answer.body);
    }
    let answer = client.call("GET", "/sitters?limit=20&limit=0", None, Value::Null).await;
    assert_eq!(answer.problem(), (400, "invalid_request", vec!["limit"]));
}

#[tokio::test]
async fn a_sitter_is_shown_with_hours_and_reviews() {
    let client = Client::start().await;
    let sitter = client.listed(|_| ()).await;
    let id = sitter.user.id;
    let shown = client.call("GET", &format!("/sitters/{id}"), None, Value::Null).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    insta::assert_json_snapshot!(shown.body, {
        ".id" => "[id]", ".listed_at" => "[time]", ".**.url" => "[link]",
    });
    // Over the night in which the clocks are put forward, 18:00 stays 18:00.
    let range = "starts_at=2027-03-27T12:00:00Z&ends_at=2027-03-29T00:00:00Z";
    let hours = client.call("GET", &format!("/sitters/{id}/availability?{range}"), None, Value::Null).await;
    let expected = json!([
        { "starts_at": "2027-03-27T12:00:00Z", "ends_at": "2027-03-27T20:00:00Z" },
        { "starts_at": "2027-03-28T07:00:00Z", "ends_at": "2027-03-28T19:00:00Z" },
    ]);
    assert_eq!(hours.body, json!({ "time_zone": "Europe/London", "items": expected }));

    let mut record = Record::new(id);
    for number in 1..=5_u8 {
        let now = client.now();
        let review = Review {
            id: id::new(now),
            sitter: id,
            author: id::new(now),
            first_name: "Amelia".into(),
            stars: Stars::parse(number).unwrap(),
            text: Some(ReviewText::parse("Lovely.").unwrap()),
            published_at: now,
        };
        client.tables.publish_review(&review, &record).await.unwrap();
        assert!(matches!(
            client.tables.publish_review(&review, &record).await,
            Err(storage::Error::Conflict)
        ));
        record = client.tables.sitter_record(id).await.unwrap().unwrap();
    }
    assert_eq!((record.rating.count, record.rating.stars), (5, 15));
    let path = format!("/sitters/{id}/reviews?limit=3");
    let page = client.call("GET", &path, None, Value::Null).await.body;
    let stars = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["stars"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(stars(&page), [5, 4, 3]);
    assert!(!page.to_string().contains("author"));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = client.call("GET", &format!("{path}&cursor={cursor}"), None, Value::Null).await.body;
    assert_eq!((stars(&rest), &rest["next_cursor"]), (vec![2, 1], &Value::Null));
}

/// Of what is past, an index may have forgotten the holidays.
#[tokio::test]
async fn hours_that_are_over_are_not_told() {
    let client = Client::start().await;
    let day = |raw: &str| raw.parse().unwrap();
    let sitter = client.listed(|sitter| {
        let holiday = Holiday::parse(day("2027-01-04"), day("2027-01-08")).unwrap();
        sitter.availability.holidays.push(holiday);
    });
    let path = format!(
        "/sitters/{}/availability?starts_at=2027-01-01T00:00:00Z&ends_at=2027-01-17T00:00:00Z",
        sitter.await.user.id
    );
    let slots = |dates: &[&str]| {
        let slot = |date: &&str| json!({ "starts_at": format!("{date}T08:00:00Z"), "ends_at": format!("{date}T20:00:00Z") });
        dates.iter().map(slot).collect::<Value>()
    };
    // It is just past eight on the 15th.
    let morning = client.call("GET", &path, None, Value::Null).await;
    assert_eq!(morning.body["items"], slots(&["2027-01-15", "2027-01-16"]));
    // What is going on is told whole, so that the answer stays the same.
    client.turn_clock(6 * 60 * 60);
    let etag = morning.headers["etag"].to_str().unwrap();
    let noon = client.call_with("GET", &path, None, Value::Null, &[("if-none-match", etag)]).await;
    assert_eq!(noon.status, 304);
    client.turn_clock(6 * 60 * 60);
    let night = client.call("GET", &path, None, Value::Null).await;
    assert_eq!(night.body["items"], slots(&["2027-01-16"]));
}

#[tokio::test]
async fn suggestions_complete_what_is_typed() {
    let client = Client::start().await;
    for name in ["Freya Field", "Frederica Stone", "Anna Fell"] {
        client.listed(|sitter| sitter.user.name = DisplayName::parse(name).unwrap()).await;
    }
    let suggest = async |query: &str| {
        let body = client.call("GET", &format!("/sitters/suggest?{query}"), None, Value::Null).await.body;
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                format!(
                    "{} {} {}",
                    item["kind"].as_str().unwrap(),
                    item["text"].as_str().unwrap(),
                    item["sitters"]
                )
            })
            .collect::<Vec<_>>()
    };
    let near = "&latitude=53.7416&longitude=-2.0133";
    assert_eq!(suggest(&format!("q=fre{near}")).await, ["name Frederica Stone 1", "name Freya Field 1"]);
    assert_eq!(suggest(&format!("q=F%C3%AFrst%20a{near}")).await, ["skill first aid 3"]);
    assert_eq!(suggest(&format!("q=pat{near}")).await, ["word patient 3"]);
    assert_eq!(suggest("q=sw").await, ["skill swimming 0"]);
    assert_eq!(suggest(&format!("q=%F0%9F%8E%88{near}")).await, [""; 0]);
}

#[tokio::test]
async fn favourites_are_kept_and_few() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("amelia@example.org").await;
    let put =
        async |id: &str| client.call("PUT", &format!("/me/favourites/{id}"), Some(&token), Value::Null).await;
    let list = async || {
        let body = client.get("/me/favourites", &token).await.body;
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["sitter"]["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let none = client.get("/me/favourites", &token).await.body;
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));
    let mut ids = Vec::new();
    for _ in 0..51 {
        ids.push(client.listed(|_| ()).await.user.id.to_string());
    }
    for id in &ids[..50] {
        assert_eq!(put(id).await.status, 204);
    }
    assert_eq!(put(&ids[50]).await.problem().1, "too_many_favourites");
    assert_eq!(put(&ids[0]).await.status, 204);
    assert_eq!(put(&id::new::<UserTag>(client.now()).to_string()).await.status, 404);
    let latest_first: Vec<_> = ids[..50].iter().rev().cloned().collect();
    assert_eq!(list().await, latest_first);
    for _ in 0..2 {
        let path = format!("/me/favourites/{}", ids[49]);
        assert_eq!(client.call("DELETE", &path, Some(&token), Value::Null).await.status, 204);
    }
    assert_eq!(list().await.len(), 49);
}

/// Each write fans out into the index, so what changes nothing is not written.
#[tokio::test]
async fn what_is_said_again_is_not_written_again() {
    let client = Client::start().await;
    let token = client.in_review("mary@example.org").await;
    let announced = async || client.events().await.iter().filter(|event| *event == "sitter_changed").count();
    let put = async |path: &str, body: Value| client.call("PUT", path, Some(&token), body).await;
    for (path, body) in [("/me/availability", hours()), ("/me/sitter-profile", shown())] {
        let (before, events) = (client.get(path, &token).await, announced().await);
        for _ in 0..3 {
            let again = put(path, body.clone()).await;
            assert_eq!((again.status.as_u16(), &again.body), (200, &before.body), "{path}");
            assert_eq!(again.headers["etag"], before.headers["etag"], "{path}");
        }
        assert_eq!(announced().await, events, "{path}");
    }
    let events = announced().await;
    let other = put("/me/sitter-profile", with(shown(), "/headline", json!("Another headline"))).await;
    assert_eq!((other.status.as_u16(), announced().await), (200, events + 1));
}

#[tokio::test]
async fn who_changes_their_profile_all_the_time_waits() {
    let client = Client::start().await;
    let token = client.sitter("mary@example.org").await;
    let mut statuses = Vec::new();
    for n in 0..102 {
        let body = with(profile(), "/headline", json!(format!("Headline {n}")));
        statuses.push(client.call("PUT", "/me/sitter-profile", Some(&token), body).await.status.as_u16());
    }
    assert_eq!(statuses, [[200].repeat(100), [429].repeat(2)].concat());
}

/// Admins read all words of a day at once.
#[tokio::test]
async fn of_one_network_few_words_are_counted() {
    use api::{Limiter, RequestMeta, limits::SEARCH_WORDS};
    use axum::{extract::FromRequestParts, http::Request};
    let client = Client::start().await;
    let from = async |last: u8| {
        let source_ip = Some(std::net::Ipv4Addr::new(198, 51, 100, last).into());
        let meta = RequestMeta { request_id: "req-1".into(), source_ip, user_agent: None };
        let mut parts = Request::builder().extension(meta).body(()).unwrap().into_parts().0;
        let limiter = Limiter::from_request_parts(&mut parts, &client.app).await.unwrap();
        let mut counted = 0;
        for _ in 0..100 {
            counted += u32::from(limiter.has_room(&SEARCH_WORDS, "", 1).await);
        }
        counted
    };
    for last in 0..8 {
        assert_eq!(from(last).await, 60);
    }
    assert_eq!(from(8).await, 20, "all together have a bound as well");
}

#[tokio::test]
async fn searches_are_counted_without_anything_personal() {
    use domain::analytics::{Hour, Searched};
    let client = Client::start().await;
    let admin = client.admin("root@example.org").await;
    let now = client.now();
    let hour = Hour::of(now);
    for group in 0..4 {
        let searched = Searched { latency: 1, in_vain: group < 3, terms: vec!["cantonese".into()], group };
        let id = id::new(client.now());
        for _ in 0..2 {
            client.tables.count_search(id, hour, &searched, now).await.unwrap();
        }
    }
    // One person alone, however often.
    let name = Searched { latency: 3, in_vain: true, terms: vec!["smith".into()], group: 7 };
    for _ in 0..3 {
        client.tables.count_search(id::new(client.now()), hour, &name, now).await.unwrap();
    }
    client.tables.count_click(id::new(client.now()), hour, now).await.unwrap();
    let body = client.get("/admin/search-analytics", &admin).await.body;
    insta::assert_json_snapshot!(body);
    let other = client.get("/admin/search-analytics?date=2020-01-01", &admin).await.body;
    assert_eq!(other["hours"], json!([]));
    let wrong = client.get("/admin/search-analytics?date=yesterday", &admin).await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["date"]));
}
