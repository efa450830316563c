//! Whatever breaks, the end is the same, and everything is done once.

use domain::{
    booking::{Booking, Event, Who, policy::Policy},
    payment::{Payment, State as Paid},
    stripe::IntentId,
};
use jiff::Timestamp;
use messaging::queue::PaymentMessage;
use payments::work::Worker;
use storage::bookings::Actor;

use crate::{
    journeys::{Journey, undisturbed},
    world::{SITTERS, TOTAL, World},
};

/// More calls than any journey takes.
const MOST_CALLS: u32 = 40;

#[tokio::test]
async fn an_answer_that_is_lost_does_nothing_twice() {
    for journey in Journey::ALL {
        let expected = undisturbed(journey).await;
        for after in 0..MOST_CALLS {
            let world = journey.world().await;
            world.stub.books().loses = Some(after);
            journey.run(&world, async || _ = world.works().await.unwrap()).await;
            assert_eq!(world.outcome().await, expected, "{journey:?} without the answer to call {after}");
            if world.stub.books().loses.is_some() {
                break;
            }
            assert!(after + 1 < MOST_CALLS, "{journey:?} takes more calls");
        }
    }
}

#[tokio::test]
async fn a_worker_that_breaks_off_before_it_writes_does_nothing_twice() {
    for journey in Journey::ALL {
        let expected = undisturbed(journey).await;
        let world = journey.world().await;
        let work = async || {
            // As often as a transaction is tried: the first of the step is not written, though Stripe may have done its
            // part; nor is what is tried next.
            for transactions in [4, 8] {
                world.dynamo.calls.throttle(transactions);
                world.works().await.unwrap();
                world.dynamo.calls.throttle(0);
                world.worker.settle(world.id).await.unwrap();
            }
        };
        journey.run(&world, work).await;
        assert_eq!(world.outcome().await, expected, "{journey:?}");
    }
}

#[tokio::test]
async fn webhooks_in_any_order_and_ten_times_change_nothing() {
    for journey in Journey::ALL {
        let expected = undisturbed(journey).await;
        let world = journey.world().await;
        let work = async || {
            // Before and after the message itself.
            world.hears().await;
            world.works().await.unwrap();
            for turn in 0..10 {
                let mut intents = world.intents();
                if turn % 2 == 0 {
                    intents.reverse();
                }
                for intent in intents {
                    world.worker.hear(&intent).await.unwrap();
                }
                world.worker.settle(world.id).await.unwrap();
            }
            world.works().await.unwrap();
        };
        journey.run(&world, work).await;
        assert_eq!(world.outcome().await, expected, "{journey:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_at_once_do_everything_once() {
    for journey in Journey::ALL {
        let expected = undisturbed(journey).await;
        let world = journey.world().await;
        let work = async || {
            // Whoever finds that another was quicker looks again.
            let settles = || Box::pin(world.settles());
            let (one, two, three) = tokio::join!(settles(), settles(), settles());
            for settled in [one, two, three] {
                settled.unwrap();
            }
            world.works().await.unwrap();
        };
        journey.run(&world, work).await;
        assert_eq!(world.outcome().await, expected, "{journey:?}");
    }
}

#[tokio::test]
async fn while_stripe_is_down_bookings_go_on_and_the_money_follows() {
    let world = World::new(72, Policy::Flexible, "pm_good").await;
    world.stub.books().is_down = true;
    world.works().await.unwrap_err();
    // Nobody could say that the card is not good.
    world.passes_until(-60).await;
    world.passes_until(0).await;
    world.does(Event::CheckIn, Who::Sitter).await;
    world.passes_until(240).await;
    world.does(Event::CheckOut, Who::Sitter).await;
    world.stub.books().is_down = false;
    assert!(world.outcome().await.intents.is_empty());
    // Another process, whose circuit is closed.
    Worker::new(world.app()).settle(world.id).await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!(outcome.payments["care"], (Paid::Captured, [TOTAL, 0, 0]));
}

/// When a message is set aside and comes again days later, Stripe has forgotten the keys of its calls.
#[tokio::test]
async fn after_days_nothing_is_sent_or_given_back_twice() {
    let world = Journey::CancelledLate.world().await;
    world.is_onboarded().await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    // The transfer is made, and nobody hears of it: capture, the transfers so far, the charge, the transfer.
    world.stub.books().loses = Some(3);
    world.worker.settle(world.id).await.unwrap_err();
    assert_eq!(world.stub.books().transfers.len(), 1);
    world.stub.books().forget_keys();
    world.worker.settle(world.id).await.unwrap();
    let paid = world.outcome().await;
    assert_eq!((paid.transfers, paid.sitters, paid.waiting), (vec![SITTERS / 2], 0, vec![]));

    // A refund, likewise: how it stands, and the refund.
    let [payment] = world.payments().await.try_into().unwrap();
    let granted = payment.grant_refund(domain::money::Money::new(1000, payment.currency())).unwrap();
    world.tables.save_payment(&granted.payment, None, &[]).await.unwrap();
    world.stub.books().loses = Some(1);
    world.worker.settle(world.id).await.unwrap_err();
    world.stub.books().forget_keys();
    world.worker.settle(world.id).await.unwrap();
    let back = world.outcome().await;
    assert_eq!(back.intents["care 1"].1[2..], [1000, 1]);
    assert_eq!(back.payments["care"].1[1], 1000);

    // What is called back, likewise: how it stands, the refund, how it stands; the transfers, and the call.
    world.grants(1000).await;
    world.stub.books().loses = Some(4);
    world.worker.settle(world.id).await.unwrap_err();
    let [_, 2] = world.outcome().await.reversed else {
        panic!("it was called back, and nobody has heard of it")
    };
    world.stub.books().forget_keys();
    world.worker.settle(world.id).await.unwrap();
    let called_back = world.outcome().await;
    assert_eq!((called_back.sitters, called_back.reversed[1]), (0, 2));
}

/// Between a transfer of which nobody has heard and the next try, all of the payment goes back.
#[tokio::test]
async fn what_was_sent_is_noted_even_if_nothing_is_owed_any_more() {
    let world = Journey::CancelledLate.world().await;
    world.is_onboarded().await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    world.stub.books().loses = Some(3);
    world.worker.settle(world.id).await.unwrap_err();
    let [payment] = world.payments().await.try_into().unwrap();
    let granted = payment.grant_refund(payment.captured.total()).unwrap();
    world.tables.save_payment(&granted.payment, None, &[]).await.unwrap();
    world.worker.settle(world.id).await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.payments["care"].0, outcome.transfers), (Paid::Refunded, vec![SITTERS / 2]));
    // And called back.
    assert_eq!((outcome.sitters, outcome.reversed, outcome.waiting), (0, [SITTERS / 2, 1], vec![]));
}

