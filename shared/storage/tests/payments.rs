//! The contract of payments, the ledger, and what is known of people at Stripe, on the embedded DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    chargeback::Chargeback,
    due::{Kind as Due, SHARDS},
    event::{Event, Fact},
    id::{PaymentId, UserId},
    ledger::{Account, Balance, Kind, Line},
    money::{Currency, Money},
    payment::{Change, Observation, Order, Payment, Purpose, State, Status},
    stripe::{AccountId, CustomerId, EventId, IntentId, ObjectId, PaymentMethodId, TransferId},
};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Error, Tables,
    payees::{Owed, Payee},
};
use testing::{Dynamo, TABLES};

async fn store() -> (Dynamo, Tables) {
    let dynamo = Dynamo::start().await;
    let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
    (dynamo, tables)
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn gbp(amount_minor: u32) -> Money {
    Money::new(amount_minor, Currency::Gbp)
}

fn conflict(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Conflict)), "{result:?}");
}

/// 62.00 for the sitter, a fee of 10.33, and 2.07 of tax.
fn payment(parent: UserId, sitter: UserId) -> Payment {
    let parts = serde_json::json!({ "currency": "GBP", "sitter": 6200, "fee": 1033, "tax": 207 });
    let order = Order {
        booking: domain::id::new(now()),
        parent,
        sitter,
        purpose: Purpose::Care,
        charge: serde_json::from_value(parts).unwrap(),
        method: PaymentMethodId::parse("pm_1").unwrap(),
        customer: Some(CustomerId::parse("cus_1").unwrap()),
    };
    Payment::new(order, now())
}

fn seen(payment: &Payment, status: Status, [capturable, received, refunded]: [u32; 3]) -> Observation {
    Observation {
        intent: IntentId::parse(format!("pi_{}", payment.attempt)).unwrap(),
        attempt: payment.attempt,
        status,
        currency: Currency::Gbp,
        capturable,
        received,
        refunded,
        failure: None,
    }
}

fn captured(payment: &Payment, received: u32, refunded: u32) -> Change {
    let seen = seen(payment, Status::Succeeded, [0, received, refunded]);
    payment.observe(&seen, now()).unwrap().unwrap()
}

async fn save(tables: &Tables, change: &Change) -> Result<(), Error> {
    tables.save_payment(&change.payment, change.transaction.as_ref(), &[]).await
}

fn paid_out(payment: &Payment) -> Change {
    payment.pay_out(payment.payable, TransferId::parse("tr_1").unwrap(), now()).unwrap()
}

/// A payment that was captured, and of which something went back.
async fn paid(tables: &Tables, parent: UserId, sitter: UserId, refunded: u32) -> Payment {
    let new = payment(parent, sitter);
    tables.save_payment(&new, None, &[]).await.unwrap();
    let change = captured(&new, 7440, 0);
    save(tables, &change).await.unwrap();
    if refunded == 0 {
        return change.payment;
    }
    let change = captured(&change.payment, 7440, refunded);
    save(tables, &change).await.unwrap();
    change.payment
}

async fn due(tables: &Tables, at: Timestamp) -> Vec<PaymentId> {
    let mut ids = Vec::new();
    for shard in 0..SHARDS {
        ids.extend(tables.due(Due::Payment, shard, at, None, 100).await.unwrap().ids);
    }
    ids.iter().map(|id| domain::id::parse(id).unwrap()).collect()
}

async fn items(dynamo: &Dynamo, table: &str, prefix: &str) -> Vec<HashMap<String, AttributeValue>> {
    let all = dynamo.client.scan().table_name(table).send().await.unwrap();
    let items = all.items.unwrap_or_default().into_iter();
    items.filter(|item| item["pk"].as_s().unwrap().starts_with(prefix)).collect()
}

