//! Bookings: from a quote to the end of a dispute.

use std::sync::Arc;

use bookings::due::Steps;
use domain::{
    availability::{Availability, Holiday},
    booking::{Booking, Card, News, Refusal, Step, series::Rule},
    event::{Event, Fact},
    id::{BookingId, SeriesId, UserId},
    listing,
    role::Role,
    series::{Series, State as SeriesState},
    session::Session,
    sitter::{Profile, Record, Sitter},
    stripe::PaymentMethodId,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use storage::{
    audit::By,
    bookings::{Actor, Changed},
};
use testing::{acting_as, every_day, listed_sitter, requested_booking, window};

use crate::{
    authorization,
    client::{Answer, Client},
    family::{byron, child_of, home, with},
    tasks::{self, Tasks, taken},
};

/// Six hours, of which three at night.
pub fn evening(date: &str) -> Value {
    json!({ "date": date, "start": "19:00", "end": "01:00" })
}

/// What is asked before.
pub fn question(sitter: UserId, children: &[String]) -> Value {
    json!({ "sitter_id": sitter.to_string(), "time": evening("2027-02-12"), "child_ids": children })
}

/// What is asked for.
pub fn wish(sitter: UserId, children: &[String]) -> Value {
    let mut wish = question(sitter, children);
    wish["payment_method_id"] = json!("pm_1NQ3kX2eZvKYlo2C");
    wish["note"] = json!("The key is under the blue pot.");
    wish
}

/// What is asked for again and again.
pub fn series(sitter: UserId, children: &[String]) -> Value {
    let mut series = wish(sitter, children);
    series["rule"] = json!("FREQ=WEEKLY;BYDAY=SA,SU;COUNT=4");
    series
}

/// A booking and a series of somebody, asked of somebody.
pub async fn of(client: &Client, parent: UserId, sitter: UserId) -> (BookingId, SeriesId) {
    let now = client.now();
    let date = domain::sitter::today(now).checked_add(jiff::Span::new().days(9)).unwrap();
    let booking = requested_booking(parent, sitter, date, now);
    client.tables.request_booking(&booking, &Actor::default()).await.unwrap();
    let series = Series {
        id: domain::id::new(now),
        parent,
        sitter,
        rule: Rule::parse("FREQ=WEEKLY;COUNT=4").unwrap(),
        first: window(date, "19:00", "22:00"),
        children: booking.children,
        terms: None,
        method: PaymentMethodId::parse("pm_1").unwrap(),
        sealed_note: None,
        state: SeriesState::Active,
        made_until: None,
        created_at: now,
        version: 1,
    };
    client.tables.save_series(&series).await.unwrap();
    (booking.id, series.id)
}

/// Somebody whose address is proved, and who is signed in.
struct Person {
    id: UserId,
    session: Session,
}

impl Person {
    async fn new(client: &Client, role: Role, name: &str) -> Self {
        let (user, session) = authorization::sign_in(client, role, name).await;
        let (before, now) = (user.version, client.now());
        let avatar = listed_sitter(now).user.avatar;
        let proved = User { avatar, ..user.clone().prove_email(&user.email, client.now()).unwrap() };
        client.tables.save_user(proved, before, now).await.unwrap();
        Self { id: user.id, session }
    }

    /// A parent with a home.
    async fn parent(client: &Client, name: &str) -> Self {
        let parent = Self::new(client, Role::Parent, name).await;
        let answer = parent.call(client, "PUT", "/me/parent-profile", home()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        parent
    }

    /// A sitter whom parents find, from 17:00 to 03:00.
    async fn sitter(client: &Client, name: &str) -> Self {
        let person = Self::new(client, Role::Sitter, name).await;
        let (id, now) = (person.id, client.now());
        let Sitter { profile, availability, record, .. } = listed_sitter(now);
        client.tables.save_sitter_profile(Profile { user_id: id, ..profile }, None, &[]).await.unwrap();
        client.tables.put_record(&Record { user_id: id, version: 1, ..record }).await.unwrap();
        let weekly = every_day("17:00", "03:00");
        person.works(client, Availability { weekly, version: 1, ..availability }).await;
        person
    }

    async fn works(&self, client: &Client, availability: Availability) {
        let event = Event::new(Fact::SitterChanged { user_id: self.id }, client.now());
        client.tables.save_availability(self.id, &availability, &event).await.unwrap();
    }

    async fn call(&self, client: &Client, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(client, method, path, body, &[]).await
    }

    async fn call_with(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let token = client.token(&self.session).await;
        client.call_with(method, path, Some(&token), body, headers).await
    }
}

/// A family with two children, and a sitter nearby.
struct World {
    client: Client,
    parent: Person,
    sitter: Person,
    children: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let client = Client::start().await;
        let parent = Person::parent(&client, "Ada Lovelace").await;
        let sitter = Person::sitter(&client, "Mary Poppins").await;
        let mut children = Vec::new();
        for name in ["Byron", "Annabella"] {
            let child = with(byron(), "/name", json!(name));
            let answer = parent.call(&client, "POST", "/me/children", child).await;
            children.push(answer.body["id"].as_str().unwrap().to_owned());
        }
        Self { client, parent, sitter, children }
    }

    fn wish(&self) -> Value {
        wish(self.sitter.id, &self.children)
    }

    async fn parent(&self, method: &str, path: &str, body: Value) -> Answer {
        self.parent.call(&self.client, method, path, body).await
    }

    async fn sitter(&self, method: &str, path: &str, body: Value) -> Answer {
        self.sitter.call(&self.client, method, path, body).await
    }

    async fn quote(&self, body: Value) -> Answer {
        self.parent("POST", "/bookings/quote", body).await
    }

    async fn create(&self, body: Value) -> Answer {
        self.parent("POST", "/bookings", body).await
    }

    /// Asked for, on that evening; the path of the booking.
    async fn requested(&self, date: &str) -> String {
        let answer = self.create(with(self.wish(), "/time", evening(date))).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        format!("/bookings/{}", answer.body["booking"]["id"].as_str().unwrap())
    }

    /// The same, accepted and with a good card.
    async fn confirmed(&self, date: &str) -> String {
        let path = self.requested(date).await;
        assert_eq!(self.accept(&path).await.status, 200);
        self.card(&path, Card::Good).await;
        path
    }

    async fn accept(&self, path: &str) -> Answer {
        self.sitter("POST", &format!("{path}/accept"), Value::Null).await
    }

    async fn cancel(&self, path: &str) -> Answer {
        self.parent("POST", &format!("{path}/cancel"), Value::Null).await
    }

    /// What the payments' worker learns of the card.
    async fn card(&self, path: &str, card: Card) {
        let now = self.client.now();
        let rule = |before: &Booking| {
            let (booking, news) = before.with_card(card, now)?;
            Ok::<_, Refusal>(Some(Changed::new(booking, news)))
        };
        self.client.tables.change_booking(id(path), &Actor::default(), now, rule).await.unwrap();
    }

    async fn stored(&self, path: &str) -> Booking {
        self.client.tables.booking(id(path)).await.unwrap().unwrap()
    }

    /// Turns the clock forward to a moment, and takes what is due of a booking by then, as the schedule does.
    async fn due(&self, at: &str, path: &str) {
        self.at(at);
        let steps = Steps::new(self.client.tables.clone(), self.client.cipher.clone());
        acting_as("BookingsDue", steps.step(id(path), self.client.now())).await.unwrap();
    }

    fn at(&self, at: &str) {
        let ahead = at.parse::<Timestamp>().unwrap().duration_since(self.client.now());
        assert!(ahead > SignedDuration::ZERO, "the clock runs forward");
        self.client.turn_clock(ahead.as_secs() + 1);
    }

    /// What was told of a booking, in its order.
    async fn news(&self, path: &str) -> Vec<&'static str> {
        let items = self.client.items("main").await;
        let events = items.iter().filter_map(|item| serde_json::from_str(item["event"].as_str()?).ok());
        let mut news: Vec<(Timestamp, News)> = events
            .filter_map(|event: Event| match event.fact {
                Fact::Booking { booking_id, news, .. } if booking_id == id(path) => {
                    Some((event.occurred_at, news))
                }
                _ => None,
            })
            .collect();
        // Of the steps that are taken at one moment the first comes first.
        news.sort_by_key(|(at, news)| match news {
            News::Step(step) => (*at, Some(*step)),
            _ => (*at, None::<Step>),
        });
        news.into_iter().map(|(_, news)| news.name()).collect()
    }

    /// Until when the sitter's background check is good.
    async fn check_until(&self, date: &str) {
        let record = self.client.tables.sitter_record(self.sitter.id).await.unwrap().unwrap();
        let checked_until = Some(date.parse().unwrap());
        let record = Record { checked_until, version: record.version + 1, ..record };
        self.client.tables.put_record(&record).await.unwrap();
    }

    /// Where the sitter's profile stands.
    async fn profile(&self, state: listing::State) {
        let Sitter { profile, .. } = self.client.tables.sitter(self.sitter.id).await.unwrap().unwrap();
        let profile = Profile { state, version: profile.version + 1, ..profile };
        self.client.tables.save_sitter_profile(profile, None, &[]).await.unwrap();
    }

    /// Everything that is stored but limits and kept answers, in no particular order.
    async fn changes(&self) -> Vec<String> {
        self.client.state().await
    }

    /// Everything that is stored, in one text.
    async fn dump(&self) -> String {
        let tables = ["main", "audit", "ephemeral", "search"].map(|table| self.client.items(table));
        let mut dump = String::new();
        for items in tables {
            dump += &Value::from(items.await).to_string();
        }
        dump
    }
}

fn id(path: &str) -> BookingId {
    domain::id::parse(path.rsplit('/').next().unwrap()).unwrap()
}

