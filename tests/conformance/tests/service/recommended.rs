//! Whom a parent is recommended, and why.

use domain::{
    care::{AgeGroup, Skill},
    display_name::DisplayName,
    geo::{Point, Radius},
    id::{self, UserId},
    language::Language,
    money::{Currency, HourlyRate},
    rating::Rating,
    sitter::Sitter,
};
use jiff::Timestamp;
use runtime::Invocation;
use serde_json::{Value, json};
use tasks::similar_sitters::Comparison;
use testing::acting_as;

use crate::{
    client::{Answer, Client},
    family::{byron, home, with},
};

const PATH: &str = "/sitters/recommended";

fn place(latitude: f64, longitude: f64) -> Point {
    Point::parse(latitude, longitude).unwrap()
}

fn lives(sitter: &mut Sitter, at: Point) {
    sitter.profile.home.as_mut().unwrap().point = at;
}

impl Client {
    /// A parent with a home and a child; the access token.
    async fn parent(&self, email: &str) -> String {
        let (token, _) = self.sign_in(email).await;
        self.moves(&token, home()).await;
        assert_eq!(self.call("POST", "/me/children", Some(&token), byron()).await.status, 201);
        token
    }

    async fn moves(&self, token: &str, profile: Value) {
        let answer = self.call("PUT", "/me/parent-profile", Some(token), profile).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn recommended(&self, token: &str) -> Answer {
        let answer = self.get(PATH, token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// Each with the reasons, in their order.
    async fn reasons(&self, token: &str) -> Vec<(String, Vec<String>)> {
        let answer = self.recommended(token).await;
        let items = answer.body["items"].as_array().unwrap();
        let reasons = |item: &Value| serde_json::from_value(item["reasons"].clone()).unwrap();
        items.iter().map(|item| (item["sitter"]["id"].as_str().unwrap().to_owned(), reasons(item))).collect()
    }

    async fn whom(&self, token: &str) -> Vec<String> {
        self.reasons(token).await.into_iter().map(|(id, _)| id).collect()
    }

    /// Bookings of a family, at a time that is past for a task too, which has no clock of the test's.
    async fn booked(&self, parent: UserId, sitters: &[&Sitter]) {
        for sitter in sitters {
            let (booking, at) = (domain::id::new(Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH);
            self.tables.note_pairing(booking, parent, sitter.user.id, at).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_has_told_of_no_home_is_told_to() {
    let client = Client::start().await;
    let (token, _) = client.sign_in("ada@example.org").await;
    for _ in 0..2 {
        assert_eq!(client.get(PATH, &token).await.problem(), (409, "no_parent_profile", vec![]));
        // Children alone do not tell where they are.
        client.call("POST", "/me/children", Some(&token), byron()).await;
    }
    for limit in ["0", "101", "many"] {
        let answer = client.get(&format!("{PATH}?limit={limit}"), &token).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["limit"]));
    }
}

#[tokio::test]
async fn the_best_come_first_with_reasons() {
    let client = Client::start().await;
    let token = client.parent("ada@example.org").await;
    let named = |sitter: &mut Sitter, name| sitter.user.name = DisplayName::parse(name).unwrap();
    client
        .listed(|sitter| {
            named(sitter, "Dear and Far");
            lives(sitter, place(53.7816, -2.0125));
            sitter.profile.rate = Some(HourlyRate::parse(3000, Currency::Gbp).unwrap());
            sitter.profile.ages = AgeGroup::School.into();
            sitter.profile.skills = Skill::Pets.into();
            sitter.record.rating = Rating { count: 10, stars: 38 };
            (sitter.record.requests, sitter.record.answered) = (20, 5);
        })
        .await;
    client.listed(|sitter| named(sitter, "New Hereabouts")).await;
    client
        .listed(|sitter| {
            named(sitter, "Everybody's Darling");
            lives(sitter, place(53.75, -2.0125));
            sitter.profile.languages.insert(Language::parse("pl").unwrap());
            sitter.profile.skills |= Skill::Twins;
            sitter.record.rating = Rating { count: 40, stars: 196 };
            (sitter.record.requests, sitter.record.answered) = (60, 59);
        })
        .await;
    // Beyond the family's radius, and the family beyond theirs.
    client.listed(|sitter| lives(sitter, place(53.80, -2.0125))).await;
    client
        .listed(|sitter| {
            lives(sitter, place(53.7716, -2.0125));
            sitter.profile.travels = Radius::parse(1000).unwrap();
        })
        .await;
    let answer = client.recommended(&token).await;
    insta::assert_json_snapshot!(answer.body, {
        ".items[].sitter.id" => "[id]", ".items[].sitter.listed_at" => "[time]", ".**.url" => "[link]",
    });
    let first = client.get(&format!("{PATH}?limit=1"), &token).await.body;
    assert_eq!(first["items"], json!([answer.body["items"][0]]));
}

#[tokio::test]
async fn whoever_is_blocked_never_comes() {
    let client = Client::start().await;
    let (ada, bob) = (client.parent("ada@example.org").await, client.parent("bob@example.org").await);
    let parent = client.user("ada@example.org").await.id;
    let (one, other) = (client.listed(|_| ()).await, client.listed(|_| ()).await);
    // Not even if they are known.
    client.booked(parent, &[&one, &other]).await;
    let both = client.whom(&bob).await;
    assert_eq!((client.whom(&ada).await.len(), both.len()), (2, 2));
    client.tables.block(parent, one.user.id).await.unwrap();
    assert_eq!(client.whom(&ada).await, [other.user.id.to_string()]);
    client.tables.block(other.user.id, parent).await.unwrap();
    assert_eq!(client.whom(&ada).await, [""; 0]);
    assert_eq!(client.whom(&bob).await, both, "it is between two");
    client.tables.unblock(parent, one.user.id).await.unwrap();
    assert_eq!(client.whom(&ada).await, [one.user.id.to_string()]);
}

#[tokio::test]
async fn who_has_come_and_whom_similar_families_booked_come_first() {
    let client = Client::start().await;
    let token = client.parent("ada@example.org").await;
    let parent = client.user("ada@example.org").await.id;
    // All alike, but for their age as accounts, which decides between equals.
    let [stranger, liked, known] =
        [client.listed(|_| ()).await, client.listed(|_| ()).await, client.listed(|_| ()).await];
    let ids = |sitters: [&Sitter; 3]| sitters.map(|sitter| sitter.user.id.to_string());
    assert_eq!(client.whom(&token).await, ids([&stranger, &liked, &known]));

    client.booked(parent, &[&known]).await;
    let reasons = client.reasons(&token).await;
    assert_eq!(reasons[0].0, known.user.id.to_string());
    assert_eq!(reasons[0].1[0], "booked_before");
    assert!(reasons[1..].iter().all(|(_, reasons)| !reasons.contains(&"booked_before".into())));

    let task = Comparison::new(client.tables.clone());
    let run = async || {
        let invocation = Invocation { request_id: "test".into(), deadline: Timestamp::MAX };
        assert!(acting_as("SimilarSitters", task.run(invocation)).await.unwrap().complete);
    };
    let like_ours = "families_like_yours".to_owned();
    for families in 1..=3 {
        let other = id::new(client.now());
        client.booked(other, &[&liked, &known]).await;
        client.booked(id::new(client.now()), &[&stranger]).await;
        run().await;
        // It counts, and is said, once it is not the taste of one or two.
        let counts = families == 3;
        let order = if counts { [&known, &liked, &stranger] } else { [&known, &stranger, &liked] };
        assert_eq!(client.whom(&token).await, ids(order));
        let reasons = client.reasons(&token).await;
        let told: Vec<bool> = reasons.iter().map(|(_, reasons)| reasons.contains(&like_ours)).collect();
        assert_eq!(told, [false, counts, false]);
    }
    // A family that books both is not one like itself.
    client.booked(parent, &[&liked]).await;
    run().await;
    assert!(client.reasons(&token).await.iter().all(|(_, reasons)| !reasons.contains(&like_ours)));
}

#[tokio::test]
async fn a_family_is_opened_with_one_call_of_kms() {
    let client = Client::start().await;
    let token = client.parent("ada@example.org").await;
    for born in ["2020-01", "2026-12"] {
        let child = with(byron(), "/birth_month", json!(born));
        assert_eq!(client.call("POST", "/me/children", Some(&token), child).await.status, 201);
    }
    client.listed(|_| ()).await;
    client.dynamo.calls.take();
    client.recommended(&token).await;
    let calls = client.dynamo.calls.take();
    assert_eq!(calls.iter().filter(|call| call.starts_with("TrentService")).count(), 1, "{calls:?}");
}

/// What is answered, and how it is ordered, tells of a home no more than its cell.
#[tokio::test]
async fn nothing_tells_where_the_home_is() {
    let client = Client::start().await;
    let token = client.parent("ada@example.org").await;
    for step in 0..8 {
        let (angle, away) = (f64::from(step) * 0.8, 0.003 * f64::from(step));
        client
            .listed(|sitter| lives(sitter, place(53.7416 + away * angle.sin(), -2.0133 + away * angle.cos())))
            .await;
    }
    let (here, there) = (place(53.7416, -2.0133), place(53.7436, -2.0100));
    assert_eq!(here.public(), there.public(), "both lie in the same cell");
    let mut answers = Vec::new();
    for at in [here, there] {
        let location = json!({ "latitude": at.latitude(), "longitude": at.longitude() });
        client.moves(&token, with(home(), "/location", location)).await;
        answers.push(client.recommended(&token).await);
    }
    assert_eq!(answers[0].body, answers[1].body);
    let items = answers[0].body["items"].as_array().unwrap();
    assert_eq!(items.len(), 8);
    assert!(items.iter().all(|item| item["sitter"]["distance_metres"].as_u64().unwrap() % 500 == 0));
    let text = answers[0].body.to_string();
    for told in ["latitude", "longitude", "53.74", "-2.01", "Mill Lane", "HX7", "Byron", "Peanuts"] {
        assert!(!text.contains(told), "{told} can be read in {text}");
    }
    assert_eq!(answers[0].headers["cache-control"], "no-store");
}