/// That every transaction adds up as it lies in the store, and that the statement and the balance of each of
/// these people say the same as the ledger.
async fn check_books(dynamo: &Dynamo, tables: &Tables, people: &[(UserId, Account)]) {
    let mut ledger = Vec::new();
    for item in items(dynamo, "main", "LEDGER#").await {
        let entries = item["entries"].as_l().unwrap().iter().map(|entry| entry.as_m().unwrap());
        let amounts = entries.map(|entry| entry["amount_minor"].as_n().unwrap().parse::<i64>().unwrap());
        assert_eq!(amounts.sum::<i64>(), 0, "{item:?}");
        let booking = item["pk"].as_s().unwrap().strip_prefix("LEDGER#").unwrap();
        let of_booking = tables.ledger_of(domain::id::parse(booking).unwrap()).await.unwrap();
        let id = item["sk"].as_s().unwrap();
        ledger.extend(of_booking.into_iter().filter(|transaction| transaction.id.to_string() == *id));
    }
    for (person, account) in people {
        let lines = tables.statement(*person, None, 100).await.unwrap();
        let balance = Balance::of(Currency::Gbp, &lines);
        assert_eq!(tables.balances(*person).await.unwrap(), [balance]);
        let counterpart = match account {
            Account::Payer(_) => Account::Cash,
            other => *other,
        };
        let of_person =
            ledger.iter().filter(|moved| moved.entries().iter().any(|entry| entry.account == *account));
        let sum: i64 = of_person.map(|moved| moved.for_account(&counterpart)).sum();
        assert_eq!(balance.total(), -sum);
    }
}

#[tokio::test]
async fn a_payment_is_found_by_its_booking_and_by_itself() {
    let (_dynamo, tables) = store().await;
    let new = payment(domain::id::new(now()), domain::id::new(now()));
    assert_eq!(tables.payment(new.id).await.unwrap(), None);
    tables.save_payment(&new, None, &[]).await.unwrap();
    let other = Payment { id: domain::id::new(now()), purpose: Purpose::Overrun, ..new.clone() };
    tables.save_payment(&other, None, &[]).await.unwrap();
    conflict(tables.save_payment(&new, None, &[]).await);
    assert_eq!(due(&tables, Timestamp::MAX).await, []);

    let asked = new.observe(&seen(&new, Status::RequiresAction, [0; 3]), now()).unwrap().unwrap();
    save(&tables, &asked).await.unwrap();
    let again = asked.payment.retry(PaymentMethodId::parse("pm_2").unwrap()).unwrap();
    save(&tables, &again).await.unwrap();
    let expected = Some(again.payment.clone());
    assert_eq!(tables.payment(new.id).await.unwrap(), expected);
    assert_eq!(tables.payment_of(new.booking, new.id).await.unwrap(), expected);
    let mut all = vec![again.payment, other];
    all.sort_by_key(|payment| payment.id);
    assert_eq!(tables.payments_of(new.booking).await.unwrap(), all);
    assert_eq!(tables.payment_of(domain::id::new(now()), new.id).await.unwrap(), None);
}

#[tokio::test]
async fn what_stripe_has_told_of_falls_due_for_comparing() {
    let (_dynamo, tables) = store().await;
    let payment = paid(&tables, domain::id::new(now()), domain::id::new(now()), 0).await;
    let day = SignedDuration::from_hours(24);
    assert_eq!(due(&tables, now() + day - SignedDuration::from_secs(1)).await, []);
    assert_eq!(due(&tables, now() + day).await, [payment.id]);
    let compared = payment.reconciled(now() + day);
    tables.save_payment(&compared, None, &[]).await.unwrap();
    assert_eq!(due(&tables, now() + day).await, []);
    assert_eq!(due(&tables, now() + 2 * day).await, [payment.id]);
    assert_eq!(tables.payment(payment.id).await.unwrap(), Some(compared));
}

