//! Our books and Stripe's, compared.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    booking::{Event, Who},
    payment::Payment,
};
use jiff::{SignedDuration, Timestamp};
use payments::reconcile::{Reconciliation, Report};
use runtime::Invocation;
use testing::{StripeBooks, StripeIntent, StripeTransfer, acting_as};

use crate::{
    journeys::{Journey, happens, is_paid_for},
    world::{SITTERS, TOTAL, World},
};

async fn reconciled(world: &World) -> Report {
    let deadline = Timestamp::now() + SignedDuration::from_mins(5);
    let invocation = Invocation { request_id: "req-1".into(), deadline };
    acting_as("PaymentsReconcile", Reconciliation::new(world.app()).run(invocation)).await.unwrap()
}

/// Of a booking whose money was held yesterday, and taken two hours ago.
async fn completed() -> World {
    let world = Journey::Overrun.world().await;
    let work = async || _ = world.works().await.unwrap();
    work().await;
    world.is_onboarded().await;
    world.passes_until(-24 * 60).await;
    work().await;
    happens(&world, 280, &work).await;
    world.passes_until(400).await;
    world
}

/// After somebody has changed something at Stripe.
async fn discrepancies(change: impl FnOnce(&mut StripeBooks)) -> u64 {
    let world = completed().await;
    change(&mut world.stub.books());
    reconciled(&world).await.discrepancies
}

fn intent(books: &mut StripeBooks) -> &mut StripeIntent {
    books.intents.get_mut("pi_1").unwrap()
}

#[tokio::test]
async fn what_agrees_is_not_told_of() {
    for journey in Journey::ALL {
        let world = journey.world().await;
        journey.run(&world, async || _ = world.works().await.unwrap()).await;
        // Payments fall due by the clock on the wall, which is later than that of this booking.
        let due = world.payments().await.iter().filter(|payment| payment.reconcile_at.is_some()).count();
        let before = world.outcome().await;
        let first = reconciled(&world).await;
        assert_eq!((first.discrepancies, first.due.failed, first.due.complete), (0, 0, true), "{journey:?}");
        assert_eq!(first.due.done.values().sum::<u64>(), due as u64);
        // What was compared is not due until it has rested again; and nothing else has changed.
        world.works().await.unwrap();
        assert_eq!(world.outcome().await, before);
        let second = reconciled(&world).await;
        assert_eq!((second.discrepancies, second.due.done.len()), (0, 0));
    }
    let empty = World::new(72, domain::booking::policy::Policy::Flexible, "pm_good").await;
    assert_eq!(reconciled(&empty).await.discrepancies, 0);
}

#[tokio::test]
async fn amounts_that_differ_are_found() {
    assert_eq!(discrepancies(|_| ()).await, 0);
    // Once by the payment, and once by the list of what Stripe has made lately.
    let twice = 2;
    assert_eq!(discrepancies(|books| intent(books).received -= 1).await, twice);
    assert_eq!(discrepancies(|books| intent(books).received += 1).await, twice);
    assert_eq!(
        discrepancies(|books| (intent(books).received, intent(books).status) = (0, "canceled".into())).await,
        twice
    );
    assert_eq!(discrepancies(|books| intent(books).capturable = 1).await, twice);
    assert_eq!(discrepancies(|books| intent(books).currency = "eur".into()).await, twice);
}

