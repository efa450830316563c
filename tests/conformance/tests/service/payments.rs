//! What parents pay and sitters earn, beside a pretended Stripe.

use domain::{
    booking::{Booking, Card, Event, News, Presence, Refusal, Who, policy::Charge},
    id::{BookingId, PaymentId},
    payment::{Order, Payment, Purpose, State as Paid},
    role::Role,
    session::Session,
    stripe::PaymentMethodId,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use payments::work::Worker;
use serde_json::{Value, json};
use storage::bookings::{Actor, Changed};
use testing::{STRIPE_WEBHOOK_SECRET, acting_as, requested_booking, stripe_signature};

use crate::{
    authorization::sign_in,
    client::{Answer, Client},
};

/// A payment of a booking that nobody has been asked for.
pub async fn of(client: &Client, booking: BookingId) -> PaymentId {
    let booking = client.tables.booking(booking).await.unwrap().unwrap();
    let order = Order {
        booking: booking.id,
        parent: booking.parent,
        sitter: booking.sitter,
        purpose: Purpose::Care,
        charge: Charge::of(&booking.quote),
        method: booking.method,
        customer: None,
    };
    let payment = Payment::new(order, client.now());
    client.tables.save_payment(&payment, None, &[]).await.unwrap();
    payment.id
}

/// A family that has left a card, a sitter, and a booking of theirs two days ahead that the sitter has accepted.
struct Family {
    client: Client,
    parent: (User, Session),
    sitter: (User, Session),
    customer: String,
    booking: BookingId,
}

impl Family {
    async fn with(card: &str) -> Self {
        let client = Client::start().await;
        let parent = sign_in(&client, Role::Parent, "Ada").await;
        let sitter = sign_in(&client, Role::Sitter, "Mary").await;
        let token = client.token(&parent.1).await;
        let left = client.call("POST", "/payments/setup-intent", Some(&token), Value::Null).await;
        assert_eq!(left.status, 201, "{}", left.body);
        let customer = client.stripe.books().customers.keys().next().unwrap().clone();
        client.stripe.leave(card, &customer);
        let now = client.now();
        let date = domain::sitter::today(now).checked_add(jiff::Span::new().days(2)).unwrap();
        let method = PaymentMethodId::parse(card).unwrap();
        let booking = Booking { method, ..requested_booking(parent.0.id, sitter.0.id, date, now) };
        client.tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let family = Self { client, parent, sitter, customer, booking: booking.id };
        family.happens(Event::Accept, Who::Sitter).await;
        family.works().await;
        family
    }

    async fn parent(&self, method: &str, path: &str, body: Value) -> Answer {
        let token = self.client.token(&self.parent.1).await;
        self.client.call(method, path, Some(&token), body).await
    }

    async fn sitter(&self, method: &str, path: &str, body: Value) -> Answer {
        let token = self.client.token(&self.sitter.1).await;
        self.client.call(method, path, Some(&token), body).await
    }

    /// Somebody else of that role.
    async fn other(&self, role: Role, method: &str, path: &str, body: Value) -> Answer {
        let (_, session) = sign_in(&self.client, role, "Eve").await;
        let token = self.client.token(&session).await;
        self.client.call(method, path, Some(&token), body).await
    }

    async fn retry(&self, body: Value) -> Answer {
        self.parent("POST", &format!("/bookings/{}/payment", self.booking), body).await
    }

    async fn works(&self) {
        acting_as("PaymentsWork", Worker::new(self.client.app.clone()).settle(self.booking)).await.unwrap();
    }

    async fn booking(&self) -> Booking {
        self.client.tables.booking(self.booking).await.unwrap().unwrap()
    }

    async fn payment(&self) -> Payment {
        self.client.tables.payments_of(self.booking).await.unwrap().remove(0)
    }

    async fn happens(&self, event: Event, who: Who) {
        let now = self.client.now();
        let rule = |before: &Booking| {
            let presence = Presence { at: now, distance_metres: None };
            let after = match event {
                Event::CheckIn => before.checked_in(presence)?,
                Event::CheckOut => before.checked_out(presence)?,
                event => before.after(event, who, now)?,
            };
            Ok::<_, Refusal>(Some(Changed::told(after, News::Event(event))))
        };
        self.client.tables.change_booking(self.booking, &Actor::default(), now, rule).await.unwrap();
    }

    /// Turns the clock to so many hours after the start.
    async fn turn(&self, hours: i64) {
        let at = self.booking().await.span.start + SignedDuration::from_hours(hours);
        self.client.turn_clock(at.duration_since(self.client.now()).as_secs() + 1);
    }

    /// A day ahead, when the card is asked.
    async fn is_asked(&self) {
        self.turn(-24).await;
        self.works().await;
    }

    /// The sitter has come and gone, in time, and two days are over.
    async fn is_settled(&self) {
        self.is_asked().await;
        self.turn(0).await;
        self.happens(Event::CheckIn, Who::Sitter).await;
        self.turn(5).await;
        self.happens(Event::CheckOut, Who::Sitter).await;
        self.works().await;
        self.turn(5 + 49).await;
        self.happens(Event::Settle, Who::System).await;
        self.works().await;
    }

    /// What was told of the booking last.
    async fn news(&self) -> Vec<&'static str> {
        let items = self.client.items("main").await;
        let events = items.iter().filter_map(|item| serde_json::from_str(item["event"].as_str()?).ok());
        let mut news: Vec<(Timestamp, &'static str)> = events
            .filter_map(|event: domain::event::Event| match event.fact {
                domain::event::Fact::Booking { news, .. } => Some((event.occurred_at, news.name())),
                _ => None,
            })
            .collect();
        news.sort_unstable();
        news.into_iter().map(|(_, news)| news).collect()
    }
}

fn gbp(amount_minor: u32) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "GBP" })
}