/// A body whose names and moments that differ from run to run are left out.
macro_rules! assert_snapshot {
    ($body:expr) => {
        insta::assert_json_snapshot!($body, {
            ".**.id" => "[id]", ".**.created_at" => "[time]", ".**.answer_by" => given("[time]"),
            ".**.at" => "[time]",
            ".**.checked_in_at" => given("[time]"), ".**.checked_out_at" => given("[time]"),
            ".**.booking_id" => given("[id]"), ".**.sitter_id" => "[id]",
        })
    };
}

/// In the place of something that is there.
fn given(shown: &'static str) -> insta::internals::Redaction {
    insta::dynamic_redaction(move |value, _| if value.is_nil() { value } else { shown.into() })
}

/// None of it tells where the family lives, or who the children are.
fn assert_discreet(text: &str) {
    for word in ["Mill Lane", "Hebden", "HX7", "53.75", "Byron", "Peanuts", "lamp", "blue pot", "7400"] {
        assert!(!text.contains(word), "{word} can be read in {text}");
    }
}

#[tokio::test]
async fn the_server_prices_line_by_line() {
    let world = World::start().await;
    let question = question(world.sitter.id, &world.children);
    let before = world.client.items("main").await.len();
    let quote = world.quote(question.clone()).await;
    assert_eq!(quote.status, 200, "{}", quote.body);
    assert_snapshot!(quote.body);
    assert_eq!(world.client.items("main").await.len(), before, "nothing is written");
    let mut with_rate = question.clone();
    with_rate["rate"] = json!({ "amount_minor": 1, "currency": "GBP" });
    assert_eq!(world.quote(with_rate).await.problem(), (400, "invalid_request", vec!["/rate"]));
    // New Year's Day and Easter are holidays; one child costs no more than the rate.
    let mut daytime =
        with(question, "/time", json!({ "date": "2027-03-28", "start": "17:00", "end": "19:00" }));
    daytime["child_ids"] = json!([world.children[0]]);
    let lines = world.quote(daytime).await.body["price"]["lines"].clone();
    let kinds: Vec<_> = lines.as_array().unwrap().iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["care", "holiday", "service_fee", "tax"]);
}

#[tokio::test]
async fn a_booking_goes_from_a_request_to_the_end_of_a_dispute() {
    let world = World::start().await;
    let quote = world.quote(question(world.sitter.id, &world.children)).await.body;
    let created = world.create(world.wish()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body["booking"]["price"], quote["price"], "as quoted");
    assert_eq!(created.body["warnings"], json!([]));
    assert_discreet(&created.text);
    let path = format!("/bookings/{}", created.body["booking"]["id"].as_str().unwrap());

    let as_parent = world.parent("GET", &path, Value::Null).await;
    assert_eq!((as_parent.status.as_u16(), &as_parent.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    assert_snapshot!(as_parent.body);
    let asked = world.sitter("GET", &path, Value::Null).await;
    assert_snapshot!(asked.body);
    assert_discreet(&asked.text);

    let accepted = world.accept(&path).await;
    assert_eq!((accepted.status.as_u16(), &accepted.body["state"]), (200, &json!("accepted")));
    assert_eq!(accepted.headers["etag"], "\"2\"");
    assert_discreet(&accepted.text);
    let knows = world.sitter("GET", &path, Value::Null).await;
    assert_snapshot!(knows.body);

    world.card(&path, Card::Good).await;
    world.due("2027-02-11T19:00:00Z", &path).await;
    world.card(&path, Card::Held).await;
    assert_eq!(world.parent("GET", &path, Value::Null).await.body["card"], "held");
    world.due("2027-02-12T16:00:00Z", &path).await;
    world.due("2027-02-12T18:00:00Z", &path).await;
    world.at("2027-02-12T18:55:00Z");
    let here = json!({ "location": { "latitude": 53.7501, "longitude": -2.0125 } });
    let there = world.sitter("POST", &format!("{path}/check-in"), here).await;
    assert_eq!((there.status.as_u16(), &there.body["state"]), (200, &json!("in_progress")));
    assert!(there.body["checked_in_at"].as_str().unwrap().starts_with("2027-02-12T18:55:0"));
    let presence = world.stored(&path).await.checked_in.unwrap();
    assert_eq!(presence.distance_metres, Some(11), "of where exactly, only how far from home is kept");
    world.at("2027-02-12T21:00:00Z");
    let tasks = Tasks::of(&world.client);
    tasks::admin(&world.client).await;
    tasks.deliver(&world.client).await;
    world.client.dynamo.calls.take();
    for who in [&world.parent, &world.sitter] {
        let help = who.call(&world.client, "POST", &format!("{path}/sos"), Value::Null).await;
        assert_eq!((help.status.as_u16(), help.text.as_str()), (202, ""));
    }
    tasks.deliver(&world.client).await;
    let [_, mails, texts] = taken(&world.client);
    assert_eq!((mails, texts), (2, 4), "the admin, the emergency contact, and whoever is on call");
    // Twenty minutes late: one quarter beyond the one for nothing.
    world.at("2027-02-13T01:20:00Z");
    let here = json!({ "location": { "latitude": 53.7501, "longitude": -2.0125 } });
    let gone = world.sitter("POST", &format!("{path}/check-out"), here).await;
    assert_eq!((gone.status.as_u16(), &gone.body["state"]), (200, &json!("completed")));
    let overrun = |amount| json!({ "amount_minor": amount, "currency": "GBP" });
    assert_eq!(gone.body["overrun"]["total"], overrun(363 + 73), "the sitter sees what is theirs");
    let after = world.sitter("GET", &path, Value::Null).await;
    assert_eq!(after.body["place"], Value::Null, "there is nothing left to do there");

    let complaint = json!({ "complaint": "She left the lamp on." });
    let disputed = world.parent("POST", &format!("{path}/dispute"), complaint).await;
    assert_eq!((disputed.status.as_u16(), &disputed.body["state"]), (200, &json!("disputed")));
    assert_eq!(disputed.body["overrun"]["total"], overrun(363 + 73 + 52 + 10));
    assert!(!world.sitter("GET", &path, Value::Null).await.text.contains("lamp on"));
    world.due("2027-02-20T12:00:00Z", &path).await;
    assert_eq!(world.stored(&path).await.state, domain::booking::State::Disputed, "it waits for an admin");
    let admin = authorization::token(&world.client, "admin").await.unwrap();
    let decision = json!({ "refund": { "amount_minor": 2000, "currency": "GBP" }, "reason": "So it was" });
    let decide = format!("/admin/disputes/{}/decision", id(&path));
    let decided = world.client.call("POST", &decide, Some(&admin), decision).await;
    assert_eq!(decided.status, 200, "{}", decided.body);
    world.due("2027-02-28T12:00:00Z", &path).await;
    let settled = world.parent("GET", &path, Value::Null).await;
    assert_snapshot!(settled.body);
    tasks.deliver(&world.client).await;

    let expected = [
        "requested",
        "accept",
        "confirm",
        "hold",
        "remind_day",
        "remind_hours",
        "give_up_card",
        "check_in",
        "call_for_help",
        "call_for_help",
        "check_out",
        "dispute",
        "decide",
        "close_reviews",
    ];
    assert_eq!(world.news(&path).await, expected);
    let calls = world.client.events().await;
    assert_eq!(calls.iter().filter(|event| *event == "help_called").count(), 2);
    let dump = world.dump().await;
    for word in ["blue pot", "lamp on", "53.7501", "Mill Lane", "Grandma"] {
        assert!(!dump.contains(word), "{word} can be read");
    }
}

#[tokio::test]
async fn a_request_ends_by_either_side_or_by_the_clock() {
    let world = World::start().await;
    let state = |answer: &Answer| (answer.status.as_u16(), answer.body["state"].as_str().unwrap().to_owned());
    let declined = world.requested("2027-02-12").await;
    let no = world.sitter("POST", &format!("{declined}/decline"), Value::Null).await;
    assert_eq!(state(&no), (200, "declined".into()));
    let withdrawn = world.requested("2027-02-12").await;
    // A sitter declines, and does not cancel.
    let cancel = format!("{withdrawn}/cancel");
    let sitters = world.sitter("POST", &cancel, Value::Null).await;
    assert_eq!(sitters.problem(), (403, "forbidden", vec![]));
    assert_eq!(state(&world.cancel(&withdrawn).await), (200, "withdrawn".into()));
    let expired = world.requested("2027-02-12").await;
    world.at("2027-01-16T07:59:00Z");
    world.due("2027-01-16T08:00:30Z", &expired).await;
    let late = world.accept(&expired).await;
    assert_eq!(late.problem(), (409, "wrong_state", vec![]));
    for (path, state, news) in [
        (&declined, "declined", "decline"),
        (&withdrawn, "withdrawn", "withdraw"),
        (&expired, "expired", "expire"),
    ] {
        let seen = world.sitter("GET", path, Value::Null).await;
        assert_eq!((&seen.body["state"], &seen.body["place"]), (&json!(state), &Value::Null));
        assert_eq!(world.news(path).await, ["requested", news]);
    }
}

#[tokio::test]
async fn what_calling_off_costs_goes_by_the_policy_and_by_who() {
    let world = World::start().await;
    let kept = |answer: &Answer| answer.body["cancellation"]["kept"]["amount_minor"].as_u64();
    // The sitter's policy is flexible: half of it from a day ahead on.
    let [free, half, sitters, early] =
        ["2027-02-12", "2027-02-13", "2027-02-14", "2027-02-15"].map(|date| world.confirmed(date));
    let (free, half, sitters, early) = (free.await, half.await, sitters.await, early.await);
    world.at("2027-02-11T18:59:00Z");
    let cancelled = world.cancel(&free).await;
    assert_eq!((&cancelled.body["state"], kept(&cancelled)), (&json!("cancelled"), Some(0)));
    assert_eq!(cancelled.body["cancellation"]["by"], "parent");
    world.at("2027-02-13T18:59:00Z");
    let cancelled = world.cancel(&half).await;
    let whole = cancelled.body["price"]["total"]["amount_minor"].as_u64().unwrap();
    assert_eq!((whole, kept(&cancelled)), (13_436, Some(6718)));
    // The sitter sees what is theirs of it.
    assert_eq!(kept(&world.sitter("GET", &half, Value::Null).await), Some(5873));
    let cancelled = world.sitter("POST", &format!("{sitters}/cancel"), Value::Null).await;
    assert_eq!((kept(&cancelled), &cancelled.body["cancellation"]["by"]), (Some(0), &json!("sitter")));
    world.at("2027-02-15T19:00:00Z");
    let late = world.cancel(&early).await;
    assert_eq!(late.problem(), (409, "not_now", vec![]));
    assert_eq!(late.body["detail"], "cancel is not possible now: it has begun");
}

#[tokio::test]
async fn who_does_not_come_and_who_forgets_to_go_is_found_by_the_clock() {
    let world = World::start().await;
    let missed = world.confirmed("2027-02-12").await;
    let forgotten = world.confirmed("2027-02-13").await;
    world.due("2027-02-12T19:14:00Z", &missed).await;
    assert_eq!(world.parent("GET", &missed, Value::Null).await.body["state"], "confirmed");
    world.due("2027-02-12T19:15:00Z", &missed).await;
    let late = world.sitter("POST", &format!("{missed}/check-in"), json!({})).await;
    assert_eq!(late.problem(), (409, "wrong_state", vec![]));
    let cancellation = &world.parent("GET", &missed, Value::Null).await.body["cancellation"];
    assert_eq!((&cancellation["by"], &cancellation["kept"]["amount_minor"]), (&json!("system"), &json!(0)));

    world.at("2027-02-13T18:45:00Z");
    assert_eq!(world.sitter("POST", &format!("{forgotten}/check-in"), json!({})).await.status, 200);
    world.due("2027-02-14T05:14:00Z", &forgotten).await;
    assert_eq!(world.parent("GET", &forgotten, Value::Null).await.body["state"], "in_progress");
    world.due("2027-02-14T05:15:00Z", &forgotten).await;
    assert_eq!(world.parent("GET", &forgotten, Value::Null).await.body["state"], "completed");
    world.due("2027-02-16T05:15:30Z", &forgotten).await;
    let settled = world.parent("GET", &forgotten, Value::Null).await.body;
    assert_eq!((&settled["state"], &settled["checked_out_at"]), (&json!("settled"), &Value::Null));
    let dispute = json!({ "complaint": "Too late." });
    let late = world.parent("POST", &format!("{forgotten}/dispute"), dispute).await;
    assert_eq!(late.problem(), (409, "wrong_state", vec![]));
}

#[tokio::test]
async fn a_card_that_stays_refused_calls_the_booking_off() {
    let world = World::start().await;
    let path = world.requested("2027-02-12").await;
    world.accept(&path).await;
    world.card(&path, Card::Refused).await;
    let seen = world.parent("GET", &path, Value::Null).await.body;
    assert_eq!((&seen["state"], &seen["card"]), (&json!("accepted"), &json!("refused")));
    assert_eq!(world.sitter("GET", &path, Value::Null).await.body["card"], Value::Null);
    // Somebody else may ask meanwhile, but not have the time.
    let until = world.stored(&path).await.accepted_at.unwrap() + SignedDuration::from_hours(24);
    world.due(&(until - SignedDuration::from_mins(1)).to_string(), &path).await;
    assert_eq!(world.stored(&path).await.state, domain::booking::State::Accepted);
    world.due(&until.to_string(), &path).await;
    let seen = world.parent("GET", &path, Value::Null).await.body;
    assert_eq!((&seen["state"], &seen["cancellation"]["by"]), (&json!("cancelled"), &json!("system")));
    assert_eq!(world.news(&path).await, ["requested", "accept", "card_refused", "fail_payment"]);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_one_booking() {
    let world = Arc::new(World::start().await);
    let send = async |world: &World, key: &str, body: Value| {
        let headers = [("idempotency-key", key)];
        world.parent.call_with(&world.client, "POST", "/bookings", body, &headers).await
    };
    let first = send(&world, "k1", world.wish()).await;
    assert_eq!((first.status.as_u16(), first.headers.get("idempotent-replayed")), (201, None));
    // Even if the sitter has said yes since.
    let path = format!("/bookings/{}", first.body["booking"]["id"].as_str().unwrap());
    world.accept(&path).await;
    let again = send(&world, "k1", world.wish()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = with(world.wish(), "/note", json!("Another."));
    assert_eq!(send(&world, "k1", other).await.problem(), (422, "idempotency_key_reused", vec![]));
    // A refusal gives the key back.
    assert_eq!(send(&world, "k2", world.wish()).await.problem(), (409, "taken", vec![]));
    assert_eq!(world.cancel(&path).await.status, 200);
    let tries = (0..5).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let headers = [("idempotency-key", "k2")];
            world.parent.call_with(&world.client, "POST", "/bookings", world.wish(), &headers).await
        })
    });
    let mut made = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        match answer.status.as_u16() {
            201 => made.push(answer.body["booking"]["id"].clone()),
            _ => assert_eq!(answer.problem(), (409, "request_in_progress", vec![])),
        }
    }
    made.dedup();
    let all = world.parent("GET", "/bookings", Value::Null).await.body;
    assert_eq!((made.len(), all["items"].as_array().unwrap().len()), (1, 2));
}