#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    let (dynamo, tables) = store().await;
    let (parent, sitter) = (domain::id::new(now()), domain::id::new(now()));
    let new = payment(parent, sitter);
    tables.save_payment(&new, None, &[]).await.unwrap();
    let told = Event::new(Fact::StripeEventReceived { object: ObjectId::parse("pi_1").unwrap() }, now());
    let change = captured(&new, 7440, 0);
    tables.save_payment(&change.payment, change.transaction.as_ref(), &[told]).await.unwrap();
    // The same message again, by a worker that has read the payment before.
    let again = Event::new(Fact::StripeEventReceived { object: ObjectId::parse("pi_1").unwrap() }, now());
    let change = captured(&new, 7440, 0);
    conflict(tables.save_payment(&change.payment, change.transaction.as_ref(), &[again]).await);
    // And by one that reads it now.
    let stored = tables.payment(new.id).await.unwrap().unwrap();
    assert_eq!(stored.observe(&seen(&new, Status::Succeeded, [0, 7440, 0]), now()), Ok(None));
    assert_eq!(tables.ledger_of(new.booking).await.unwrap().len(), 1);
    assert_eq!(items(&dynamo, "main", "OUTBOX#").await.len(), 1);
    check_books(&dynamo, &tables, &[(parent, Account::Payer(parent)), (sitter, Account::Sitter(sitter))])
        .await;
}