#[tokio::test]
async fn a_parent_leaves_cards_and_takes_them_away() {
    let client = Client::start().await;
    let (_, session) = sign_in(&client, Role::Parent, "Ada").await;
    let token = client.token(&session).await;
    let call = |method, path: String| {
        let (client, token) = (&client, token.clone());
        async move { client.call(method, &path, Some(&token), Value::Null).await }
    };
    // Whoever has never left a card is not known to Stripe.
    let none = call("GET", "/payment-methods".into()).await;
    assert_eq!((none.status.as_u16(), none.body), (200, json!({ "items": [], "next_cursor": null })));
    assert_eq!(call("DELETE", "/payment-methods/pm_1".into()).await.problem(), (404, "not_found", vec![]));
    assert!(client.stripe.books().calls.is_empty());

    for _ in 0..2 {
        let left = call("POST", "/payments/setup-intent".into()).await;
        assert_eq!(left.status, 201, "{}", left.body);
        assert!(left.body["client_secret"].as_str().unwrap().starts_with("seti_"));
    }
    // Each time another form, of one customer, of whom Stripe knows our name and nothing else.
    let changes = client.stripe.books().calls.clone();
    let lines: Vec<&str> = changes.iter().map(|call| call.line.as_str()).collect();
    assert_eq!(lines, ["POST /v1/customers", "POST /v1/setup_intents", "POST /v1/setup_intents"]);
    assert_eq!(changes[0].pairs, [("metadata[user]".to_owned(), session.user_id.to_string())]);
    assert_ne!(changes[1].key, changes[2].key);
    let customer = client.stripe.books().customers.keys().next().unwrap().clone();
    client.stripe.leave("pm_1", &customer);
    client.stripe.leave("pm_2", &customer);
    client.stripe.leave("pm_other", "cus_other");
    client.stripe.leave("pm_debit", "cus_other");

    let cards = call("GET", "/payment-methods".into()).await;
    let ids: Vec<_> = cards.body["items"].as_array().unwrap().iter().map(|card| &card["id"]).collect();
    assert_eq!(ids, ["pm_2", "pm_1"]);
    let expected = json!({
        "id": "pm_1", "brand": "visa", "last4": "4242", "expires_month": 12, "expires_year": 2040,
    });
    assert_eq!(cards.body["items"][1], expected);

    for id in ["pm_other", "pm_debit", "pm_unknown"] {
        let answer = call("DELETE", format!("/payment-methods/{id}")).await;
        assert_eq!(answer.problem(), (404, "not_found", vec![]), "{id}");
    }
    for id in ["cus_1", "pm_", "pm_..%2F..%2Fcustomers"] {
        let answer = call("DELETE", format!("/payment-methods/{id}")).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["id"]), "{id}");
    }
    assert_eq!(call("DELETE", "/payment-methods/pm_1".into()).await.status, 204);
    assert_eq!(call("DELETE", "/payment-methods/pm_1".into()).await.status, 404);
    let books = client.stripe.books();
    assert_eq!((&books.cards["pm_1"], &books.cards["pm_other"]), (&None, &Some("cus_other".into())));
}