#[tokio::test]
async fn what_nobody_knows_is_found() {
    let other = |books: &mut StripeBooks| {
        let other = intent(books).clone();
        books.intents.insert("pi_other".into(), other);
    };
    // A second intent of the same payment has taken money, or holds some.
    assert_eq!(discrepancies(other).await, 1);
    let holds = |books: &mut StripeBooks| {
        other(books);
        let held = StripeIntent {
            received: 0,
            capturable: 1,
            status: "requires_capture".into(),
            ..intent(books).clone()
        };
        books.intents.insert("pi_other".into(), held);
    };
    assert_eq!(discrepancies(holds).await, 1);
    // One of no payment of ours; if it has nothing, it is none of our business.
    for (received, found) in [(1, 1), (0, 0)] {
        let alien = |books: &mut StripeBooks| {
            let alien = StripeIntent { received, metadata: [].into(), ..intent(books).clone() };
            books.intents.insert("pi_alien".into(), alien);
        };
        assert_eq!(discrepancies(alien).await, found);
    }
    let sent = |group: String| {
        move |books: &mut StripeBooks| {
            let created = intent(books).created;
            let metadata = [].into();
            let transfer = StripeTransfer {
                amount: 1,
                reversed: 0,
                reversals: 0,
                destination: "acct_1".into(),
                source: None,
                group,
                metadata,
                created,
            };
            books.transfers.insert("tr_other".into(), transfer);
        }
    };
    assert_eq!(discrepancies(sent(String::new())).await, 1);
    assert_eq!(discrepancies(sent("bkg_01h455vb4pex5vsknk084sn02q".into())).await, 1);
    // Too old, or too young.
    for hours in [-49, 49] {
        let aged = |books: &mut StripeBooks| {
            sent(String::new())(books);
            books.transfers.get_mut("tr_other").unwrap().created += hours * 3600;
        };
        assert_eq!(discrepancies(aged).await, 0);
    }
}

#[tokio::test]
async fn a_transfer_of_another_amount_is_found() {
    let world = completed().await;
    world.passes_until(280 + 48 * 60).await;
    world.works().await.unwrap();
    world.passes_until(280 + 50 * 60).await;
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.stub.books().transfers.values_mut().next().unwrap().amount += 1;
    assert_eq!(reconciled(&world).await.discrepancies, 1);
}

#[tokio::test]
async fn what_was_called_back_by_hand_is_found() {
    let world = completed().await;
    world.passes_until(280 + 48 * 60).await;
    world.works().await.unwrap();
    let both = {
        let mut books = world.stub.books();
        books.transfers.values_mut().for_each(|transfer| transfer.reversed = 1);
        books.transfers.len() as u64
    };
    // By their payments, which are due, and not by the list, which is not asked for what is younger than an hour.
    assert_eq!((reconciled(&world).await.discrepancies, both), (2, 2));
    world.passes_until(280 + 50 * 60).await;
    assert_eq!(reconciled(&world).await.discrepancies, both);
}

#[tokio::test]
async fn a_refund_that_nobody_has_taken_to_the_sitter_is_worked_on() {
    let world = Journey::RefundedLate.world().await;
    let work = async || _ = world.works().await.unwrap();
    work().await;
    is_paid_for(&world, &work).await;
    world.grants(2000).await;
    // The refund is noted, and what would be called back is not: the worker ends there, for good.
    world.stub.books().loses = Some(3);
    world.worker.settle(world.id).await.unwrap_err();
    world.forgets().await;
    assert_eq!(world.outcome().await.reversed, [0, 0]);
    world.passes_until(240 + 50 * 60).await;
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    work().await;
    let outcome = world.outcome().await;
    assert_eq!((outcome.reversed, outcome.sitters), ([1748, 1], 0));
}

#[tokio::test]
async fn a_chargeback_that_nobody_has_told_of_is_worked_on() {
    let world = completed().await;
    world.stub.dispute("pi_1", "needs_response", TOTAL);
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.works().await.unwrap();
    let is_open = |payment: &Payment| payment.is_contested();
    assert_eq!(world.payments().await.iter().filter(|payment| is_open(payment)).count(), 1);
    world.stub.dispute("pi_1", "won", TOTAL);
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.works().await.unwrap();
    assert!(!world.payments().await.iter().any(is_open));
    assert_eq!(reconciled(&world).await.discrepancies, 0);
}

#[tokio::test]
async fn a_ledger_that_was_changed_is_found() {
    let world = completed().await;
    let moved = world.tables.ledger_of(world.id).await.unwrap().remove(0);
    let delete = world.dynamo.client.delete_item().table_name("main");
    let delete = delete.key("pk", AttributeValue::S(format!("LEDGER#{}", world.id)));
    delete.key("sk", AttributeValue::S(moved.id.to_string())).send().await.unwrap();
    assert_eq!(reconciled(&world).await.discrepancies, 1);
}

