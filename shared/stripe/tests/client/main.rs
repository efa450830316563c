//! The client against answers of the shapes that Stripe's reference documents: what is sent, what is read, and
//! what becomes of trouble. Where the shapes are from is in docs/DECISIONS.md.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

mod server;

use domain::payment::Status;
use domain::{
    chargeback::Chargeback,
    id::{BookingId, PaymentId, UserId},
    money::{Currency, Money},
    stripe::{AccountId, ChargeId, CustomerId, IntentId, PaymentMethodId},
};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use stripe::{Capture, Error, NewIntent, NewTransfer, RefundStatus, Stripe};

use crate::server::{
    Answer::{self, Body, Gone, Silence},
    KEY, Server,
};

const USER: &str = "usr_01h455vb4pex5vsknk084sn02q";
const BOOKING: &str = "bkg_01kawdv2n0e6st7k3m5xq9r4hc";
const PAYMENT: &str = "pay_01kawdv2n1e6sv8zq0c4d5f6g7";

fn user() -> UserId {
    USER.parse().unwrap()
}

fn booking() -> BookingId {
    BOOKING.parse().unwrap()
}

fn payment() -> PaymentId {
    PAYMENT.parse().unwrap()
}

fn customer() -> CustomerId {
    CustomerId::parse("cus_NZbFQAsc0ptasX").unwrap()
}

fn card() -> PaymentMethodId {
    PaymentMethodId::parse("pm_1MoS30LgUG5tbmjcfQwEkNkb").unwrap()
}

fn intent() -> IntentId {
    IntentId::parse("pi_3MoS6fLgUG5tbmjc1a6AdBPs").unwrap()
}

fn account() -> AccountId {
    AccountId::parse("acct_1MoRdlLgUG5tbmjc").unwrap()
}

fn pounds(amount_minor: u32) -> Money {
    Money { amount_minor, currency: Currency::Gbp }
}

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn hold() -> NewIntent {
    NewIntent {
        amount: pounds(5940),
        customer: customer(),
        payment_method: card(),
        capture: Capture::Manual,
        payment: payment(),
        attempt: 1,
        booking: booking(),
    }
}

/// What was sent, after everything that is the same for all of them.
fn sent(server: &Server) -> String {
    let asked = server.asked_once();
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["stripe-version"], "2026-09-30.endive");
    let is_post = asked.line.starts_with("POST ");
    assert_eq!(asked.headers.get("idempotency-key").map(String::as_str), is_post.then_some("key:1"));
    let content_type = asked.headers.get("content-type").map(String::as_str);
    assert_eq!(content_type, is_post.then_some("application/x-www-form-urlencoded"));
    asked.line
}

#[tokio::test]
async fn asks_for_little_to_see_whether_stripe_answers() {
    let server = Server::answering(&[Body(200, shape!("balance"))]).await;
    server.client().ping().await.unwrap();
    assert_eq!(sent(&server), "GET /v1/balance");
}

#[tokio::test]
async fn a_customer_is_a_name_and_nothing_else() {
    let server = Server::answering(&[Body(200, shape!("customer"))]).await;
    assert_eq!(server.client().create_customer(user(), "key:1").await.unwrap(), customer());
    assert_eq!(sent(&server), format!("POST /v1/customers metadata[user]={USER}"));
}