#[tokio::test]
async fn a_card_that_a_booking_is_to_be_paid_with_is_replaced_before_it_is_taken_away() {
    let family = Family::with("pm_good").await;
    let client = &family.client;
    let delete =
        async |card: &str| family.parent("DELETE", &format!("/payment-methods/{card}"), Value::Null).await;
    let in_use = delete("pm_good").await;
    assert_eq!(in_use.problem(), (409, "card_in_use", vec![]));
    assert!(in_use.body["detail"].as_str().unwrap().contains(&family.booking.to_string()));
    // Not by one that is none: that would call the booking off for nothing.
    client.stripe.leave("pm_strangers", "cus_other");
    for card in ["pm_nobodys", "pm_strangers"] {
        let answer = family.retry(json!({ "payment_method_id": card })).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["/payment_method_id"]), "{card}");
    }
    assert_eq!(
        (family.booking().await.method.as_str(), family.booking().await.card),
        ("pm_good", Card::Good)
    );
    client.stripe.leave("pm_other", &family.customer);
    assert_eq!(family.retry(json!({ "payment_method_id": "pm_other" })).await.status, 200);
    family.works().await;
    assert_eq!(
        (family.booking().await.method.as_str(), family.booking().await.card),
        ("pm_other", Card::Good)
    );
    assert_eq!(delete("pm_good").await.status, 204);
    // What is held is held, until it is taken.
    family.is_asked().await;
    client.stripe.leave("pm_third", &family.customer);
    let late = family.retry(json!({ "payment_method_id": "pm_third" })).await;
    assert_eq!(late.problem(), (409, "nothing_to_mend", vec![]));
    assert_eq!(delete("pm_other").await.problem(), (409, "card_in_use", vec![]));
    family.turn(0).await;
    family.happens(Event::CheckIn, Who::Sitter).await;
    family.turn(5).await;
    family.happens(Event::CheckOut, Who::Sitter).await;
    assert_eq!(delete("pm_other").await.problem(), (409, "card_in_use", vec![]));
    family.works().await;
    assert_eq!(delete("pm_other").await.status, 204);
    assert_eq!(delete("pm_third").await.status, 204);
}