#[tokio::test]
async fn what_was_asked_for_before_its_answer_was_lost_is_not_asked_for_again() {
    let world = World::start().await;
    let series = series(world.sitter.id, &world.children);
    let send = async |path: &str, body: &Value| {
        let headers = [("idempotency-key", "k1")];
        let answer = world.parent.call_with(&world.client, "POST", path, body.clone(), &headers).await;
        assert_eq!((answer.status.as_u16(), answer.headers.get("idempotent-replayed")), (201, None));
        answer.body
    };
    let booking = send("/bookings", &world.wish()).await;
    let made = send("/booking-series", &series).await;
    let path = format!("/bookings/{}", booking["booking"]["id"].as_str().unwrap());
    assert_eq!(world.accept(&path).await.status, 200);
    world.client.forget_answers().await;
    // As it is by now, though the sitter could not be asked for these hours a second time.
    let again = send("/bookings", &world.wish()).await;
    assert_eq!((&again["booking"]["id"], &again["warnings"]), (&booking["booking"]["id"], &json!([])));
    assert_eq!(again["booking"]["state"], "accepted");
    assert_eq!(send("/booking-series", &series).await, made);
    assert_eq!(
        world.parent("GET", "/bookings", Value::Null).await.body["items"].as_array().unwrap().len(),
        5
    );
}