#[tokio::test]
async fn a_customer_and_an_account_are_deleted_and_may_be_again() {
    let error =
        |code| format!(r#"{{ "error": {{ "type": "invalid_request_error", "code": "{code}" }} }}"#).leak();
    let (missing, invalid, busy) = (error("resource_missing"), error("account_invalid"), error("balance"));
    let deleted = Body(200, r#"{ "id": "cus_1", "object": "customer", "deleted": true }"#);
    for (answer, outcome) in [(deleted, Ok(())), (Body(404, missing), Err(Error::NotFound))] {
        let server = Server::answering(&[answer]).await;
        assert_eq!(server.client().delete_customer(&customer()).await, outcome);
        assert_eq!(sent(&server), format!("DELETE /v1/customers/{}", customer()));
    }
    let refused = Err(Error::Refused("balance".into()));
    for (answer, outcome) in
        [(deleted, Ok(())), (Body(403, invalid), Err(Error::NotFound)), (Body(400, busy), refused)]
    {
        let server = Server::answering(&[answer]).await;
        assert_eq!(server.client().delete_account(&account()).await, outcome);
        assert_eq!(sent(&server), format!("DELETE /v1/accounts/{}", account()));
    }
}

#[tokio::test]
async fn a_card_is_left_for_later() {
    let server = Server::answering(&[Body(200, shape!("setup_intent"))]).await;
    let setup = server.client().create_setup_intent(&customer(), "key:1").await.unwrap();
    assert_eq!(setup.id.as_str(), "seti_1MoS8kLgUG5tbmjcA5K8T4vw");
    assert!(setup.client_secret.expose_secret().starts_with("seti_1MoS8kLgUG5tbmjcA5K8T4vw_secret_"));
    assert_eq!(
        sent(&server),
        "POST /v1/setup_intents customer=cus_NZbFQAsc0ptasX usage=off_session payment_method_types[]=card"
    );
}

#[tokio::test]
async fn cards_are_listed_shown_and_taken_away() {
    let server = Server::answering(&[Body(200, shape!("payment_methods"))]).await;
    let cards = server.client().payment_methods(&customer()).await.unwrap();
    assert_eq!(cards.iter().map(|card| card.last4.as_str()).collect::<Vec<_>>(), ["0341", "4242"]);
    assert_eq!(sent(&server), "GET /v1/payment_methods customer=cus_NZbFQAsc0ptasX type=card limit=100");

    let server = Server::answering(&[Body(200, shape!("payment_method"))]).await;
    let found = server.client().payment_method(&card()).await.unwrap();
    assert_eq!((found.id.clone(), found.customer.clone()), (card(), Some(customer())));
    assert_eq!((found.brand.as_str(), found.exp_month, found.exp_year), ("visa", 12, 2030));
    assert!(!format!("{found:?}").contains("4242"));
    assert_eq!(sent(&server), "GET /v1/payment_methods/pm_1MoS30LgUG5tbmjcfQwEkNkb");

    let server = Server::answering(&[Body(200, shape!("payment_method_detached"))]).await;
    assert_eq!(server.client().detach(&card(), "key:1").await.unwrap().customer, None);
    assert_eq!(sent(&server), "POST /v1/payment_methods/pm_1MoS30LgUG5tbmjcfQwEkNkb/detach");
}

#[tokio::test]
async fn money_is_held() {
    let server = Server::answering(&[Body(200, shape!("intent_requires_capture"))]).await;
    let made = server.client().create_payment_intent(&hold(), "key:1").await.unwrap();
    assert_eq!((made.id, made.status), (intent(), Status::RequiresCapture));
    assert_eq!((made.amount, made.capturable), (pounds(5940), pounds(5940)));
    assert_eq!((made.received, made.refunded), (pounds(0), pounds(0)));
    assert_eq!((made.payment, made.attempt, made.booking), (Some(payment()), 1, Some(booking())));
    assert_eq!(made.charge, Some(ChargeId::parse("ch_3MoS6fLgUG5tbmjc1jfsQqpH").unwrap()));
    assert_eq!((made.payment_method, made.failure, made.created), (Some(card()), None, noon()));
    assert!(made.client_secret.is_some());
    assert_eq!(
        sent(&server),
        format!(
            "POST /v1/payment_intents amount=5940 currency=gbp customer=cus_NZbFQAsc0ptasX \
             payment_method=pm_1MoS30LgUG5tbmjcfQwEkNkb payment_method_types[]=card capture_method=manual \
             confirm=true off_session=true metadata[payment]={PAYMENT} metadata[attempt]=1 \
             metadata[booking]={BOOKING} transfer_group={BOOKING} expand[]=latest_charge"
        )
    );
}

#[tokio::test]
async fn money_is_taken_at_once() {
    let server = Server::answering(&[Body(200, shape!("intent_succeeded"))]).await;
    let new = NewIntent { capture: Capture::Automatic, ..hold() };
    let made = server.client().create_payment_intent(&new, "key:1").await.unwrap();
    assert_eq!((made.status, made.received), (Status::Succeeded, pounds(5940)));
    assert!(sent(&server).contains(" capture_method=automatic confirm=true "));
}

#[tokio::test]
async fn what_was_held_and_not_taken_is_no_refund() {
    let server = Server::answering(&[Body(200, shape!("intent_captured_in_part"))]).await;
    let taken = server.client().capture(&intent(), pounds(3000), "key:1").await.unwrap();
    // Of 59.40 that were held, 30.00 were taken, of which 10.00 were given back.
    assert_eq!((taken.received, taken.refunded), (pounds(3000), pounds(1000)));
    assert_eq!(
        sent(&server),
        "POST /v1/payment_intents/pi_3MoS6fLgUG5tbmjc1a6AdBPs/capture amount_to_capture=3000 expand[]=latest_charge"
    );

    let server = Server::answering(&[Body(200, shape!("intent_canceled"))]).await;
    let given_up = server.client().cancel(&intent(), "key:1").await.unwrap();
    assert_eq!((given_up.status, given_up.refunded), (Status::Canceled, pounds(0)));
    assert_eq!(
        sent(&server),
        "POST /v1/payment_intents/pi_3MoS6fLgUG5tbmjc1a6AdBPs/cancel expand[]=latest_charge"
    );
}

#[tokio::test]
async fn an_intent_tells_why_it_failed() {
    let server = Server::answering(&[Body(200, shape!("intent_refused"))]).await;
    let found = server.client().payment_intent(&intent()).await.unwrap();
    assert_eq!(found.status, Status::RequiresPaymentMethod);
    assert_eq!((found.failure.as_deref(), found.payment_method), (Some("insufficient_funds"), None));
    assert_eq!(sent(&server), "GET /v1/payment_intents/pi_3MoS6fLgUG5tbmjc1a6AdBPs expand[]=latest_charge");
}

#[tokio::test]
async fn money_is_given_back() {
    let server = Server::answering(&[Body(200, shape!("refund"))]).await;
    let refund = server.client().refund(&intent(), pounds(1000), "key:1").await.unwrap();
    assert_eq!((refund.status, refund.amount), (RefundStatus::Succeeded, pounds(1000)));
    assert_eq!(sent(&server), "POST /v1/refunds payment_intent=pi_3MoS6fLgUG5tbmjc1a6AdBPs amount=1000");
}

#[tokio::test]
async fn intents_are_listed_in_pages() {
    let server = Server::answering(&[Body(200, shape!("intents"))]).await;
    let until = "2026-11-26T12:00:00Z".parse().unwrap();
    let page = server.client().payment_intents(noon(), until, Some(&intent())).await.unwrap();
    // The other is in dollars: none of ours, but the list goes on after it.
    assert_eq!((page.items.len(), page.others), (1, 1));
    assert_eq!(page.items[0].id, intent());
    assert_eq!(page.after, Some(IntentId::parse("pi_3MoS7aLgUG5tbmjc0dollars0").unwrap()));
    assert_eq!(
        sent(&server),
        "GET /v1/payment_intents created[gte]=1795608000 created[lt]=1795694400 limit=100 \
         expand[]=data.latest_charge starting_after=pi_3MoS6fLgUG5tbmjc1a6AdBPs"
    );
}

#[tokio::test]
async fn a_sitters_account_is_opened_and_filled_in() {
    let server = Server::answering(&[Body(200, shape!("account"))]).await;
    let opened = server.client().create_account(user(), "GB", "key:1").await.unwrap();
    assert_eq!(opened.id, account());
    assert!(!opened.details_submitted && !opened.transfers_active && !opened.payouts_enabled);
    assert_eq!(opened.disabled_reason.as_deref(), Some("requirements.past_due"));
    assert_eq!(
        sent(&server),
        format!(
            "POST /v1/accounts country=GB business_type=individual \
             controller[stripe_dashboard][type]=express controller[fees][payer]=application \
             controller[losses][payments]=application capabilities[transfers][requested]=true \
             capabilities[card_payments][requested]=true metadata[user]={USER}"
        )
    );

    let server = Server::answering(&[Body(200, shape!("account_link"))]).await;
    let (again, back) = ("https://app.test/payouts?again", "https://app.test/payouts");
    let link = server.client().account_link(&account(), again, back, "key:1").await.unwrap();
    assert!(link.url.expose_secret().starts_with("https://connect.stripe.com/setup/"));
    assert_eq!(link.expires_at, noon() + jiff::SignedDuration::from_mins(5));
    assert_eq!(
        sent(&server),
        "POST /v1/account_links account=acct_1MoRdlLgUG5tbmjc type=account_onboarding \
         refresh_url=https://app.test/payouts?again return_url=https://app.test/payouts"
    );

    let server = Server::answering(&[Body(200, shape!("account_ready"))]).await;
    let ready = server.client().account(&account()).await.unwrap();
    assert!(ready.details_submitted && ready.transfers_active && ready.payouts_enabled);
    assert_eq!(ready.disabled_reason, None);
    assert_eq!(sent(&server), "GET /v1/accounts/acct_1MoRdlLgUG5tbmjc");
}

#[tokio::test]
async fn a_sitter_is_paid() {
    let server = Server::answering(&[Body(200, shape!("transfer"))]).await;
    let new = NewTransfer {
        amount: pounds(5400),
        destination: account(),
        booking: booking(),
        payment: payment(),
        source: Some(ChargeId::parse("ch_3MoS6fLgUG5tbmjc1jfsQqpH").unwrap()),
    };
    let transfer = server.client().transfer(&new, "key:1").await.unwrap();
    assert_eq!((transfer.amount, transfer.reversed), (pounds(5400), pounds(0)));
    assert_eq!((transfer.destination, transfer.booking), (account(), Some(booking())));
    assert_eq!(transfer.payment, Some(payment()));
    assert_eq!(
        sent(&server),
        format!(
            "POST /v1/transfers amount=5400 currency=gbp destination=acct_1MoRdlLgUG5tbmjc \
             metadata[payment]={PAYMENT} transfer_group={BOOKING} source_transaction=ch_3MoS6fLgUG5tbmjc1jfsQqpH"
        )
    );

    let server = Server::answering(&[Body(200, shape!("transfers"))]).await;
    let until = "2026-11-26T12:00:00Z".parse().unwrap();
    let page = server.client().transfers(noon(), until, None).await.unwrap();
    assert_eq!((page.items, page.others, page.after), (vec![transfer_of_list()], 0, None));
    assert_eq!(sent(&server), "GET /v1/transfers created[gte]=1795608000 created[lt]=1795694400 limit=100");

    let server = Server::answering(&[Body(200, shape!("transfers"))]).await;
    assert_eq!(server.client().transfers_of(booking()).await.unwrap(), [transfer_of_list()]);
    assert_eq!(sent(&server), format!("GET /v1/transfers transfer_group={BOOKING} limit=100"));
}

#[tokio::test]
async fn what_a_sitter_was_paid_is_called_back() {
    let server = Server::answering(&[Body(200, shape!("transfer_reversal"))]).await;
    let id = transfer_of_list().id;
    server.client().reverse(&id, pounds(1000), payment(), "key:1").await.unwrap();
    assert_eq!(
        sent(&server),
        format!("POST /v1/transfers/{id}/reversals amount=1000 metadata[payment]={PAYMENT}")
    );
    let empty = r#"{"error":{"type":"invalid_request_error","code":"balance_insufficient"}}"#;
    let server = Server::answering(&[Body(400, empty)]).await;
    let refused = server.client().reverse(&id, pounds(1000), payment(), "key:1").await.unwrap_err();
    assert_eq!(refused, Error::Refused("balance_insufficient".to_owned()));
    let back = stripe::Transfer { reversed: pounds(1000), ..transfer_of_list() };
    assert_eq!((back.left(), transfer_of_list().left()), (4400, 5400));
}

#[tokio::test]
async fn what_a_bank_has_taken_back_is_told() {
    let heard = async |disputes: String| {
        let page = format!(r#"{{"object":"list","data":[{disputes}],"has_more":false}}"#);
        let server = Server::answering(&[Body(200, page.leak())]).await;
        let chargeback = server.client().chargeback(&intent(), Currency::Gbp).await;
        assert_eq!(sent(&server), format!("GET /v1/disputes payment_intent={} limit=100", intent()));
        chargeback
    };
    let dispute = |status: &str| shape!("dispute").replace("needs_response", status);
    let due_by = Some("2026-12-02T12:00:00Z".parse().unwrap());
    let open = Chargeback::new(pounds(5940), pounds(0), due_by);
    assert_eq!(heard(dispute("needs_response")).await.unwrap(), open);
    let told = Chargeback { due_by: None, ..open };
    assert_eq!(heard(dispute("under_review")).await.unwrap(), told);
    let lost = Chargeback::new(pounds(0), pounds(5940), None);
    assert_eq!(heard(dispute("lost")).await.unwrap(), lost);
    let nothing = Chargeback::new(pounds(0), pounds(0), None);
    for status in ["won", "warning_needs_response", "warning_closed", "prevented"] {
        assert_eq!(heard(dispute(status)).await.unwrap(), nothing, "{status}");
    }
    let both = Chargeback::new(pounds(5940), pounds(5940), due_by);
    let all = ["needs_response", "won", "lost"].map(&dispute).join(",");
    assert_eq!(heard(all).await.unwrap(), both);
    let euros = dispute("lost").replace("gbp", "eur");
    assert_eq!(heard(euros).await.unwrap_err(), Error::Unreadable);
}

fn transfer_of_list() -> stripe::Transfer {
    stripe::Transfer {
        id: domain::stripe::TransferId::parse("tr_1MiN3gLkdIwHu7ixNCZvFdgA").unwrap(),
        amount: pounds(5400),
        reversed: pounds(0),
        destination: account(),
        booking: Some(booking()),
        payment: Some(payment()),
        created: noon(),
    }
}

/// What a hold comes to when that is answered.
async fn held(answer: Answer) -> Error {
    let server = Server::answering(&[answer]).await;
    server.impatient_client().create_payment_intent(&hold(), "key:1").await.unwrap_err()
}

#[tokio::test]
async fn a_refused_card_is_told_from_one_to_be_confirmed() {
    let refused = held(Body(402, shape!("error_card_declined"))).await;
    let code = "insufficient_funds".to_owned();
    assert_eq!(refused, Error::Declined { code, intent: Some(intent()) });
    let confirm = held(Body(402, shape!("error_authentication_required"))).await;
    assert_eq!(confirm, Error::AuthenticationRequired { intent: intent() });
}

#[tokio::test]
async fn a_wrong_call_is_told_from_one_to_be_repeated() {
    assert_eq!(held(Body(404, shape!("error_not_found"))).await, Error::NotFound);
    assert_eq!(held(Body(400, shape!("error_idempotency"))).await, Error::IdempotencyClash);
    let state = "payment_intent_unexpected_state".to_owned();
    assert_eq!(held(Body(400, shape!("error_unexpected_state"))).await, Error::Refused(state));
    for (answer, code) in [
        (Body(429, shape!("error_rate_limit")), "rate_limit"),
        (Body(401, shape!("error_unauthorized")), "http_401"),
    ] {
        assert_eq!(held(answer).await, Error::Retryable(code.to_owned()));
    }
    for (answer, code) in [
        (Body(500, "<html>Internal Server Error</html>"), "http_500"),
        (Body(200, "<html>Welcome to the hotel's network</html>"), "unreadable"),
        (Body(302, ""), "http_302"),
        (Silence, "timeout"),
    ] {
        assert_eq!(held(answer).await, Error::Unavailable(code.to_owned()));
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_is_no_outage() {
    let debit = r#"{"id":"pm_1MoS30LgUG5tbmjcfQwEkNkb","object":"payment_method","customer":null,
        "sepa_debit":{"last4":"3000"},"type":"sepa_debit"}"#;
    let yen = shape!("intent_requires_capture").replace("\"gbp\"", "\"jpy\"");
    let yen = Body(200, yen.leak());
    let server = Server::answering(&[Body(200, debit), Body(200, debit), yen, yen, Body(200, debit)]).await;
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(client.payment_method(&card()).await.unwrap_err(), Error::Unreadable);
    }
    for _ in 0..2 {
        assert_eq!(client.payment_intent(&intent()).await.unwrap_err(), Error::Unreadable);
    }
    // Nobody is kept from asking on.
    assert_eq!(client.payment_method(&card()).await.unwrap_err(), Error::Unreadable);
}

#[tokio::test]
async fn what_is_not_ours_is_not_read() {
    let held = shape!("intent_requires_capture");
    let alien = held.replace(PAYMENT, "order 66").replace("\"gbp\"", "\"jpy\"");
    let server = Server::answering(&[Body(200, held), Body(200, alien.leak())]).await;
    let client = server.client();
    let own = client.own_payment_intent(&intent()).await.unwrap();
    assert_eq!(own.unwrap().payment, Some(payment()));
    assert!(client.own_payment_intent(&intent()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let server = Server::answering(&[]).await;
    let refused = server.client().create_customer(user(), "a\nb").await.unwrap_err();
    assert_eq!(refused, Error::Refused("unsendable".to_owned()));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more_under_the_same_key() {
    let server = Server::answering(&[Gone, Body(200, shape!("refund"))]).await;
    server.client().refund(&intent(), pounds(1000), "key:1").await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((&asked[0].line, &asked[0].headers), (&asked[1].line, &asked[1].headers));

    let server = Server::answering(&[Gone, Gone, Body(200, shape!("refund"))]).await;
    let trouble = server.client().refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
    assert_eq!(trouble, Error::Unavailable("connection".to_owned()));
    assert_eq!(server.asked().len(), 2);
}

/// What is sent again after a while, and in which case it is not.
#[tokio::test]
async fn a_key_or_a_thing_in_use_is_asked_for_again_under_the_same_key() {
    for (status, shape) in [(409, shape!("error_key_in_use")), (429, shape!("error_lock_timeout"))] {
        let server =
            Server::answering(&[Body(status, shape), Body(status, shape), Body(200, shape!("refund"))]).await;
        server.client().refund(&intent(), pounds(1000), "key:1").await.unwrap();
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|each| (&each.line, &each.headers) == (&asked[0].line, &asked[0].headers)));
    }
    let server = Server::answering(&[Body(409, shape!("error_key_in_use")); 20]).await;
    let started = std::time::Instant::now();
    let trouble = server.impatient_client().refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
    assert!(trouble.to_string().ends_with("idempotency_key_in_use"), "{trouble}");
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "it is given up when patience ends");
}

#[tokio::test]
async fn no_answer_below_500_opens_the_circuit() {
    for (status, shape) in [
        (401, shape!("error_unauthorized")),
        (403, "{}"),
        (409, shape!("error_key_in_use")),
        (409, "{}"),
        (424, "{}"),
        (429, shape!("error_lock_timeout")),
        (429, shape!("error_rate_limit")),
    ] {
        let server = Server::answering(&[Body(status, shape); 40]).await;
        let client = server.impatient_client();
        for _ in 0..5 {
            let trouble = client.refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
            assert!(!trouble.to_string().contains("circuit_open"), "{status} {shape}: {trouble}");
        }
    }
}

#[tokio::test]
async fn a_repetition_without_an_answer_does_not_open_the_circuit() {
    let answers = [Body(409, shape!("error_key_in_use")), Silence].repeat(8);
    let server = Server::answering(&answers).await;
    let client = server.client_with_patience(400);
    for _ in 0..8 {
        let trouble = client.refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
        assert_eq!(trouble, Error::Unavailable("timeout".to_owned()));
    }
    assert_eq!(server.asked().len(), 16);
}

#[tokio::test]
async fn a_probe_of_readiness_has_nothing_to_do_with_the_circuit() {
    let server = Server::answering(
        &[
            &[Body(503, ""); 4][..],
            &[Body(200, shape!("refund"))],
            &[Body(503, ""); 3],
            &[Body(200, shape!("balance"))],
        ]
        .concat(),
    )
    .await;
    let client = server.client();
    for _ in 0..4 {
        assert_eq!(client.ping().await.unwrap_err(), Error::Unavailable("http_503".to_owned()));
    }
    client.refund(&intent(), pounds(1000), "key:1").await.unwrap();
    for _ in 0..3 {
        client.refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
    }
    client.ping().await.unwrap();
}

#[tokio::test]
async fn a_limit_of_calls_is_an_answer_to_a_probe() {
    let server = Server::answering(&[Body(429, shape!("error_rate_limit"))]).await;
    server.client().ping().await.unwrap();
    let server = Server::answering(&[Body(401, shape!("error_unauthorized"))]).await;
    server.client().ping().await.unwrap_err();
}

#[tokio::test]
async fn nothing_else_is_tried_again() {
    for answer in [Silence, Body(503, ""), Body(429, shape!("error_rate_limit"))] {
        let server = Server::answering(&[answer, Body(200, shape!("balance"))]).await;
        server.impatient_client().refund(&intent(), pounds(1000), "key:1").await.unwrap_err();
        assert_eq!(server.asked().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_found_out_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let trouble = Stripe::new(&url, KEY.into()).ping().await.unwrap_err();
    assert_eq!(trouble, Error::Unavailable("connection".to_owned()));
}

#[tokio::test]
async fn who_does_not_answer_is_left_alone_for_a_while() {
    let server = Server::answering(&[Body(503, ""); 3]).await;
    let client = server.client();
    for code in ["http_503", "http_503", "http_503", "circuit_open", "circuit_open", "circuit_open"] {
        let trouble = client.payment_intent(&intent()).await.unwrap_err();
        assert_eq!(trouble, Error::Unavailable(code.to_owned()));
    }
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn refused_cards_are_answers() {
    let server = Server::answering(&[Body(402, shape!("error_card_declined")); 5]).await;
    let client = server.client();
    for _ in 0..5 {
        let refused = client.create_payment_intent(&hold(), "key:1").await.unwrap_err();
        assert!(matches!(refused, Error::Declined { .. }));
    }
}

#[test]
fn the_key_is_not_shown() {
    let client = Stripe::new("https://api.stripe.com/", KEY.into());
    assert_eq!(format!("{client:?}"), r#"Stripe { url: "https://api.stripe.com", .. }"#);
}