#[tokio::test]
async fn of_many_who_save_at_once_one_wins() {
    let (dynamo, tables) = store().await;
    let (parent, sitter) = (domain::id::new(now()), domain::id::new(now()));
    let new = payment(parent, sitter);
    tables.save_payment(&new, None, &[]).await.unwrap();
    let workers: Vec<_> = (0..10)
        .map(|_| {
            let (tables, change) = (tables.clone(), captured(&new, 7440, 0));
            tokio::spawn(async move { save(&tables, &change).await })
        })
        .collect();
    let mut won = 0;
    for worker in workers {
        match worker.await.unwrap() {
            Ok(()) => won += 1,
            Err(Error::Conflict | Error::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((won, tables.ledger_of(new.booking).await.unwrap().len()), (1, 1));
    check_books(&dynamo, &tables, &[(parent, Account::Payer(parent)), (sitter, Account::Sitter(sitter))])
        .await;
}

#[tokio::test]
async fn the_books_agree() {
    let (dynamo, tables) = store().await;
    let people: [UserId; 4] = std::array::from_fn(|_| domain::id::new(now()));
    let [ada, bob, carol, dan] = people;
    let mut payments = Vec::new();
    for (parent, sitter, refunded) in [(ada, carol, 0), (ada, dan, 1000), (bob, carol, 7440), (bob, dan, 1)] {
        payments.push(paid(&tables, parent, sitter, refunded).await);
    }
    let part = captured(&payments[1], 7440, 2001);
    save(&tables, &part).await.unwrap();
    let all = captured(&part.payment, 7440, 7440);
    save(&tables, &all).await.unwrap();
    assert_eq!((all.payment.state, payments[2].state), (State::Refunded, State::Refunded));
    let moved = tables.ledger_of(all.payment.booking).await.unwrap();
    let back = moved.iter().filter(|moved| moved.kind == Kind::Refunded).count();
    assert_eq!((moved.len(), back), (4, 3));

    let waits = payments[0].owe().unwrap();
    tables.save_payable(&waits, now()).await.unwrap();
    tables.save_payable(&paid_out(&waits.payment), now()).await.unwrap();
    // Half of it goes back all the same: a part is called back from the sitter, and the rest is lost.
    let half = captured(&paid_out(&waits.payment).payment, 7440, 3720);
    save(&tables, &half).await.unwrap();
    let transfer = TransferId::parse("tr_1").unwrap();
    let called_back = half.payment.call_back(gbp(3000), transfer, now()).unwrap();
    save(&tables, &called_back).await.unwrap();
    let waived = called_back.payment.waive(now()).unwrap();
    conflict(save(&tables, &half.payment.waive(now()).unwrap()).await);
    save(&tables, &waived).await.unwrap();
    assert_eq!(tables.payment(waived.payment.id).await.unwrap(), Some(waived.payment));
    // Of another the bank takes something back, of which nobody has a line.
    let due_by = Some(now());
    let contested = Chargeback::new(gbp(5000), gbp(0), due_by);
    let contested = payments[1].charge_back(contested, now());
    conflict(save(&tables, &contested.unwrap().unwrap()).await);
    let contested = Chargeback::new(gbp(5000), gbp(100), due_by);
    let first = tables.payment(payments[3].id).await.unwrap().unwrap();
    let contested = first.charge_back(contested, now()).unwrap().unwrap();
    save(&tables, &contested).await.unwrap();
    assert_eq!(tables.payment(first.id).await.unwrap(), Some(contested.payment));
    let accounts = [
        (ada, Account::Payer(ada)),
        (bob, Account::Payer(bob)),
        (carol, Account::Sitter(carol)),
        (dan, Account::Sitter(dan)),
    ];
    check_books(&dynamo, &tables, &accounts).await;
    let [of_ada] = tables.balances(ada).await.unwrap().try_into().unwrap();
    assert_eq!((of_ada.charged, of_ada.refunded, of_ada.total()), (-14_880, 11_160, -3720));
    let [of_carol] = tables.balances(carol).await.unwrap().try_into().unwrap();
    assert_eq!((of_carol.charged, of_carol.refunded, of_carol.paid_out), (12_400, -9300, -6200));
    assert_eq!((of_carol.called_back, of_carol.waived, of_carol.total()), (3000, 100, 0));
    assert_eq!(tables.balances(domain::id::new(now())).await.unwrap(), []);
}

#[tokio::test]
async fn a_statement_is_read_page_by_page_the_latest_first() {
    let (_dynamo, tables) = store().await;
    let (parent, sitter) = (domain::id::new(now()), domain::id::new(now()));
    for _ in 0..5 {
        paid(&tables, parent, sitter, 0).await;
    }
    let all = tables.statement(sitter, None, 100).await.unwrap();
    assert!(all.len() == 5 && all.is_sorted_by(|one, next| one.transaction > next.transaction));
    let mut pages: Vec<Line> = Vec::new();
    for expected in [2, 2, 1, 0] {
        let before = pages.last().map(|line| line.transaction);
        let page = tables.statement(sitter, before, 2).await.unwrap();
        assert_eq!(page.len(), expected);
        pages.extend(page);
    }
    assert_eq!(pages, all);
    let mine = tables.statement(parent, None, 1).await.unwrap().pop().unwrap();
    assert_eq!((mine.kind, mine.amount_minor, mine.currency), (Kind::Charged, -7440, Currency::Gbp));
}

#[tokio::test]
async fn what_is_owed_is_paid_out_once() {
    let (dynamo, tables) = store().await;
    let (parent, sitter) = (domain::id::new(now()), domain::id::new(now()));
    let [first, second] = [paid(&tables, parent, sitter, 0).await, paid(&tables, parent, sitter, 0).await]
        .map(|payment| payment.owe().unwrap());
    tables.save_payable(&first, now()).await.unwrap();
    conflict(tables.save_payable(&first, now()).await);
    tables.save_payable(&second, now()).await.unwrap();
    let owed = |Change { payment, .. }: &Change, amount| Owed {
        payment: payment.id,
        booking: payment.booking,
        amount,
        since: now(),
    };
    let mut both = vec![owed(&first, gbp(6200)), owed(&second, gbp(6200))];
    both.sort_by_key(|owed| owed.payment);
    assert_eq!(tables.owed(sitter).await.unwrap(), both);

    let workers: Vec<_> = (0..10)
        .map(|_| {
            let (tables, change) = (tables.clone(), paid_out(&first.payment));
            tokio::spawn(async move { tables.save_payable(&change, now()).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for worker in workers {
        won += usize::from(worker.await.unwrap());
    }
    assert_eq!((won, tables.owed(sitter).await.unwrap()), (1, vec![owed(&second, gbp(6200))]));
    let moved = tables.ledger_of(first.payment.booking).await.unwrap();
    let transfer = TransferId::parse("tr_1").unwrap();
    assert_eq!(moved.iter().filter(|moved| moved.transfer.as_ref() == Some(&transfer)).count(), 1);

    // Of the other a part goes back while it waits, and then the rest.
    let mut other = second.payment;
    for (refunded, left) in
        [(3720, vec![owed(&Change { payment: other.clone(), ..second }, gbp(3100))]), (7440, vec![])]
    {
        let back = captured(&other, 7440, refunded);
        save(&tables, &back).await.unwrap();
        let less = back.payment.owe().unwrap();
        tables.save_payable(&less, now()).await.unwrap();
        assert_eq!(tables.owed(sitter).await.unwrap(), left);
        other = less.payment;
    }
    assert_eq!(tables.payment(other.id).await.unwrap(), Some(other));
    check_books(&dynamo, &tables, &[(parent, Account::Payer(parent)), (sitter, Account::Sitter(sitter))])
        .await;
}

#[tokio::test]
async fn what_stripe_tells_is_heard_once() {
    let (dynamo, tables) = store().await;
    let id = EventId::parse("evt_1").unwrap();
    let deliveries: Vec<_> = (0..10)
        .map(|_| {
            let (tables, id) = (tables.clone(), id.clone());
            let event =
                Event::new(Fact::StripeEventReceived { object: ObjectId::parse("pi_1").unwrap() }, now());
            tokio::spawn(async move { tables.receive(&id, "payment_intent.succeeded", &event).await })
        })
        .collect();
    let mut heard = 0;
    for delivery in deliveries {
        // Those that collide all the time are to come again.
        heard += usize::from(matches!(delivery.await.unwrap(), Ok(true)));
    }
    let event = Event::new(Fact::StripeEventReceived { object: ObjectId::parse("pi_1").unwrap() }, now());
    assert!(!tables.receive(&id, "payment_intent.succeeded", &event).await.unwrap());
    assert_eq!((heard, items(&dynamo, "main", "OUTBOX#").await.len()), (1, 1));
    let [noted] = items(&dynamo, "ephemeral", "STRIPE_EVENT#").await.try_into().unwrap();
    let days = SignedDuration::from_hours(30 * 24);
    assert_eq!(noted["ttl"].as_n().unwrap().parse(), Ok((now() + days).as_second()));
}

#[tokio::test]
async fn a_parent_is_one_customer() {
    let (_dynamo, tables) = store().await;
    let parent = domain::id::new(now());
    assert_eq!(tables.payer(parent).await.unwrap(), None);
    let [one, other] = ["cus_1", "cus_2"].map(|raw| CustomerId::parse(raw).unwrap());
    tables.put_payer(parent, &one).await.unwrap();
    conflict(tables.put_payer(parent, &other).await);
    assert_eq!(tables.payer(parent).await.unwrap(), Some(one));
}

#[tokio::test]
async fn a_sitter_has_one_account_which_names_them() {
    let (_dynamo, tables) = store().await;
    let (sitter, account) = (domain::id::new(now()), AccountId::parse("acct_1").unwrap());
    assert_eq!(tables.payee_of(&account).await.unwrap(), None);
    let payee = Payee::new(sitter, account.clone());
    tables.save_payee(&payee, &[]).await.unwrap();
    conflict(tables.save_payee(&payee, &[]).await);
    // Nor is an account anybody else's.
    conflict(tables.save_payee(&Payee::new(domain::id::new(now()), account.clone()), &[]).await);
    assert_eq!(payee.told(false), None);
    let told = payee.told(true).unwrap();
    tables.save_payee(&told, &[]).await.unwrap();
    conflict(tables.save_payee(&told, &[]).await);
    assert_eq!(tables.payee(sitter).await.unwrap(), Some(told.clone()));
    assert_eq!(tables.payee_of(&account).await.unwrap(), Some(told));
}