#[tokio::test]
async fn cards_are_not_tried_one_after_the_other() {
    let client = Client::start().await;
    let (_, session) = sign_in(&client, Role::Parent, "Ada").await;
    let token = client.token(&session).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let answer = client.call("POST", "/payments/setup-intent", Some(&token), Value::Null).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [[201].repeat(10), [429].repeat(2)].concat());
    // The same bucket keeps retries, and what others do from the same address is counted, too.
    let path = "/bookings/bkg_01h455vb4pex5vsknk084sn02q/payment";
    assert_eq!(client.call("POST", path, Some(&token), json!({})).await.status, 429);
    let mut refused = 0;
    for _ in 0..3 {
        let (_, session) = sign_in(&client, Role::Parent, "Eve").await;
        let token = client.token(&session).await;
        for _ in 0..10 {
            let answer = client.call("POST", "/payments/setup-intent", Some(&token), Value::Null).await;
            refused += i32::from(answer.status == 429);
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn without_stripe_others_go_on() {
    let family = Family::with("pm_good").await;
    family.client.stripe.books().is_down = true;
    for (method, path) in [
        ("POST", "/payments/setup-intent"),
        ("GET", "/payment-methods"),
        ("DELETE", "/payment-methods/pm_good"),
    ] {
        let answer = family.parent(method, path, Value::Null).await;
        assert_eq!(answer.problem(), (503, "unavailable", vec![]), "{path}");
    }
    assert_eq!(family.sitter("POST", "/payouts/onboarding", Value::Null).await.status, 503);
    assert_eq!(family.parent("GET", "/payments", Value::Null).await.status, 200);
    assert_eq!(family.sitter("GET", "/earnings", Value::Null).await.status, 200);
    assert_eq!(
        family.sitter("GET", "/payouts/onboarding", Value::Null).await.body,
        json!({ "state": "none" })
    );
}

#[tokio::test]
async fn a_card_is_mended_before_anything_is_to_be_paid() {
    let family = Family::with("pm_good").await;
    assert_eq!(family.retry(json!({})).await.problem(), (409, "nothing_to_mend", vec![]));
    let family = Family::with("pm_good").await;
    // It was taken away, and the booking asks for it.
    family.client.stripe.books().cards.clear();
    let rule = |before: &Booking| {
        Ok::<_, Refusal>(Some(Changed::new(before.with_method(before.method.clone()), None)))
    };
    let now = family.client.now();
    family.client.tables.change_booking(family.booking, &Actor::default(), now, rule).await.unwrap();
    family.works().await;
    assert_eq!(family.booking().await.card, Card::Refused);

    family.client.stripe.leave("pm_other", &family.customer);
    let answer = family.retry(json!({ "payment_method_id": "pm_other" })).await;
    let expected = json!({ "next": "retrying", "client_secret": null });
    assert_eq!((answer.status.as_u16(), answer.body), (200, expected));
    let booking = family.booking().await;
    assert_eq!((booking.method.as_str(), booking.card), ("pm_other", Card::Unasked));
    assert_eq!(family.news().await.last(), Some(&"card_changed"));
    family.works().await;
    assert_eq!(family.booking().await.card, Card::Good);
    assert_eq!(family.retry(json!({})).await.problem(), (409, "nothing_to_mend", vec![]));
}

#[tokio::test]
async fn a_payment_is_tried_again_and_confirmed() {
    let family = Family::with("pm_refused").await;
    family.is_asked().await;
    let refused = family.payment().await;
    assert_eq!((refused.state, family.booking().await.card), (Paid::Failed, Card::Refused));
    let path = format!("/payments/{}", refused.id);
    let seen = family.parent("GET", &path, Value::Null).await;
    assert_eq!(
        (&seen.body["state"], &seen.body["failure"]),
        (&json!("failed"), &json!("insufficient_funds"))
    );
    let seen = family.sitter("GET", &path, Value::Null).await;
    assert_eq!((&seen.body["state"], &seen.body["failure"]), (&json!("failed"), &Value::Null));

    // With the same card once more.
    assert_eq!(family.retry(json!({})).await.body["next"], "retrying");
    family.works().await;
    assert_eq!((family.payment().await.state, family.payment().await.attempt), (Paid::Failed, 3));
    // With one whose bank wants its owner.
    family.client.stripe.leave("pm_asks", &family.customer);
    assert_eq!(family.retry(json!({ "payment_method_id": "pm_asks" })).await.status, 200);
    // Until the worker has asked, there is nothing else to do.
    assert_eq!(family.retry(json!({})).await.problem(), (409, "nothing_to_mend", vec![]));
    family.works().await;
    assert_eq!(family.booking().await.card, Card::ActionRequired);
    let confirm = family.retry(json!({})).await;
    let intent = family.payment().await.intent.unwrap();
    let expected = json!({ "next": "confirm", "client_secret": format!("{intent}_secret_1") });
    assert_eq!((confirm.status.as_u16(), confirm.body), (200, expected));
    family.client.stripe.confirm(intent.as_str(), true);
    acting_as("PaymentsWork", Worker::new(family.client.app.clone()).hear(intent.as_str())).await.unwrap();
    assert_eq!((family.payment().await.state, family.booking().await.card), (Paid::Authorised, Card::Held));

    // Or with another card instead.
    let family = Family::with("pm_asks").await;
    family.is_asked().await;
    family.client.stripe.leave("pm_good", &family.customer);
    let answer = family.retry(json!({ "payment_method_id": "pm_good" })).await;
    assert_eq!(answer.body, json!({ "next": "retrying", "client_secret": null }));
    family.works().await;
    assert_eq!((family.payment().await.state, family.payment().await.attempt), (Paid::Authorised, 2));
    // In the end nothing is left to mend.
    family.happens(Event::Cancel, Who::Sitter).await;
    family.works().await;
    assert_eq!(family.retry(json!({})).await.problem(), (409, "nothing_to_mend", vec![]));
}

#[tokio::test]
async fn a_refused_card_of_a_booking_that_is_over_is_not_mended() {
    let family = Family::with("pm_refused").await;
    family.is_asked().await;
    family.happens(Event::Cancel, Who::Sitter).await;
    family.works().await;
    assert_eq!((family.booking().await.card, family.payment().await.state), (Card::Refused, Paid::Released));
    assert_eq!(family.retry(json!({})).await.problem(), (409, "nothing_to_mend", vec![]));
    // Nor one of a booking that is about to be called off.
    let family = Family::with("pm_refused").await;
    family.is_asked().await;
    family.turn(-1).await;
    assert_eq!(family.retry(json!({})).await.problem(), (409, "too_late", vec![]));
    assert_eq!(family.booking().await.card, Card::Refused);
}

#[tokio::test]
async fn a_retry_is_judged_field_by_field_and_is_its_parents() {
    let family = Family::with("pm_refused").await;
    family.is_asked().await;
    for (body, pointer) in [
        (json!({ "payment_method_id": "card" }), "/payment_method_id"),
        (json!({ "payment_method_id": "" }), "/payment_method_id"),
        (json!({ "payment_method_id": null }), "/payment_method_id"),
        (json!({ "payment_method_id": 1 }), "/payment_method_id"),
        (json!({ "method": "pm_good" }), "/method"),
    ] {
        let answer = family.retry(body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{body}");
        family.client.turn_clock(360);
    }
    let path = format!("/bookings/{}/payment", family.booking);
    let other = family.other(Role::Parent, "POST", &path, json!({})).await;
    assert_eq!(other.problem(), (404, "not_found", vec![]));
    assert_eq!(family.sitter("POST", &path, json!({})).await.status, 403);
    assert_eq!(family.payment().await.state, Paid::Failed);
}

#[tokio::test]
async fn both_sides_see_what_is_theirs() {
    let family = Family::with("pm_good").await;
    family.is_settled().await;
    let booking = family.booking().await;
    let (total, theirs) = (booking.quote.total().amount_minor, booking.quote.sitter().amount_minor);
    let payment = family.payment().await.id.to_string();

    let paid = family.parent("GET", "/payments", Value::Null).await;
    let [line] = &paid.body["items"].as_array().unwrap()[..] else { panic!("{}", paid.body) };
    assert_eq!((&line["kind"], &line["amount"]), (&json!("charged"), &gbp(total)));
    assert_eq!((&line["booking_id"], &line["payment_id"]), (&json!(booking.id.to_string()), &json!(payment)));
    assert_eq!(paid.body["next_cursor"], Value::Null);
    let earned = family.sitter("GET", "/payments", Value::Null).await;
    assert_eq!(earned.body["items"][0]["amount"], gbp(theirs));

    let path = format!("/payments/{payment}");
    for (side, amount) in [("parent", total), ("sitter", theirs)] {
        let answer = match side {
            "parent" => family.parent("GET", &path, Value::Null).await,
            _ => family.sitter("GET", &path, Value::Null).await,
        };
        let mut body = answer.body;
        body.as_object_mut().unwrap().remove("created_at");
        let expected = json!({
            "id": payment, "booking_id": booking.id.to_string(), "purpose": "care", "state": "captured",
            "priced": gbp(amount), "captured": gbp(amount), "refunded": gbp(0), "failure": null,
        });
        assert_eq!(body, expected, "{side}");
    }
    // Of others nobody sees anything.
    for role in [Role::Parent, Role::Sitter] {
        assert_eq!(family.other(role, "GET", &path, Value::Null).await.problem(), (404, "not_found", vec![]));
        let nothing = family.other(role, "GET", "/payments", Value::Null).await;
        assert_eq!(nothing.body, json!({ "items": [], "next_cursor": null }));
    }
    let unknown = family.parent("GET", "/payments/pay_01h455vb4pex5vsknk084sn02q", Value::Null).await;
    assert_eq!(unknown.problem(), (404, "not_found", vec![]));
    let wrong = family.parent("GET", &format!("/payments/{}", booking.id), Value::Null).await;
    assert_eq!(wrong.problem(), (400, "invalid_request", vec!["id"]));
}

#[tokio::test]
async fn an_admin_sees_what_a_bank_has_taken_back() {
    let family = Family::with("pm_good").await;
    family.is_settled().await;
    let path = format!("/admin/disputes/{}", family.booking);
    let admin = async |path: &str| family.other(Role::Admin, "GET", path, Value::Null).await;
    assert_eq!(admin(&path).await.problem(), (404, "not_found", vec![]));
    let payment = family.payment().await;
    let (intent, total) = (payment.intent.clone().unwrap(), payment.captured.total().amount_minor);
    family.client.stripe.dispute(intent.as_str(), "needs_response", total);
    acting_as("PaymentsWork", Worker::new(family.client.app.clone()).hear(intent.as_str())).await.unwrap();
    let seen = admin(&path).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let due_by = family.payment().await.chargeback.unwrap().due_by.unwrap();
    let expected = json!([{
        "payment_id": payment.id.to_string(), "state": "open", "open": gbp(total), "lost": gbp(0),
        "due_by": due_by.to_string(),
    }]);
    assert_eq!(
        (&seen.body["chargebacks"], &seen.body["by"], &seen.body["complaint"]),
        (&expected, &Value::Null, &Value::Null)
    );
    let refund = json!({ "amount": gbp(1), "reason": "Agreed" });
    let path = format!("/admin/payments/{}/refund", payment.id);
    let refused = family.other(Role::Admin, "POST", &path, refund).await;
    assert_eq!(refused.problem(), (409, "not_refundable", vec![]));
}

#[tokio::test]
async fn a_sitter_tells_where_to_pay_and_is_paid() {
    let family = Family::with("pm_good").await;
    family.is_settled().await;
    let booking = family.booking().await;
    let theirs = gbp(booking.quote.sitter().amount_minor);
    let earnings = family.sitter("GET", "/earnings", Value::Null).await.body;
    let nothing = gbp(0);
    let balances = |refunded: &Value, paid_out: &Value, open: &Value| {
        json!([{
            "earned": theirs, "refunded": refunded, "paid_out": paid_out, "called_back": refunded,
            "waived": nothing, "open": open,
        }])
    };
    assert_eq!(earnings["balances"], balances(&nothing, &nothing, &theirs));
    let [waiting] = &earnings["waiting"].as_array().unwrap()[..] else { panic!("{earnings}") };
    assert_eq!((&waiting["booking_id"], &waiting["amount"]), (&json!(booking.id.to_string()), &theirs));
    assert_eq!((earnings["items"].as_array().unwrap().len(), &earnings["next_cursor"]), (1, &Value::Null));

    let state = async || family.sitter("GET", "/payouts/onboarding", Value::Null).await.body["state"].clone();
    assert_eq!(state().await, "none");
    family.client.stripe.books().calls.clear();
    for _ in 0..2 {
        let link = family.sitter("POST", "/payouts/onboarding", Value::Null).await;
        assert_eq!(link.status, 201, "{}", link.body);
        assert!(link.body["url"].as_str().unwrap().starts_with("https://connect.stripe.test/acct_"));
        let expires: Timestamp = link.body["expires_at"].as_str().unwrap().parse().unwrap();
        assert!(expires > family.client.now());
    }
    let calls = family.client.stripe.books().calls.clone();
    let lines: Vec<&str> = calls.iter().map(|call| call.line.as_str()).collect();
    assert_eq!(lines, ["POST /v1/accounts", "POST /v1/account_links", "POST /v1/account_links"]);
    let back = calls[1].pairs.iter().filter(|(name, _)| name.ends_with("_url"));
    let back: Vec<&str> = back.map(|(_, url)| url.as_str()).collect();
    assert_eq!(back, ["https://app.test/payouts/again", "https://app.test/payouts/done"]);
    assert_eq!(state().await, "pending");

    let account = family.client.stripe.books().accounts.keys().next().unwrap().clone();
    family.client.stripe.onboard(&account, true);
    acting_as("PaymentsWork", Worker::new(family.client.app.clone()).hear(&account)).await.unwrap();
    assert_eq!(state().await, "enabled");
    let earnings = family.sitter("GET", "/earnings", Value::Null).await.body;
    let expected = balances(&nothing, &theirs, &nothing);
    assert_eq!((&earnings["balances"], &earnings["waiting"]), (&expected, &json!([])));
    let kinds: Vec<_> = earnings["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert_eq!(kinds, ["paid_out", "charged"]);
    // All of it goes back, and so does theirs.
    let tables = family.client.app.tables();
    let [payment] = tables.payments_of(booking.id).await.unwrap().try_into().unwrap();
    let granted = payment.grant_refund(payment.owed.total()).unwrap();
    tables.save_payment(&granted.payment, None, &[]).await.unwrap();
    acting_as("PaymentsWork", Worker::new(family.client.app.clone()).settle(booking.id)).await.unwrap();
    let earnings = family.sitter("GET", "/earnings", Value::Null).await.body;
    assert_eq!(earnings["balances"], balances(&theirs, &theirs, &nothing));
    let kinds: Vec<_> = earnings["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert_eq!(kinds, ["called_back", "refunded", "paid_out", "charged"]);
    // Stripe wants to know more.
    family.client.stripe.onboard(&account, false);
    acting_as("PaymentsWork", Worker::new(family.client.app.clone()).hear(&account)).await.unwrap();
    assert_eq!(state().await, "pending");
}

#[tokio::test]
async fn statements_are_read_page_by_page_by_their_owner() {
    let family = Family::with("pm_good").await;
    family.is_settled().await;
    let payment = family.payment().await;
    let admin = family.client.admin("root@example.org").await;
    for _ in 0..4 {
        let body = json!({ "amount": gbp(100), "reason": "as agreed" });
        let path = format!("/admin/payments/{}/refund", payment.id);
        assert_eq!(family.client.call("POST", &path, Some(&admin), body).await.status, 202);
        family.works().await;
    }
    let mut amounts = Vec::new();
    let mut path = "/payments?limit=2".to_owned();
    let cursor = loop {
        let page = family.parent("GET", &path, Value::Null).await;
        let items = page.body["items"].as_array().unwrap().clone();
        amounts.extend(items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break path };
        path = format!("/payments?limit=2&cursor={cursor}");
    };
    assert_eq!(amounts, ["refunded", "refunded", "refunded", "refunded", "charged"]);
    // A cursor is its owner's, and good for nothing else.
    let other = family.other(Role::Parent, "GET", &cursor, Value::Null).await;
    assert_eq!(other.problem(), (400, "invalid_request", vec!["cursor"]));
    assert_eq!(family.sitter("GET", &cursor, Value::Null).await.problem().2, ["cursor"]);
    for (query, pointer) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=x", "cursor"), ("of=x", "of")]
    {
        let answer = family.parent("GET", &format!("/payments?{query}"), Value::Null).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec![pointer]), "{query}");
    }
}

/// An event of Stripe's about an intent.
fn event(id: &str, object: &str) -> String {
    let event = json!({
        "id": id, "object": "event", "type": "payment_intent.succeeded", "created": 1_795_607_990, "livemode": true,
        "data": { "object": { "id": object, "object": "payment_intent", "amount": 1, "client_secret": "secret" } },
    });
    event.to_string()
}

async fn hear(client: &Client, body: &str, signature: &str) -> Answer {
    let headers = [("stripe-signature", signature)];
    client.call_with("POST", "/webhooks/stripe", None, json!(body), &headers).await
}

/// What waits for the payments queue, by Stripe's names.
async fn heard(client: &Client) -> Vec<String> {
    let items = client.items("main").await;
    let events = items.iter().filter_map(|item| serde_json::from_str::<Value>(item["event"].as_str()?).ok());
    let mut objects: Vec<String> =
        events.filter_map(|event| event["object"].as_str().map(str::to_owned)).collect();
    objects.sort();
    objects
}

#[tokio::test]
async fn stripe_is_heard_once_and_known_by_its_signature() {
    let client = Client::start().await;
    let body = event("evt_1", "pi_1");
    let sign = |body: &str, at| stripe_signature(body, STRIPE_WEBHOOK_SECRET, at);
    for _ in 0..3 {
        // It signs anew each time that it comes again.
        let answer = hear(&client, &body, &sign(&body, client.now())).await;
        assert_eq!((answer.status.as_u16(), answer.body), (204, Value::Null));
    }
    assert_eq!(heard(&client).await, ["pi_1"]);
    let second = event("evt_2", "pi_1");
    assert_eq!(hear(&client, &second, &sign(&second, client.now())).await.status, 204);
    assert_eq!(heard(&client).await, ["pi_1", "pi_1"]);

    let now = client.now();
    let other = event("evt_3", "pi_3");
    let bad = [
        String::new(),
        "t=1,v1=00".to_owned(),
        stripe_signature(&other, "whsec_other", now),
        sign(&body, now),
        sign(&other, now - SignedDuration::from_secs(301)),
        sign(&other, now + SignedDuration::from_secs(400)),
    ];
    for signature in bad {
        let answer = hear(&client, &other, &signature).await;
        assert_eq!(answer.problem(), (400, "invalid_signature", vec![]), "{signature}");
    }
    let unsigned = client.call("POST", "/webhooks/stripe", None, json!(other)).await;
    assert_eq!(unsigned.problem(), (400, "invalid_signature", vec![]));
    assert_eq!(heard(&client).await.len(), 2);
    // Nothing of the event's content is kept.
    let stored = Value::from([client.items("main").await, client.items("ephemeral").await].concat());
    assert!(!stored.to_string().contains("secret"), "{stored}");

    // What no queue could carry is not stored to be sent.
    for character in ["\\u0000", "\\ufffe", "\u{FFFF}"] {
        let poison = event("evt_5", "pi_5").replace("pi_5", &format!("pi_5{character}"));
        let answer = hear(&client, &poison, &sign(&poison, client.now())).await;
        assert_eq!(answer.problem(), (400, "invalid_request", vec!["/data/object/id"]), "{poison}");
        assert_eq!(answer.body["errors"][0]["position"], 4);
    }
    // A name that somebody has chosen at Stripe is none of ours.
    let plan = event("evt_6", "Gold plan, 25 %");
    assert_eq!(hear(&client, &plan, &sign(&plan, client.now())).await.status, 204);
    assert_eq!(heard(&client).await.len(), 2);

    // What is signed and names nothing is well.
    let balance = json!({
        "id": "evt_4", "type": "balance.available", "created": 1, "data": { "object": { "object": "balance" } },
    });
    let balance = balance.to_string();
    assert_eq!(hear(&client, &balance, &sign(&balance, client.now())).await.status, 204);
    for body in ["", "{}", "[]"] {
        assert_eq!(hear(&client, body, &sign(body, client.now())).await.problem().0, 400, "{body}");
    }
    let long = " ".repeat(70_000);
    assert_eq!(hear(&client, &long, &sign(&long, client.now())).await.problem().0, 413);
    assert_eq!(heard(&client).await.len(), 2);
}

#[tokio::test]
async fn an_admin_gives_back_a_part() {
    let family = Family::with("pm_good").await;
    let client = &family.client;
    family.is_asked().await;
    let payment = family.payment().await;
    let path = format!("/admin/payments/{}/refund", payment.id);
    let refund_by = async |admin: &str, body: Value, key: Option<&str>| {
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        client.call_with("POST", &path, Some(admin), body, &headers).await
    };
    let body = json!({ "amount": gbp(1000), "reason": "agreed by phone" });
    // Nothing has come yet.
    let early = client.admin("early@example.org").await;
    assert_eq!(refund_by(&early, body.clone(), None).await.problem(), (409, "not_refundable", vec![]));
    family.is_settled().await;
    let admin = client.admin("late@example.org").await;
    let refund = async |body, key| refund_by(&admin, body, key).await;
    for (body, pointers) in [
        (json!({ "amount": gbp(1), "reason": "" }), vec!["/reason"]),
        (
            json!({ "amount": { "amount_minor": 1, "currency": "USD" }, "reason": "x" }),
            vec!["/amount/currency"],
        ),
        (
            json!({ "amount": { "amount_minor": -1, "currency": "GBP" }, "reason": "x" }),
            vec!["/amount/amount_minor"],
        ),
        (json!({ "amount": gbp(0), "reason": "x" }), vec!["/amount/amount_minor"]),
        (json!({ "amount": gbp(1), "reason": "x", "why": "x" }), vec!["/why"]),
        (json!({ "reason": "x" }), vec!["/amount"]),
    ] {
        assert_eq!(refund(body.clone(), None).await.problem(), (400, "invalid_request", pointers), "{body}");
    }
    let total = payment.priced.total().amount_minor;
    let too_much = json!({ "amount": gbp(total + 1), "reason": "x" });
    assert_eq!(refund(too_much, None).await.problem(), (409, "not_refundable", vec![]));
    let euros = json!({ "amount": { "amount_minor": 1, "currency": "EUR" }, "reason": "x" });
    assert_eq!(refund(euros, None).await.problem(), (409, "not_refundable", vec![]));

    for _ in 0..3 {
        let answer = refund(body.clone(), Some("one")).await;
        let expected = json!({ "payment_id": payment.id.to_string(), "refunding": gbp(1000) });
        assert_eq!((answer.status.as_u16(), answer.body), (202, expected));
    }
    // It was granted, and the answer to that lost.
    client.forget_answers().await;
    let again = refund(body.clone(), Some("one")).await;
    assert_eq!((again.status.as_u16(), &again.body["refunding"]), (202, &gbp(1000)));
    assert_eq!(again.headers.get("idempotent-replayed"), None);
    assert_eq!(family.news().await.last(), Some(&"refund_granted"));
    let trail = client.actions(&family.parent.0).await;
    assert_eq!(trail.iter().filter(|action| *action == "payment_refunded").count(), 1);
    family.works().await;
    let seen = family.parent("GET", &format!("/payments/{}", payment.id), Value::Null).await;
    assert_eq!((&seen.body["state"], &seen.body["refunded"]), (&json!("captured"), &gbp(1000)));
    // Meant anew, and then all the rest.
    for (amount, key, state) in [(1000, "two", "captured"), (total - 2000, "three", "refunded")] {
        let body = json!({ "amount": gbp(amount), "reason": "x" });
        assert_eq!(refund(body, Some(key)).await.status, 202);
        family.works().await;
        let seen = family.parent("GET", &format!("/payments/{}", payment.id), Value::Null).await;
        assert_eq!(seen.body["state"], state);
    }
    let intents = client.stripe.books().intents.clone();
    let [intent] = intents.values().collect::<Vec<_>>()[..] else { panic!("{intents:?}") };
    assert_eq!((intent.refunded, intent.refunds), (total, 3));
    let one = json!({ "amount": gbp(1), "reason": "x" });
    assert_eq!(refund(one, None).await.problem(), (409, "not_refundable", vec![]));
}

#[tokio::test]
async fn what_a_dispute_gives_back_may_be_all_that_was_paid() {
    let family = Family::with("pm_good").await;
    family.is_asked().await;
    family.turn(0).await;
    family.happens(Event::CheckIn, Who::Sitter).await;
    // An hour longer than it was to be.
    family.turn(7).await;
    family.happens(Event::CheckOut, Who::Sitter).await;
    family.works().await;
    let booking = format!("/bookings/{}/dispute", family.booking);
    let disputed = family.parent("POST", &booking, json!({ "complaint": "Nobody came." })).await;
    assert_eq!(disputed.status, 200, "{}", disputed.body);
    let admin = family.client.admin("root@example.org").await;
    let path = format!("/admin/disputes/{}", family.booking);
    let read = family.client.get(&path, &admin).await;
    let amount = |name: &str| u32::try_from(read.body[name]["amount_minor"].as_u64().unwrap()).unwrap();
    let all = amount("total") + amount("overrun");
    assert_eq!(read.body["complaint"], "Nobody came.");
    let decide = async |refund: Value| {
        let body = json!({ "refund": refund, "reason": "so it was" });
        family.client.call("POST", &format!("{path}/decision"), Some(&admin), body).await
    };
    assert_eq!(decide(gbp(all + 1)).await.problem(), (409, "too_much", vec![]));
    let decided = decide(gbp(all)).await;
    assert_eq!((decided.status.as_u16(), &decided.body["refund"]), (200, &gbp(all)));
    assert_eq!(decide(gbp(all)).await.problem(), (409, "wrong_state", vec![]));
    family.works().await;
    let states = family.client.tables.payments_of(family.booking).await.unwrap();
    assert!(states.len() == 2 && states.iter().all(|payment| payment.state == Paid::Refunded));
    let earnings = family.sitter("GET", "/earnings", Value::Null).await.body;
    assert_eq!((&earnings["waiting"], &earnings["balances"][0]["open"]), (&json!([]), &gbp(0)));
}