/// Each is a 400 that points at what is wrong, and nothing is written but to the buckets of limits.
#[tokio::test]
async fn what_is_wrong_with_a_wish_is_pointed_at() {
    let world = World::start().await;
    let others = child_of(&world.client, Person::parent(&world.client, "Eve").await.id).await;
    let ids = |count: usize| json!(vec![&world.children[0]; count]);
    let time = |date: &str, start: &str, end: &str| json!({ "date": date, "start": start, "end": end });
    let cases = [
        ("/sitter_id", json!("usr_1"), "/sitter_id"),
        ("/sitter_id", json!(world.children[0]), "/sitter_id"),
        ("/sitter_id", Value::Null, "/sitter_id"),
        ("/time/date", json!("2027-02-30"), "/time/date"),
        ("/time/date", json!("12.02.2027"), "/time/date"),
        ("/time/start", json!("25:00"), "/time/start"),
        ("/time/end", json!("1:00"), "/time/end"),
        (
            "/time",
            json!({ "date": "2027-02-12", "start": "19:00", "end": "01:00", "time_zone": "Mars" }),
            "/time/time_zone",
        ),
        ("/time", json!({ "date": "2027-02-12", "start": "19:00" }), "/time/end"),
        ("/time", json!("tonight"), "/time"),
        // Too short, too soon, over, too far ahead, and never by that clock.
        ("/time", time("2027-02-12", "19:00", "19:59"), "/time"),
        ("/time", time("2027-01-15", "09:00", "11:00"), "/time"),
        ("/time", time("2026-02-12", "19:00", "23:00"), "/time"),
        ("/time", time("2027-08-12", "19:00", "23:00"), "/time"),
        ("/time", time("2027-03-28", "01:30", "02:00"), "/time"),
        ("/child_ids", json!([]), "/child_ids"),
        ("/child_ids", ids(7), "/child_ids"),
        ("/child_ids", ids(2), "/child_ids/1"),
        ("/child_ids/1", json!("kid_1"), "/child_ids/1"),
        ("/child_ids/1", json!(others.to_string()), "/child_ids/1"),
        ("/child_ids", json!("Byron"), "/child_ids"),
    ];
    let more = [
        ("/payment_method_id", json!("cus_1"), "/payment_method_id"),
        ("/payment_method_id", json!("pm_1/detach"), "/payment_method_id"),
        ("/payment_method_id", json!("p".repeat(256)), "/payment_method_id"),
        ("/note", json!(""), "/note"),
        ("/note", json!("x".repeat(1001)), "/note"),
        ("/note", json!("a\u{0}b"), "/note"),
    ];
    let rules = [
        "",
        "FREQ=YEARLY;COUNT=2",
        "FREQ=WEEKLY",
        "FREQ=WEEKLY;COUNT=0",
        "FREQ=WEEKLY;COUNT=105",
        "FREQ=WEEKLY;UNTIL=20280301",
        "FREQ=WEEKLY;UNTIL=20270101",
        "FREQ=WEEKLY;BYDAY=XX;COUNT=2",
        "RRULE:FREQ=DAILY;COUNT=2",
    ];
    let rules = rules.map(|rule| ("/rule", json!(rule), "/rule"));
    world.client.dynamo.calls.take();
    for (path, body, cases) in [
        ("/bookings/quote", question(world.sitter.id, &world.children), cases.to_vec()),
        ("/bookings", world.wish(), [&cases[..], &more].concat()),
        ("/booking-series", series(world.sitter.id, &world.children), [&cases[..], &more, &rules].concat()),
    ] {
        for (pointer, bad, at) in cases {
            // Limits are another test's.
            world.client.turn_clock(120);
            let answer = world.parent("POST", path, with(body.clone(), pointer, bad.clone())).await;
            assert_eq!(answer.problem(), (400, "invalid_request", vec![at]), "{path} {pointer}: {bad}");
        }
        for field in body.as_object().unwrap().keys().filter(|field| *field != "note") {
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove(field);
            let answer = world.parent("POST", path, less).await;
            assert_eq!(answer.problem(), (400, "invalid_request", vec![format!("/{field}").as_str()]));
        }
        let more =
            with(with(body.clone(), "/time", time("2027-02-12", "19:00", "23:00")), "/child_ids", ids(1));
        for (pointer, field) in [("", "/price"), ("/time", "/time/price")] {
            let mut more = more.clone();
            more.pointer_mut(pointer).unwrap()["price"] = json!(1);
            assert_eq!(
                world.parent("POST", path, more).await.problem(),
                (400, "invalid_request", vec![field])
            );
        }
    }
    let all = json!({
        "sitter_id": "", "time": { "date": "", "start": "", "end": "", "time_zone": "" }, "child_ids": [],
        "payment_method_id": "", "note": "", "rule": "",
    });
    let answer = world.parent("POST", "/booking-series", all).await;
    let pointers = vec![
        "/sitter_id",
        "/time/date",
        "/time/start",
        "/time/end",
        "/time/time_zone",
        "/child_ids",
        "/payment_method_id",
        "/note",
        "/rule",
    ];
    assert_eq!(answer.problem(), (400, "invalid_request", pointers));
    let calls = world.client.dynamo.calls.take();
    assert!(!calls.iter().any(|call| call.ends_with("TransactWriteItems")), "{calls:?}");
    let written = world.client.items("main").await;
    let written: Vec<_> = written.iter().map(|item| item["pk"].as_str().unwrap()).collect();
    assert!(!written.iter().any(|pk| pk.starts_with("BOOKING") || pk.starts_with("SERIES")), "{written:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_pointed_at() {
    let world = World::start().await;
    let path = world.confirmed("2027-02-12").await;
    world.at("2027-02-12T18:50:00Z");
    for (who, method, operation, body, pointers) in [
        (&world.parent, "PATCH", "", json!({ "time": null }), vec!["/time"]),
        (
            &world.parent,
            "PATCH",
            "",
            json!({ "time": { "date": "x", "start": "y", "end": "z" } }),
            vec!["/time/date", "/time/start", "/time/end"],
        ),
        (&world.parent, "PATCH", "", json!({ "time": evening("2027-02-12") }), vec!["/time"]),
        (&world.parent, "PATCH", "", json!({ "note": "Another." }), vec!["/note"]),
        (
            &world.sitter,
            "POST",
            "/check-in",
            json!({ "location": { "latitude": 91, "longitude": 181 } }),
            vec!["/location/latitude", "/location/longitude"],
        ),
        (
            &world.sitter,
            "POST",
            "/check-in",
            json!({ "location": { "latitude": 53 } }),
            vec!["/location/longitude"],
        ),
        (&world.sitter, "POST", "/check-out", json!({ "location": "here" }), vec!["/location"]),
        (&world.parent, "POST", "/dispute", json!({ "complaint": "" }), vec!["/complaint"]),
        (&world.parent, "POST", "/dispute", json!({ "complaint": "x".repeat(2001) }), vec!["/complaint"]),
        (&world.parent, "POST", "/dispute", json!({}), vec!["/complaint"]),
    ] {
        let answer = who.call(&world.client, method, &format!("{path}{operation}"), body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", pointers), "{method} {operation} {body}");
    }
    for query in ["?when=tomorrow", "?limit=0", "?cursor=AAAA", "?who=me"] {
        let answer = world.parent("GET", &format!("/bookings{query}"), Value::Null).await;
        let name = query[1..].split('=').next().unwrap();
        assert_eq!(answer.problem(), (400, "invalid_request", vec![name]));
    }
    for bad in ["/bookings/1", "/bookings/usr_01h455vb4pex5vsknk084sn02q"] {
        assert_eq!(
            world.parent("GET", bad, Value::Null).await.problem(),
            (400, "invalid_request", vec!["id"])
        );
    }
    assert_eq!(world.stored(&path).await.version, 3, "nothing has changed");
}

#[tokio::test]
async fn what_cannot_happen_now_is_refused_and_says_from_where_it_could() {
    let world = World::start().await;
    let path = world.requested("2027-02-12").await;
    let refused = async |who: &Person, operation: &str, code: &str, words: &str| {
        let body = match operation {
            "check-in" | "check-out" => json!({}),
            "dispute" => json!({ "complaint": "It was short." }),
            _ => Value::Null,
        };
        let answer = who.call(&world.client, "POST", &format!("{path}/{operation}"), body).await;
        assert_eq!(answer.problem(), (409, code, vec![]), "{operation}");
        assert_eq!(answer.body["detail"], words);
    };
    let (parent, sitter) = (&world.parent, &world.sitter);
    let only = "a booking that is requested cannot check_in: that is for one that is confirmed";
    refused(sitter, "check-in", "wrong_state", only).await;
    let only = "a booking that is requested cannot dispute: that is for one that is completed";
    refused(parent, "dispute", "wrong_state", only).await;
    let only = "a booking that is requested cannot call_for_help: that is for one that is accepted or confirmed or in_progress or no_show or completed or disputed or settled";
    refused(parent, "sos", "wrong_state", only).await;
    world.accept(&path).await;
    let only = "a booking that is accepted cannot accept: that is for one that is requested";
    refused(sitter, "accept", "wrong_state", only).await;
    let only = "a booking that is accepted cannot decline: that is for one that is requested";
    refused(sitter, "decline", "wrong_state", only).await;
    world.card(&path, Card::Good).await;
    let early = "check_in is not possible now: it can be from half an hour before the start until the end";
    refused(sitter, "check-in", "not_now", early).await;
    let far = "call_for_help is not possible now: it can be from two hours before the start until a day after the end";
    refused(parent, "sos", "not_now", far).await;
    let only = "a booking that is confirmed cannot check_out: that is for one that is in_progress";
    refused(sitter, "check-out", "wrong_state", only).await;
    world.at("2027-02-11T19:00:00Z");
    let near = world.parent("PATCH", &path, json!({ "time": evening("2027-02-14") })).await;
    assert_eq!(near.problem(), (409, "not_now", vec![]));
    assert_eq!(near.body["detail"], "propose is not possible now: it begins within a day");
    world.cancel(&path).await;
    let only = "a booking that is cancelled cannot cancel: that is for one that is accepted or confirmed";
    refused(sitter, "cancel", "wrong_state", only).await;
    assert_eq!(world.news(&path).await, ["requested", "accept", "confirm", "cancel"]);
}

#[tokio::test]
async fn a_check_must_be_good_until_the_end_of_the_care() {
    let world = World::start().await;
    let asked = world.requested("2027-02-11").await;
    world.check_until("2027-02-12").await;
    let at = |date: &str, end: &str| {
        with(world.wish(), "/time", json!({ "date": date, "start": "19:00", "end": end }))
    };
    let quote = |body: Value| {
        let mut question = body;
        for field in ["payment_method_id", "note"] {
            question.as_object_mut().unwrap().remove(field);
        }
        world.quote(question)
    };
    // Of the night from the 12th to the 13th the last hour is too late.
    for end in ["23:00", "00:00"] {
        assert_eq!(quote(at("2027-02-12", end)).await.status, 200, "{end}");
    }
    assert_eq!(quote(at("2027-02-12", "00:01")).await.problem(), (409, "not_checked", vec![]));
    assert_eq!(world.create(at("2027-02-12", "01:00")).await.problem(), (409, "not_checked", vec![]));
    let another = world.parent("PATCH", &asked, json!({ "time": evening("2027-02-12") })).await;
    assert_eq!(another.problem(), (409, "not_checked", vec![]));
    let mut daily = at("2027-02-12", "23:00");
    daily["rule"] = json!("FREQ=DAILY;COUNT=3");
    let made = world.parent("POST", "/booking-series", daily).await;
    let obstacles: Vec<_> =
        made.body["dates"].as_array().unwrap().iter().map(|date| date["obstacle"].clone()).collect();
    assert_eq!(obstacles, [Value::Null, json!("not_checked"), json!("not_checked")]);
    assert_eq!(world.accept(&asked).await.status, 200);
}

#[tokio::test]
async fn whoever_may_not_look_after_children_neither_accepts_nor_checks_in() {
    let world = World::start().await;
    let refused = |code| (409, code, vec![]);
    let (path, later) = (world.requested("2027-02-12").await, world.confirmed("2027-02-20").await);
    world.profile(listing::State::Suspended).await;
    assert_eq!(world.accept(&path).await.problem(), refused("profile_suspended"));
    world.profile(listing::State::Paused).await;
    world.check_until("2027-02-12").await;
    assert_eq!(world.accept(&path).await.problem(), refused("not_checked"));
    world.check_until("2027-02-13").await;
    assert_eq!(world.accept(&path).await.status, 200, "who has paused comes as agreed");
    world.card(&path, Card::Good).await;

    world.profile(listing::State::Listed).await;
    world.check_until("2027-02-22").await;
    let moved = world.parent("PATCH", &later, json!({ "time": evening("2027-02-21") })).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    world.check_until("2027-02-21").await;
    assert_eq!(world.accept(&later).await.problem(), refused("not_checked"));
    assert_eq!(world.stored(&later).await.window.date.to_string(), "2027-02-20");
    world.check_until("2027-02-22").await;
    assert_eq!(world.accept(&later).await.body["time"]["date"], "2027-02-21");

    world.at("2027-02-12T18:55:00Z");
    let here = format!("{path}/check-in");
    world.profile(listing::State::Suspended).await;
    assert_eq!(world.sitter("POST", &here, json!({})).await.problem(), refused("profile_suspended"));
    world.profile(listing::State::Paused).await;
    world.check_until("2027-02-12").await;
    assert_eq!(world.sitter("POST", &here, json!({})).await.problem(), refused("not_checked"));
    world.check_until("2027-02-13").await;
    assert_eq!(world.sitter("POST", &here, json!({})).await.body["state"], "in_progress");
}

#[tokio::test]
async fn an_admin_calls_off_what_has_not_begun_and_the_trail_names_them() {
    let world = World::start().await;
    let admin = Person::new(&world.client, Role::Admin, "Root").await;
    let cancel =
        async |path: &str| admin.call(&world.client, "POST", &format!("{path}/cancel"), Value::Null).await;
    let (confirmed, asked) = (world.confirmed("2027-02-12").await, world.requested("2027-02-14").await);
    let begun = world.confirmed("2027-02-10").await;
    // By then it costs its parent all of it, and an admin keeps nothing.
    world.at("2027-02-10T19:30:00Z");
    assert_eq!(cancel(&begun).await.problem(), (409, "not_now", vec![]));
    for (path, state, news) in [(&confirmed, "cancelled", "cancel"), (&asked, "declined", "call_off")] {
        let answer = cancel(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (200, &json!(state)), "{}", answer.body);
        assert_discreet(&answer.text);
        assert_eq!(world.news(path).await.last(), Some(&news));
        assert_eq!(cancel(path).await.problem(), (409, "wrong_state", vec![]));
    }
    let cancellation = world.parent("GET", &confirmed, Value::Null).await.body["cancellation"].clone();
    let nothing = json!({ "amount_minor": 0, "currency": "GBP" });
    assert_eq!((&cancellation["by"], &cancellation["kept"]), (&json!("admin"), &nothing));
    for side in [&world.parent, &world.sitter] {
        let trail = world.client.tables.trail(By::Subject(side.id), None, 2).await.unwrap();
        assert!(trail.iter().all(|recorded| recorded.entry.actor == Some(admin.id)));
    }
    let missing = format!("/bookings/{}", domain::id::new::<domain::id::BookingTag>(world.client.now()));
    assert_eq!(cancel(&missing).await.problem(), (404, "not_found", vec![]));
    // To see one is not theirs.
    let seen = admin.call(&world.client, "GET", &confirmed, Value::Null).await;
    assert_eq!(seen.problem(), (404, "not_found", vec![]));
}

#[tokio::test]
async fn why_a_sitter_cannot_come_is_told() {
    let world = World::start().await;
    let code = async |body: Value| {
        let question = world.quote(body.clone()).await;
        let (status, problem) =
            (question.status.as_u16(), question.body["code"].as_str().unwrap().to_owned());
        let mut wish = body;
        wish["payment_method_id"] = json!("pm_1");
        let created = world.create(wish).await;
        assert_eq!(
            (created.status.as_u16(), created.body["code"].as_str().unwrap()),
            (status, problem.as_str())
        );
        (status, problem)
    };
    let ask = || question(world.sitter.id, &world.children);
    let at = |start: &str, end: &str| {
        with(ask(), "/time", json!({ "date": "2027-02-12", "start": start, "end": end }))
    };
    let told = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(at("16:59", "20:00")).await, told(409, "not_working"));
    let nobody = with(ask(), "/sitter_id", json!(world.parent.id.to_string()));
    assert_eq!(code(nobody).await, told(404, "not_found"));
    // By another clock the same hours would not be night.
    let mut elsewhere = at("14:00", "20:00");
    elsewhere["time"]["time_zone"] = json!("America/New_York");
    assert_eq!(code(elsewhere).await, told(409, "other_clock"));
    let mut same = ask();
    same["time"]["time_zone"] = json!("Europe/Dublin");
    assert_eq!(world.quote(same).await.status, 200);

    let path = world.requested("2027-02-12").await;
    assert_eq!(world.quote(ask()).await.status, 200, "a request takes nothing");
    world.accept(&path).await;
    assert_eq!(code(at("18:00", "19:01")).await, told(409, "taken"));
    assert_eq!(world.quote(at("17:30", "19:00")).await.status, 200);

    world.client.tables.block(world.sitter.id, world.parent.id).await.unwrap();
    assert_eq!(code(ask()).await, told(404, "not_found"));
    world.client.tables.unblock(world.sitter.id, world.parent.id).await.unwrap();
    let far = with(home(), "/location/latitude", json!(54.5));
    assert_eq!(world.parent("PUT", "/me/parent-profile", far).await.status, 200);
    assert_eq!(code(at("17:00", "19:00")).await, told(409, "too_far"));

    // Somebody without a home, and somebody whose address is not proved.
    let homeless = Person::new(&world.client, Role::Parent, "Eve").await;
    let child = child_of(&world.client, homeless.id).await.to_string();
    let asked = homeless
        .call(
            &world.client,
            "POST",
            "/bookings/quote",
            question(world.sitter.id, std::slice::from_ref(&child)),
        )
        .await;
    assert_eq!(asked.problem(), (409, "no_parent_profile", vec![]));
    let bob = authorization::newcomer(&world.client, Role::Parent, "Bob");
    let (user, session) = authorization::sign_in_as(&world.client, bob).await;
    let unproved = Person { id: user.id, session };
    let version = user.version;
    let user = User { email_verified: false, version: version + 1, ..user };
    world.client.tables.save_user(user, version, world.client.now()).await.unwrap();
    let child = child_of(&world.client, unproved.id).await.to_string();
    for (path, body) in [
        ("/bookings", wish(world.sitter.id, std::slice::from_ref(&child))),
        ("/booking-series", series(world.sitter.id, std::slice::from_ref(&child))),
    ] {
        let asked = unproved.call(&world.client, "POST", path, body).await;
        assert_eq!(asked.problem(), (409, "email_unverified", vec![]));
    }
}

#[tokio::test]
async fn another_time_is_a_proposal_once_the_sitter_has_said_yes() {
    let world = World::start().await;
    let path = world.requested("2027-02-12").await;
    let patch = async |time: Value, version: &str| {
        let headers = [("if-match", version)];
        world.parent.call_with(&world.client, "PATCH", &path, json!({ "time": time }), &headers).await
    };
    // Nobody has agreed to anything yet.
    let moved = patch(evening("2027-02-13"), "\"1\"").await;
    assert_eq!((moved.status.as_u16(), &moved.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    assert_eq!((&moved.body["time"]["date"], &moved.body["proposal"]), (&json!("2027-02-13"), &Value::Null));
    // The sitter has seen the time before.
    let yes = async |version: &str| {
        let headers = [("if-match", version)];
        world.sitter.call_with(&world.client, "POST", &format!("{path}/accept"), Value::Null, &headers).await
    };
    assert_eq!(yes("\"1\"").await.problem(), (412, "stale_version", vec![]));
    assert_eq!(yes("1").await.problem(), (400, "invalid_request", vec!["If-Match"]));
    assert_eq!(yes("\"2\"").await.body["state"], "accepted");
    world.card(&path, Card::Good).await;

    assert_eq!(patch(evening("2027-02-14"), "\"2\"").await.problem(), (412, "stale_version", vec![]));
    let shorter = json!({ "date": "2027-02-14", "start": "19:00", "end": "21:00" });
    let proposed = patch(shorter.clone(), "\"4\"").await;
    assert_eq!(proposed.status, 200, "{}", proposed.body);
    assert_eq!(proposed.body["time"]["date"], "2027-02-13", "the agreed time holds");
    let proposal = &world.sitter("GET", &path, Value::Null).await.body["proposal"];
    assert_snapshot!(proposal);
    let no = world.sitter("POST", &format!("{path}/decline"), Value::Null).await;
    assert_eq!((&no.body["state"], &no.body["proposal"]), (&json!("confirmed"), &Value::Null));
    assert_eq!(patch(shorter, "*").await.status, 200);
    let agreed = world.accept(&path).await.body;
    assert_eq!((&agreed["state"], &agreed["time"]["date"]), (&json!("confirmed"), &json!("2027-02-14")));
    assert_eq!(agreed["price"]["total"]["amount_minor"], 3480);
    // The evening before is free again.
    world.confirmed("2027-02-13").await;
    // The list has it at its time.
    let list = world.parent("GET", "/bookings", Value::Null).await.body;
    let dates: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["time"]["date"]).collect();
    assert_eq!(dates, ["2027-02-13", "2027-02-14"]);
    // Where others have the time, nothing is proposed; neither is it to a sitter who takes no bookings.
    assert_eq!(patch(evening("2027-02-13"), "*").await.problem(), (409, "taken", vec![]));
    let listed = world.client.tables.sitter(world.sitter.id).await.unwrap().unwrap().profile;
    let paused = Profile { state: listing::State::Paused, version: 2, ..listed };
    world.client.tables.save_sitter_profile(paused, None, &[]).await.unwrap();
    assert_eq!(patch(evening("2027-02-15"), "*").await.problem(), (409, "not_shown", vec![]));
    assert_eq!(world.parent("PATCH", &path, json!({})).await.status, 200, "nothing is asked for");
}

#[tokio::test]
async fn no_sitter_is_written_to_without_end() {
    let world = World::start().await;
    let path = world.confirmed("2027-02-12").await;
    let patch = async |date: &str| world.parent("PATCH", &path, json!({ "time": evening(date) })).await;
    // What was asked for last, once more, is nothing new.
    let told = world.news(&path).await;
    for _ in 0..2 {
        assert_eq!(patch("2027-02-12").await.body["version"], 3);
    }
    assert_eq!(world.news(&path).await, told);
    for _ in 0..2 {
        assert_eq!(patch("2027-02-13").await.body["version"], 4);
    }
    assert_eq!(world.news(&path).await.len(), told.len() + 1);
    // Of the thirty tokens of an hour the booking has taken one, and these four.
    let mut body = series(world.sitter.id, &world.children);
    body["rule"] = json!("FREQ=DAILY;COUNT=30");
    let stored = async || world.client.items("main").await.len();
    let made = world.parent("POST", "/booking-series", body.clone()).await;
    assert_eq!((made.status.as_u16(), made.body["dates"].as_array().unwrap().len()), (201, 20));
    let before = stored().await;
    assert_eq!(
        world.parent("POST", "/booking-series", body).await.problem(),
        (429, "too_many_requests", vec![])
    );
    assert_eq!(stored().await, before);
    let mut statuses = Vec::new();
    for day in 14..20 {
        statuses.push(patch(&format!("2027-02-{day}")).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses.last()), (200, Some(&429)));
}

#[tokio::test]
async fn two_sitters_for_the_same_hours_are_warned_of_and_not_refused() {
    let world = World::start().await;
    let path = world.requested("2027-02-12").await;
    let other = Person::sitter(&world.client, "Nanny McPhee").await;
    let at = |start: &str, end: &str| {
        let time = json!({ "date": "2027-02-13", "start": start, "end": end });
        with(wish(other.id, &world.children), "/time", time)
    };
    let warned = |answer: &Answer| answer.body["warnings"].clone();
    let mut question = at("00:30", "02:00");
    let overlap = json!([{ "code": "overlaps_own_booking", "booking_id": id(&path).to_string() }]);
    for field in ["payment_method_id", "note"] {
        question.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(warned(&world.quote(question).await), overlap);
    let both = world.create(at("00:30", "02:00")).await;
    assert_eq!((both.status.as_u16(), warned(&both)), (201, overlap.clone()));
    // Where one ends the other may begin.
    let beside = world.create(at("02:00", "03:00")).await;
    assert_eq!(warned(&beside), json!([]));
    // Another time is looked at alike, and is not its own obstacle.
    let moved = format!("/bookings/{}", beside.body["booking"]["id"].as_str().unwrap());
    let to = async |start: &str, end: &str| {
        let time = json!({ "date": "2027-02-13", "start": start, "end": end });
        world.parent("PATCH", &moved, json!({ "time": time })).await
    };
    let answer = to("00:30", "01:30").await;
    assert_eq!((answer.status.as_u16(), &answer.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    let of = |booking: &Value| json!({ "code": "overlaps_own_booking", "booking_id": booking });
    assert_eq!(warned(&answer), json!([overlap[0], of(&both.body["booking"]["id"])]));
    assert_eq!(warned(&to("02:00", "03:00").await), json!([]));
    assert_eq!(warned(&world.parent("PATCH", &moved, json!({})).await), json!([]));
    world.cancel(&path).await;
    let alone = world.create(at("00:00", "01:00")).await;
    assert_eq!(warned(&alone), json!([of(&both.body["booking"]["id"])]), "it was called off");
}

#[tokio::test]
async fn a_series_warns_day_by_day_of_what_is_booked_besides() {
    let world = World::start().await;
    let other = Person::sitter(&world.client, "Nanny McPhee").await;
    let first = world.requested("2027-02-12").await;
    let mut body = series(other.id, &world.children);
    body["rule"] = json!("FREQ=DAILY;COUNT=3");
    let made = world.parent("POST", "/booking-series", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("/booking-series/{}", made.body["id"].as_str().unwrap());
    let warned = |series: &Value| -> Vec<Value> {
        series["dates"].as_array().unwrap().iter().map(|date| date["warnings"].clone()).collect()
    };
    let of = |path: &str| json!([{ "code": "overlaps_own_booking", "booking_id": id(path).to_string() }]);
    assert_eq!(warned(&made.body), [of(&first), json!([]), json!([])]);
    // It is told as it stands by then: what is booked later, what was called off, what was moved, what is over.
    let second = world.requested("2027-02-13").await;
    world.cancel(&first).await;
    let now = async || warned(&world.parent("GET", &path, Value::Null).await.body);
    assert_eq!(now().await, [json!([]), of(&second), json!([])]);
    let booked = made.body["dates"][2]["booking_id"].as_str().unwrap();
    let move_to = json!({ "time": evening("2027-02-13") });
    assert_eq!(world.parent("PATCH", &format!("/bookings/{booked}"), move_to).await.status, 200);
    let [_, on_second, moved] = &now().await[..] else { panic!("three days") };
    assert_eq!((on_second.as_array().unwrap().len(), moved.as_array().unwrap().len()), (2, 2));
    world.at("2027-02-14T02:00:00Z");
    assert_eq!(now().await, [json!([]), json!([]), json!([])]);
}

#[tokio::test]
async fn a_list_tells_what_is_to_come_and_what_was_and_nothing_private() {
    let world = World::start().await;
    let mut paths = Vec::new();
    for date in ["2027-02-14", "2027-02-12", "2027-02-13"] {
        paths.push(world.confirmed(date).await);
    }
    let dates = |answer: &Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap();
        items.iter().map(|item| item["time"]["date"].as_str().unwrap()[8..].to_owned()).collect()
    };
    for who in [&world.parent, &world.sitter] {
        let all = who.call(&world.client, "GET", "/bookings", Value::Null).await;
        assert_eq!(dates(&all), ["12", "13", "14"]);
        assert_discreet(&all.text);
        assert_eq!(all.headers["cache-control"], "no-store");
    }
    let first = world.sitter("GET", "/bookings?limit=1", Value::Null).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let next = async |cursor: &str| {
        world.sitter("GET", &format!("/bookings?limit=1&cursor={cursor}"), Value::Null).await
    };
    assert_eq!(dates(&next(cursor).await), ["13"]);
    // The first has gone out of the list meanwhile, and the pages go on.
    world.at("2027-02-13T20:00:00Z");
    assert_eq!(dates(&next(cursor).await), ["13"]);
    let past = world.sitter("GET", "/bookings?when=past", Value::Null).await;
    assert_eq!(dates(&past), ["12"]);
    world.at("2027-02-16T20:00:00Z");
    let past = world.sitter("GET", "/bookings?when=past&limit=2", Value::Null).await;
    assert_eq!(dates(&past), ["14", "13"]);
    let cursor = past.body["next_cursor"].as_str().unwrap();
    let last =
        world.sitter("GET", &format!("/bookings?when=past&limit=2&cursor={cursor}"), Value::Null).await;
    assert_eq!((dates(&last), &last.body["next_cursor"]), (vec!["12".to_owned()], &Value::Null));
    // A cursor is of its question and of whom it was given to.
    for (who, query) in [(&world.sitter, ""), (&world.parent, "&when=past")] {
        let path = format!("/bookings?limit=2&cursor={cursor}{query}");
        let answer = who.call(&world.client, "GET", &path, Value::Null).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["cursor"]));
    }
}

#[tokio::test]
async fn nobody_else_sees_or_changes_a_booking_or_a_series() {
    let world = World::start().await;
    let path = world.confirmed("2027-02-12").await;
    let made = world.parent("POST", "/booking-series", series(world.sitter.id, &world.children)).await;
    let of_series = format!("/booking-series/{}", made.body["id"].as_str().unwrap());
    let other = Person::parent(&world.client, "Eve").await;
    let rival = Person::sitter(&world.client, "Nanny McPhee").await;
    let before = world.stored(&path).await;
    let missing = format!("/bookings/{}", domain::id::new::<domain::id::BookingTag>(world.client.now()));
    for path in [&path, &missing] {
        for (method, operation, body) in [
            ("GET", "", Value::Null),
            ("GET", "/calendar.ics", Value::Null),
            ("PATCH", "", json!({ "time": evening("2027-02-13") })),
            ("POST", "/accept", Value::Null),
            ("POST", "/decline", Value::Null),
            ("POST", "/cancel", Value::Null),
            ("POST", "/check-in", json!({})),
            ("POST", "/check-out", json!({})),
            ("POST", "/dispute", json!({ "complaint": "It was short." })),
            ("POST", "/sos", Value::Null),
        ] {
            let is_sitters = ["/accept", "/decline", "/check-in", "/check-out"].contains(&operation);
            for (who, may) in [(&other, !is_sitters), (&rival, method != "PATCH")] {
                let answer =
                    who.call(&world.client, method, &format!("{path}{operation}"), body.clone()).await;
                let expected = if may { (404, "not_found", vec![]) } else { (403, "forbidden", vec![]) };
                assert_eq!(answer.problem(), expected, "{method} {operation}");
            }
        }
    }
    for method in ["GET", "DELETE"] {
        let answer = other.call(&world.client, method, &of_series, Value::Null).await;
        assert_eq!(answer.problem(), (404, "not_found", vec![]), "{method}");
    }
    assert_eq!(world.stored(&path).await, before);
    assert_eq!(other.call(&world.client, "GET", "/bookings", Value::Null).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_series_keeps_its_hours_when_the_clocks_change_and_tells_which_days_cannot_be() {
    let world = World::start().await;
    world.at("2027-02-01T12:00:00Z");
    // The clocks are put forward on the last Sunday of March. One evening is taken, and on one the sitter is away.
    world.confirmed("2027-03-20").await;
    let works = world.client.tables.sitter(world.sitter.id).await.unwrap().unwrap().availability;
    let date = "2027-03-21".parse().unwrap();
    let away = vec![Holiday { first: date, last: date }];
    world.sitter.works(&world.client, Availability { holidays: away, version: 2, ..works }).await;
    let mut body = series(world.sitter.id, &world.children);
    body["time"] = json!({ "date": "2027-03-15", "start": "19:00", "end": "23:00" });
    let made = world.parent("POST", "/booking-series", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_discreet(&made.text);
    assert_snapshot!(made.body);
    let path = format!("/booking-series/{}", made.body["id"].as_str().unwrap());
    assert_eq!(world.parent("GET", &path, Value::Null).await.body, made.body);
    let bookings: Vec<String> = made.body["dates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|date| Some(format!("/bookings/{}", date["booking_id"].as_str()?)))
        .collect();
    let mut starts = Vec::new();
    for booking in &bookings {
        let booking = world.parent("GET", booking, Value::Null).await.body;
        assert_eq!(booking["series_id"], made.body["id"]);
        assert_eq!(
            (&booking["time"]["start"], &booking["place"]["note"]),
            (&json!("19:00"), &json!("The key is under the blue pot."))
        );
        starts.push(booking["starts_at"].as_str().unwrap().to_owned());
    }
    assert_eq!(starts, ["2027-03-27T19:00:00Z", "2027-03-28T18:00:00Z"]);

    // Each is a booking of its own: one is accepted, and costs something from a day ahead on.
    assert_eq!(world.accept(&bookings[0]).await.status, 200);
    world.card(&bookings[0], Card::Good).await;
    let later = Person::parent(&world.client, "Eve").await;
    assert_eq!(later.call(&world.client, "DELETE", &path, Value::Null).await.status, 404);
    world.at("2027-03-26T20:00:00Z");
    world.due("2027-03-26T20:00:30Z", &bookings[1]).await;
    let ended = world.parent("DELETE", &path, Value::Null).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    let name = |path: &String| json!(id(path).to_string());
    assert_eq!(
        ended.body,
        json!({ "called_off": [], "kept": [name(&bookings[0])] }),
        "the other has expired"
    );
    assert_eq!(
        world.parent("GET", &path, Value::Null).await.body["state"],
        "complete",
        "it had no more days"
    );
}

#[tokio::test]
async fn a_series_that_is_ended_calls_off_what_costs_nothing_and_makes_no_more() {
    let world = World::start().await;
    let mut body = series(world.sitter.id, &world.children);
    body["rule"] = json!("FREQ=WEEKLY;COUNT=20");
    let made = world.parent("POST", "/booking-series", body.clone()).await;
    assert_eq!(made.body["state"], "active");
    let dates = made.body["dates"].as_array().unwrap();
    assert_eq!((&dates[0]["date"], dates.len()), (&json!("2027-02-12"), 5), "eight weeks ahead");
    let bookings: Vec<_> = dates.iter().map(|date| date["booking_id"].as_str().unwrap().to_owned()).collect();
    let path = |name: &String| format!("/bookings/{name}");
    // One is confirmed and free still, one asked for, one moved by itself, and one declined.
    world.accept(&path(&bookings[0])).await;
    world.card(&path(&bookings[0]), Card::Good).await;
    let moved = world.parent("PATCH", &path(&bookings[2]), json!({ "time": evening("2027-02-27") })).await;
    assert_eq!(moved.body["time"]["date"], "2027-02-27");
    world.sitter("POST", &format!("{}/decline", path(&bookings[3])), Value::Null).await;
    let of_series = format!("/booking-series/{}", made.body["id"].as_str().unwrap());
    let end = async || world.parent("DELETE", &of_series, Value::Null).await;
    let ended = end().await;
    let called_off = [&bookings[..3], &bookings[4..]].concat();
    assert_eq!(ended.body, json!({ "called_off": called_off, "kept": [] }));
    let states = ["cancelled", "withdrawn", "withdrawn", "declined", "withdrawn"];
    for (name, state) in bookings.iter().zip(states) {
        assert_eq!(world.parent("GET", &path(name), Value::Null).await.body["state"], state);
    }
    assert_eq!(end().await.body, json!({ "called_off": [], "kept": [] }), "again");
    let after = world.parent("GET", &of_series, Value::Null).await.body;
    assert_eq!((&after["state"], &after["dates"]), (&json!("ended"), &made.body["dates"]));
    // A sitter has no series, and a repeated request is one.
    let sitters = world.sitter("GET", &of_series, Value::Null).await;
    assert_eq!(sitters.problem(), (403, "forbidden", vec![]));
    let headers = [("idempotency-key", "s1")];
    let mut made = Vec::new();
    for _ in 0..2 {
        let answer =
            world.parent.call_with(&world.client, "POST", "/booking-series", body.clone(), &headers).await;
        made.push(answer.body["id"].clone());
    }
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn a_booking_is_an_event_of_a_calendar() {
    let world = World::start().await;
    let path = world.confirmed("2027-02-12").await;
    let calendar = format!("{path}/calendar.ics");
    let answer = world.parent("GET", &calendar, Value::Null).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"text/calendar; charset=utf-8".parse().unwrap())
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_discreet(&answer.text);
    let hidden = |text: &str| {
        let lines = text.replace(&id(&path).to_string(), "[id]").replace("\r\n", "\n");
        lines
            .lines()
            .map(|line| match line.split_once(':') {
                Some((name @ "DTSTAMP", _)) => format!("{name}:[now]\n"),
                _ => format!("{line}\n"),
            })
            .collect::<String>()
    };
    insta::assert_snapshot!(hidden(&answer.text));
    let theirs = world.sitter("GET", &calendar, Value::Null).await;
    assert!(theirs.text.contains("SUMMARY:Looking after the children of Ada Lovelace"), "{}", theirs.text);
    assert_discreet(&theirs.text);
    assert!(theirs.text.lines().all(|line| line.len() <= 75), "lines are folded");
    world.cancel(&path).await;
    let off = world.parent("GET", &calendar, Value::Null).await.text;
    assert!(
        off.contains("STATUS:CANCELLED") && off.contains("SEQUENCE:3") && !off.contains("VALARM"),
        "{off}"
    );
}

#[tokio::test]
async fn what_is_taken_cannot_be_booked_and_the_answer_has_another_version() {
    let world = World::start().await;
    world.client.index(world.sitter.id).await;
    let range = "starts_at=2027-02-12T12:00:00Z&ends_at=2027-02-13T12:00:00Z";
    let path = format!("/sitters/{}/availability?{range}", world.sitter.id);
    let get = async |etag: &str| {
        world.client.call_with("GET", &path, None, Value::Null, &[("if-none-match", etag)]).await
    };
    let slot = |from: &str, to: &str| json!({ "starts_at": from, "ends_at": to });
    let free = get("\"none\"").await;
    assert_eq!(free.body["items"], json!([slot("2027-02-12T17:00:00Z", "2027-02-13T03:00:00Z")]));
    let etag = free.headers["etag"].to_str().unwrap();
    let booking = world.requested("2027-02-12").await;
    assert_eq!(get(etag).await.status, 304, "a request takes nothing");
    world.accept(&booking).await;
    let taken = get(etag).await;
    let rest = json!([
        slot("2027-02-12T17:00:00Z", "2027-02-12T19:00:00Z"),
        slot("2027-02-13T01:00:00Z", "2027-02-13T03:00:00Z"),
    ]);
    assert_eq!((taken.status.as_u16(), &taken.body["items"]), (200, &rest));
    assert_ne!(taken.headers["etag"], etag);
    assert_discreet(&taken.text);
    assert!(!taken.text.contains("bkg_"), "nobody learns of whose booking it is");
    world.cancel(&booking).await;
    assert_eq!(get(etag).await.status, 304, "it is as it was");
}

#[tokio::test]
async fn whoever_is_taken_is_found_for_other_hours_only() {
    let world = World::start().await;
    let found = async |start: &str, end: &str| {
        world.client.index(world.sitter.id).await;
        let place = "latitude=53.7416&longitude=-2.0133";
        let path = format!("/sitters/search?{place}&starts_at={start}&ends_at={end}");
        let answer = world.client.call("GET", &path, None, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.text.contains("2027-02"), "nobody learns when somebody is booked: {}", answer.text);
        answer.body["total"] == 1
    };
    let evening = async || found("2027-02-12T19:00:00Z", "2027-02-13T01:00:00Z").await;
    let booking = world.requested("2027-02-12").await;
    assert!(evening().await, "a request takes nothing");
    assert_eq!(world.accept(&booking).await.status, 200);
    assert!(!evening().await);
    assert!(!found("2027-02-13T00:00:00Z", "2027-02-13T03:00:00Z").await);
    assert!(found("2027-02-13T01:00:00Z", "2027-02-13T03:00:00Z").await, "it is over by then");
    assert!(found("2027-02-13T19:00:00Z", "2027-02-14T01:00:00Z").await);

    // Another time, once it is agreed on, takes other hours, and gives these back.
    world.card(&booking, Card::Good).await;
    let time = json!({ "time": { "date": "2027-02-13", "start": "19:00", "end": "21:00" } });
    assert_eq!(world.parent("PATCH", &booking, time).await.status, 200);
    assert!(!evening().await && found("2027-02-13T19:00:00Z", "2027-02-13T21:00:00Z").await);
    assert_eq!(world.accept(&booking).await.status, 200);
    assert!(evening().await && !found("2027-02-13T19:00:00Z", "2027-02-13T21:00:00Z").await);

    assert_eq!(world.cancel(&booking).await.status, 200);
    assert!(found("2027-02-13T19:00:00Z", "2027-02-13T21:00:00Z").await);
}

#[tokio::test]
async fn a_night_ends_where_a_day_off_begins_wherever_it_is_asked_for() {
    let world = World::start().await;
    let id = world.sitter.id;
    let works = listed_sitter(world.client.now()).availability;
    // From 17:00 to 03:00, but for that Saturday.
    let off = vec![Holiday::parse("2027-02-13".parse().unwrap(), "2027-02-13".parse().unwrap()).unwrap()];
    let weekly = every_day("17:00", "03:00");
    world.sitter.works(&world.client, Availability { weekly, holidays: off, version: 2, ..works }).await;
    world.client.index(id).await;
    let night = |end: &str| json!({ "date": "2027-02-12", "start": "19:00", "end": end });
    let (long, short) = (night("01:00"), night("00:00"));

    let quoted =
        async |time: &Value| world.quote(with(question(id, &world.children), "/time", time.clone())).await;
    assert_eq!(quoted(&long).await.problem(), (409, "not_working", vec![]));
    assert_eq!(quoted(&short).await.status, 200);
    let asked = world.create(with(world.wish(), "/time", long.clone())).await;
    assert_eq!(asked.problem(), (409, "not_working", vec![]));

    let found = async |end: &str| {
        let when = format!("starts_at=2027-02-12T19:00:00Z&ends_at={end}");
        let path = format!("/sitters/search?latitude=53.74&longitude=-2.01&{when}");
        let answer = world.client.call("GET", &path, None, Value::Null).await;
        answer.body["items"].as_array().unwrap().iter().any(|item| item["id"] == id.to_string())
    };
    assert!(!found("2027-02-13T01:00:00Z").await);
    assert!(found("2027-02-13T00:00:00Z").await);

    let range = "starts_at=2027-02-12T12:00:00Z&ends_at=2027-02-14T12:00:00Z";
    let path = format!("/sitters/{id}/availability?{range}");
    let shown = world.client.call("GET", &path, None, Value::Null).await;
    let expected = json!([{ "starts_at": "2027-02-12T17:00:00Z", "ends_at": "2027-02-13T00:00:00Z" }]);
    assert_eq!(shown.body["items"], expected, "and nothing on Saturday; Sunday's begins at 17:00");

    let mut nights = series(id, &world.children);
    nights["time"] = long;
    nights["rule"] = json!("FREQ=WEEKLY;COUNT=2");
    let made = world.parent("POST", "/booking-series", nights).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let dates = &made.body["dates"];
    assert_eq!(
        (&dates[0]["obstacle"], &dates[1]["obstacle"]),
        (&json!("not_working"), &Value::Null),
        "{dates}"
    );
}

#[tokio::test]
async fn a_child_who_is_booked_stays() {
    let world = World::start().await;
    let child = |place: usize| format!("/me/children/{}", world.children[place]);
    let booking = world.requested("2027-02-12").await;
    // The third day is not within eight weeks, so that the series stays active.
    let rule = with(series(world.sitter.id, &world.children[..1]), "/rule", json!("FREQ=WEEKLY;COUNT=3"));
    let made = world.parent("POST", "/booking-series", with(rule, "/time", evening("2027-03-05"))).await;
    let series_path = format!("/booking-series/{}", made.body["id"].as_str().unwrap());
    let dates = made.body["dates"].as_array().unwrap();
    let of_series: Vec<_> =
        dates.iter().map(|date| date["booking_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(of_series.len(), 2);

    let delete = async |place: usize| world.parent("DELETE", &child(place), Value::Null).await;
    let kept = delete(0).await;
    assert_eq!(kept.problem(), (409, "child_is_booked", vec![]));
    let mut named = vec![made.body["id"].as_str().unwrap().to_owned(), booking[10..].to_owned()];
    named.extend(of_series.clone());
    assert_eq!(kept.body["blocked_by"], json!(named));
    // The other child is in the first booking alone.
    assert_eq!(delete(1).await.body["blocked_by"], json!([booking[10..]]));
    assert_eq!(world.cancel(&booking).await.status, 200);
    assert_eq!(delete(1).await.status, 204);
    // Ending a series calls off what costs nothing.
    assert_eq!(world.parent("DELETE", &series_path, Value::Null).await.status, 200);
    assert_eq!(delete(0).await.status, 204);
    assert_eq!(delete(0).await.problem(), (404, "not_found", vec![]));
}

#[tokio::test]
async fn of_a_booking_and_the_removal_of_its_child_one_happens() {
    let world = Arc::new(World::start().await);
    let (mut booked, mut removed) = (0, 0);
    for round in 0..12 {
        let added = world.parent("POST", "/me/children", byron()).await;
        let id = added.body["id"].as_str().unwrap().to_owned();
        let wish = with(wish(world.sitter.id, std::slice::from_ref(&id)), "/time/date", json!("2027-02-12"));
        let (create, delete) = (world.clone(), world.clone());
        let create = tokio::spawn(async move { create.create(wish).await });
        // At another moment of the booking each time.
        let path = format!("/me/children/{id}");
        let delete = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
            delete.parent("DELETE", &path, Value::Null).await
        });
        let (create, delete) = (create.await.unwrap(), delete.await.unwrap());
        match (create.status.as_u16(), delete.status.as_u16()) {
            (201, 409) => booked += 1,
            // The child was gone before the booking was asked for, or while it was.
            (400 | 409, 204) => removed += 1,
            other => panic!("{other:?}: {} {}", create.body, delete.body),
        }
    }
    assert_eq!(booked + removed, 12);
}

#[tokio::test]
async fn a_user_who_was_just_suspended_changes_no_booking_but_may_call_for_help() {
    let world = World::start().await;
    let accepted = world.confirmed("2027-02-12").await;
    let requested = world.requested("2027-02-19").await;
    let end = async |path: &str, verb: &str, body: Value| {
        let (parent, sitter) = (&world.parent, &world.sitter);
        for (who, name) in [(parent, "parent"), (sitter, "sitter")] {
            let token = world.client.token(&who.session).await;
            // So the function has just asked which tokens have ended.
            assert_eq!(world.client.get("/me", &token).await.status, 200);
            let before = world.client.tables.user(who.id).await.unwrap().unwrap();
            world.client.set_standing(&before, true).await;
            let stored = world.changes().await;
            let method = if verb == "PATCH" { verb } else { "POST" };
            let url = if method == "PATCH" { path.to_owned() } else { format!("{path}{verb}") };
            let answer = world.client.call(method, &url, Some(&token), body.clone()).await;
            assert!(matches!(answer.status.as_u16(), 401 | 403 | 404 | 409), "{name} {url}: {}", answer.body);
            assert_eq!(world.changes().await, stored, "{name} {url}");
            let suspended = world.client.tables.user(who.id).await.unwrap().unwrap();
            world.client.set_standing(&suspended, false).await;
            // The revocation is over with the access tokens that it is about.
            world.client.turn_clock(20 * 60);
        }
    };
    end("/bookings", "", world.wish()).await;
    end("/booking-series", "", series(world.sitter.id, &world.children)).await;
    end(&requested, "/accept", Value::Null).await;
    end(&requested, "/decline", Value::Null).await;
    end(&requested, "PATCH", json!({ "time": evening("2027-02-20") })).await;
    end(&requested, "/cancel", Value::Null).await;
    end(&accepted, "/cancel", Value::Null).await;
    world.at("2027-02-12T18:50:00Z");
    end(&accepted, "/check-in", json!({})).await;

    let token = world.client.token(&world.sitter.session).await;
    assert_eq!(world.client.get("/me", &token).await.status, 200);
    let sitter = world.client.tables.user(world.sitter.id).await.unwrap().unwrap();
    world.client.set_standing(&sitter, true).await;
    let help = world.client.call("POST", &format!("{accepted}/sos"), Some(&token), Value::Null).await;
    assert_eq!(help.status, 202, "{}", help.body);
}

#[tokio::test]
async fn admins_hear_of_a_sitter_who_is_suspended_while_there() {
    let world = World::start().await;
    let path = world.confirmed("2027-02-12").await;
    world.at("2027-02-12T18:55:00Z");
    let there = world.sitter("POST", &format!("{path}/check-in"), json!({})).await;
    assert_eq!(there.status, 200, "{}", there.body);
    let admin = world.client.admin("root@example.org").await;
    let tasks = Tasks::of(&world.client);
    tasks.deliver(&world.client).await;
    let suspend = json!({ "status": "suspended", "reason": "Complaints" });
    let suspend_path = format!("/admin/users/{}/status", world.sitter.id);
    let suspended = world.client.call("POST", &suspend_path, Some(&admin), suspend).await;
    assert_eq!(suspended.status, 200, "{}", suspended.body);
    tasks.deliver(&world.client).await;
    world.client.dynamo.calls.take();
    tasks.looks_ahead_of(world.sitter.id).await;
    assert_eq!(taken(&world.client), [1, 0, 0], "an alert");
}