#[tokio::test]
async fn what_is_only_new_is_worked_on() {
    // A hold of which the answer was lost, and the webhook too; and the booking is called off meanwhile.
    let world = Journey::CancelledFree.world().await;
    world.stub.books().loses = Some(0);
    world.worker.settle(world.id).await.unwrap_err();
    world.does(Event::Cancel, Who::Sitter).await;
    world.worker.settle(world.id).await.unwrap();
    world.works().await.unwrap();
    assert_eq!(world.outcome().await.intents["care 1"].1, [TOTAL, 0, 0, 0]);
    world.passes_until(-18 * 60).await;
    let report = reconciled(&world).await;
    assert_eq!((report.discrepancies, report.due.failed), (0, 0));
    world.works().await.unwrap();
    assert_eq!(world.outcome().await.intents["care 1"], ("canceled".into(), [0, 0, 0, 0]));
    // Something was given back at Stripe's own pages.
    let world = completed().await;
    intent(&mut world.stub.books()).refunded = 500;
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.works().await.unwrap();
    assert_eq!(world.outcome().await.payments["care"].1[1], 500);
    assert_eq!(reconciled(&world).await.discrepancies, 0);
}

#[tokio::test]
async fn what_waits_for_a_sitter_who_can_be_paid_is_worked_on() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    world.works().await.unwrap();
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.works().await.unwrap();
    assert!(world.outcome().await.transfers.is_empty());
    // Nobody has paid it out when the sitter had told everything.
    let account = world.opens_account().await;
    world.stub.onboard(account.as_str(), true);
    let payee = world.tables.payee(world.sitter).await.unwrap().unwrap();
    world.tables.save_payee(&payee.told(true).unwrap(), &[]).await.unwrap();
    let [payment] = world.payments().await.try_into().unwrap();
    let due = Payment { reconcile_at: payment.told_at, version: payment.version + 1, ..payment };
    world.tables.save_payment(&due, None, &[]).await.unwrap();
    assert_eq!(reconciled(&world).await.discrepancies, 0);
    world.works().await.unwrap();
    assert_eq!(world.outcome().await.transfers, [SITTERS / 2]);
}

#[tokio::test]
async fn what_falls_due_while_stripe_is_down_is_compared_later() {
    let world = completed().await;
    world.stub.books().is_down = true;
    let deadline = Timestamp::now() + SignedDuration::from_mins(5);
    let invocation = Invocation { request_id: "req-1".into(), deadline };
    assert!(Reconciliation::new(world.app()).run(invocation).await.is_err());
    world.stub.books().is_down = false;
    let report = reconciled(&world).await;
    assert_eq!((report.due.done.values().sum::<u64>(), report.discrepancies), (2, 0));
}

#[tokio::test]
async fn long_lists_are_read_in_pages_and_a_run_ends_in_time() {
    let world = completed().await;
    {
        let mut books = world.stub.books();
        let alien = StripeIntent { metadata: [].into(), ..intent(&mut books).clone() };
        for number in 0..250 {
            let received = u32::from(number % 50 == 0);
            books.intents.insert(format!("pi_alien{number}"), StripeIntent { received, ..alien.clone() });
        }
    }
    assert_eq!(reconciled(&world).await.discrepancies, 5);
    let invocation = Invocation { request_id: "req-1".into(), deadline: Timestamp::now() };
    let late = Reconciliation::new(world.app()).run(invocation).await.unwrap();
    assert!(!late.due.complete);
}

#[tokio::test]
async fn the_report_is_flat() {
    let world = Journey::CancelledFree.world().await;
    let report = serde_json::to_value(reconciled(&world).await).unwrap();
    let expected =
        serde_json::json!({ "done": {}, "skipped": 0, "failed": 0, "complete": true, "discrepancies": 0 });
    assert_eq!(report, expected);
}

#[tokio::test]
async fn a_payment_without_an_intent_is_compared_with_the_ledger_alone() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    world.stub.expire(&world.intents()[0]);
    world.is_told_of(&world.intents()[0]).await;
    world.works().await.unwrap();
    let [Payment { intent: None, reconcile_at: Some(_), .. }] = &world.payments().await[..] else {
        panic!("the hold has ended")
    };
    let report = reconciled(&world).await;
    assert_eq!((report.discrepancies, report.due.failed), (0, 0));
}