#[tokio::test]
async fn what_cannot_be_paid_out_holds_up_nothing_else() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    world.works().await.unwrap();
    // One of an older booking, of whose intent Stripe knows nothing.
    let (longest_ago, now) = (Timestamp::UNIX_EPOCH, world.now());
    let older = Booking { id: domain::id::new(longest_ago), version: 1, ..world.booking().await };
    world.tables.request_booking(&older, &Actor::default()).await.unwrap();
    let [known] = world.payments().await.try_into().unwrap();
    let payment = Payment {
        id: domain::id::new(longest_ago),
        booking: older.id,
        intent: Some(IntentId::parse("pi_unknown").unwrap()),
        version: 1,
        ..known
    };
    world.tables.save_payment(&payment, None, &[]).await.unwrap();
    world.tables.save_payable(&payment.owe().unwrap(), now).await.unwrap();
    assert_eq!(world.outcome().await.waiting.len(), 2);
    world.is_onboarded().await;
    world.works().await.unwrap_err();
    let outcome = world.outcome().await;
    assert_eq!((outcome.transfers, outcome.waiting), (vec![SITTERS / 2], vec![SITTERS / 2]));
}

#[tokio::test]
async fn what_is_nobodys_at_stripe_is_deleted_however_often_that_is_asked_for() {
    let world = Journey::ALL[0].world().await;
    let stub = &world.stub;
    stub.books().customers.insert("cus_gone".into(), "usr_gone".into());
    stub.onboard("acct_gone", false);
    let others = stub.books().customers.len();
    let ask = async |object: &str| {
        let event_id = domain::id::new(Timestamp::UNIX_EPOCH);
        world.worker.handle(PaymentMessage::Abandoned { event_id, object: object.into() }).await
    };
    // The answer to the first call is lost, so that the message comes again.
    stub.books().loses = Some(0);
    assert!(ask("cus_gone").await.is_err());
    for _ in 0..2 {
        ask("cus_gone").await.unwrap();
        ask("acct_gone").await.unwrap();
    }
    assert_eq!(stub.books().customers.len(), others - 1);
    assert!(!stub.books().accounts.contains_key("acct_gone"));
    stub.books().is_down = true;
    assert!(ask("acct_gone").await.is_err(), "it is asked for again when Stripe is back");
}
