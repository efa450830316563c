//! One after the other, as they should be.

use domain::{
    booking::{Card, Event, State, Who, policy::Policy},
    chargeback,
    payment::State as Paid,
    stripe::PaymentMethodId,
};

use jiff::SignedDuration;
use storage::bookings::Changed;
use testing::acting_as;

use crate::world::{OVERRUN, Outcome, SITTERS, TOTAL, World};

/// What a family and a sitter go through.
#[derive(Debug, Clone, Copy)]
pub enum Journey {
    /// The sitter stays longer, and nobody disagrees.
    Overrun,
    /// A card is refused, and the next wants its owner; in the end a part goes back.
    Trouble,
    /// Called off while the money is held, too late to be free.
    CancelledLate,
    /// Called off before anything was held, too late to be free.
    CancelledUnheld,
    /// Called off by the sitter.
    CancelledFree,
    /// An admin gives back a part when the sitter has been paid, and then the rest.
    RefundedLate,
    /// The family goes to its bank, which keeps what it has taken, and the sitter is paid all the same.
    ChargedBack,
}

impl Journey {
    pub const ALL: [Self; 7] = [
        Self::Overrun,
        Self::Trouble,
        Self::CancelledLate,
        Self::CancelledUnheld,
        Self::CancelledFree,
        Self::RefundedLate,
        Self::ChargedBack,
    ];

    /// Before it has begun.
    pub async fn world(self) -> World {
        let world = match self {
            Self::Overrun => World::new(72, Policy::Flexible, "pm_good").await,
            Self::Trouble => World::new(20, Policy::Strict, "pm_refused").await,
            Self::CancelledLate | Self::RefundedLate | Self::ChargedBack => {
                World::new(20, Policy::Flexible, "pm_good").await
            }
            Self::CancelledUnheld => World::new(60, Policy::Moderate, "pm_good").await,
            Self::CancelledFree => World::new(20, Policy::Strict, "pm_good").await,
        };
        // Others have paid before.
        world.stub.books().balance = 100_000;
        world
    }

    /// To its end. After each thing that happens, `then` is called.
    pub async fn run(self, world: &World, then: impl AsyncFn()) {
        then().await;
        match self {
            Self::Overrun => {
                world.passes_until(-24 * 60).await;
                then().await;
                happens(world, 280, &then).await;
                world.passes_until(280 + 48 * 60).await;
                then().await;
                world.is_onboarded().await;
                then().await;
            }
            Self::Trouble => {
                world.retries("pm_asks").await;
                then().await;
                let asked = world.intents().pop().unwrap();
                world.stub.confirm(&asked, true);
                world.is_told_of(&asked).await;
                then().await;
                happens(world, 240, &then).await;
                world.does(Event::Dispute, Who::Parent).await;
                then().await;
                world.decides(2000).await;
                then().await;
                world.is_onboarded().await;
                then().await;
            }
            Self::CancelledLate | Self::CancelledUnheld => {
                world.does(Event::Cancel, Who::Parent).await;
                then().await;
                world.is_onboarded().await;
                then().await;
            }
            Self::CancelledFree => {
                world.does(Event::Cancel, Who::Sitter).await;
                then().await;
            }
            Self::ChargedBack => {
                world.is_onboarded().await;
                then().await;
                happens(world, 240, &then).await;
                for (status, minutes) in [("needs_response", 0), ("lost", 60)] {
                    world.stub.dispute("pi_1", status, TOTAL);
                    world.is_told_of("pi_1").await;
                    then().await;
                    world.passes_until(240 + 48 * 60 + minutes).await;
                    then().await;
                }
            }
            Self::RefundedLate => {
                is_paid_for(world, &then).await;
                for amount in [2000, TOTAL - 2000] {
                    world.grants(amount).await;
                    then().await;
                }
            }
        }
    }
}

/// The sitter comes, and goes so many minutes after the start.
pub async fn happens(world: &World, minutes: i64, then: &impl AsyncFn()) {
    world.passes_until(0).await;
    world.does(Event::CheckIn, Who::Sitter).await;
    then().await;
    world.passes_until(minutes).await;
    world.does(Event::CheckOut, Who::Sitter).await;
    then().await;
}

/// From the yes to the payout, with a sitter who can be paid.
pub async fn is_paid_for(world: &World, then: &impl AsyncFn()) {
    world.is_onboarded().await;
    then().await;
    happens(world, 240, then).await;
    world.passes_until(240 + 48 * 60).await;
    then().await;
}

/// A journey in which nothing breaks.
pub async fn undisturbed(journey: Journey) -> Outcome {
    let world = journey.world().await;
    journey.run(&world, async || assert_eq!(world.works().await.unwrap(), 0)).await;
    world.outcome().await
}

fn half(amount: u32) -> u32 {
    amount.div_ceil(2)
}

#[tokio::test]
async fn a_booking_that_goes_well_is_paid_for_and_paid_out() {
    let world = Journey::Overrun.world().await;
    world.works().await.unwrap();
    assert_eq!((world.booking().await.state, world.booking().await.card), (State::Confirmed, Card::Good));
    assert!(world.intents().is_empty() && world.stub.take_changes().is_empty());
    world.passes_until(-24 * 60 - 1).await;
    world.works().await.unwrap();
    assert!(world.intents().is_empty());

    // A day ahead the money is held, ...
    world.passes_until(-24 * 60).await;
    world.works().await.unwrap();
    assert_eq!(world.stub.take_changes(), ["POST /v1/payment_intents"]);
    let held = world.outcome().await;
    assert_eq!((held.card, &held.payments["care"]), (Card::Held, &(Paid::Authorised, [0, 0, 0])));
    assert_eq!(held.intents["care 1"], ("requires_capture".into(), [TOTAL, 0, 0, 0]));
    // ... and taken when the sitter has gone, with what it took longer.
    world.passes_until(0).await;
    world.does(Event::CheckIn, Who::Sitter).await;
    world.works().await.unwrap();
    assert!(world.stub.take_changes().is_empty());
    world.passes_until(280).await;
    world.does(Event::CheckOut, Who::Sitter).await;
    world.works().await.unwrap();
    assert_eq!(world.stub.take_changes().len(), 2);
    let taken = world.outcome().await;
    assert_eq!(taken.intents["care 1"], ("succeeded".into(), [0, TOTAL, 0, 0]));
    assert_eq!(taken.intents["overrun 1"], ("succeeded".into(), [0, OVERRUN, 0, 0]));
    assert_eq!((taken.parents, taken.sitters), (-i64::from(TOTAL + OVERRUN), i64::from(SITTERS + 725)));
    assert!(taken.waiting.is_empty());

    // Two days later it is the sitter's, who has told nobody where to pay.
    world.passes_until(280 + 48 * 60).await;
    world.works().await.unwrap();
    let mut settled = world.outcome().await;
    settled.waiting.sort_unstable();
    assert_eq!((settled.state, settled.waiting), (State::Settled, vec![725, SITTERS]));
    assert!(settled.transfers.is_empty());
    let account = world.opens_account().await;
    acting_as("PaymentsWork", world.worker.hear(account.as_str())).await.unwrap();
    assert!(!world.tables.payee(world.sitter).await.unwrap().unwrap().payouts_enabled);
    world.stub.onboard(account.as_str(), true);
    acting_as("PaymentsWork", world.worker.hear(account.as_str())).await.unwrap();
    let paid = world.outcome().await;
    assert_eq!((paid.transfers, paid.waiting, paid.sitters), (vec![725, SITTERS], vec![], 0));
    assert_eq!(paid.payments["care"], (Paid::Captured, [TOTAL, 0, SITTERS]));
    assert_eq!(paid.payments["overrun"], (Paid::Captured, [OVERRUN, 0, 725]));
    // The platform has its fees and the state its tax, and that is all that is left of the cash.
    let fees = i64::from(TOTAL + OVERRUN - SITTERS - 725);
    assert_eq!((paid.ledger[0], paid.ledger[1], paid.ledger[2]), (fees, 0, 0));
    assert_eq!(paid.ledger[3] + paid.ledger[4], -fees);
}

#[tokio::test]
async fn a_sitter_who_can_be_paid_is_paid_at_once() {
    let world = Journey::Overrun.world().await;
    world.is_onboarded().await;
    world.works().await.unwrap();
    world.passes_until(-24 * 60).await;
    happens(&world, 240, &async || _ = world.works().await.unwrap()).await;
    world.passes_until(240 + 48 * 60).await;
    world.works().await.unwrap();
    let paid = world.outcome().await;
    assert_eq!((paid.transfers, paid.sitters, paid.waiting), (vec![SITTERS], 0, vec![]));
    let books = world.stub.books();
    let transfer = books.transfers.values().next().unwrap();
    assert_eq!(
        (transfer.group.clone(), transfer.source.clone()),
        (world.id.to_string(), Some("ch_pi_1".into()))
    );
}

#[tokio::test]
async fn whoever_cancels_in_time_pays_nothing() {
    let world = World::new(72, Policy::Flexible, "pm_good").await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.state, outcome.payments.len(), outcome.intents.len()), (State::Cancelled, 0, 0));
    // A hold is let go of.
    let free = undisturbed(Journey::CancelledFree).await;
    assert_eq!(free.intents["care 1"], ("canceled".into(), [0, 0, 0, 0]));
    assert_eq!((free.payments["care"], free.ledger), ((Paid::Released, [0, 0, 0]), [0; 5]));
}

#[tokio::test]
async fn whoever_cancels_late_pays_what_the_policy_keeps() {
    let kept = half(TOTAL);
    let late = undisturbed(Journey::CancelledLate).await;
    // A part of what is held, and the rest is let go of, which is no refund.
    assert_eq!(late.intents["care 1"], ("succeeded".into(), [0, kept, 0, 0]));
    assert_eq!(late.payments["care"], (Paid::Captured, [kept, 0, SITTERS / 2]));
    assert_eq!((late.transfers, late.parents), (vec![SITTERS / 2], -i64::from(kept)));
    let unheld = undisturbed(Journey::CancelledUnheld).await;
    assert_eq!(unheld.intents["cancellation 1"], ("succeeded".into(), [0, kept, 0, 0]));
    assert_eq!((unheld.payments.len(), unheld.transfers), (1, vec![SITTERS / 2]));
}

#[tokio::test]
async fn a_sitter_who_does_not_come_costs_nothing() {
    let world = World::new(20, Policy::Strict, "pm_good").await;
    world.works().await.unwrap();
    world.passes_until(15).await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.state, outcome.parents), (State::NoShow, 0));
    assert_eq!(outcome.intents["care 1"], ("canceled".into(), [0, 0, 0, 0]));
}

#[tokio::test]
async fn a_card_that_is_not_there_is_refused_before_anything_is_to_be_paid() {
    for card in ["pm_nobodys", "pm_strangers", "pm_debit"] {
        let world = World::new(72, Policy::Flexible, card).await;
        match card {
            "pm_nobodys" => drop(world.stub.books().cards.remove(card)),
            "pm_debit" => {}
            _ => world.stub.leave(card, "cus_2"),
        }
        world.works().await.unwrap();
        let refused = world.booking().await;
        assert_eq!((refused.state, refused.card), (State::Accepted, Card::Refused), "{card}");
        world.retries("pm_good").await;
        world.works().await.unwrap();
        assert_eq!(world.booking().await.state, State::Confirmed);
        assert!(world.stub.take_changes().is_empty());
    }
    // Nor is a card taken that was detached before the money is to be held.
    let world = World::new(72, Policy::Flexible, "pm_good").await;
    world.works().await.unwrap();
    world.stub.books().cards.insert("pm_good".into(), None);
    world.passes_until(-24 * 60).await;
    world.works().await.unwrap();
    let refused = world.outcome().await;
    assert_eq!((refused.card, refused.intents.len()), (Card::Refused, 0));
    assert_eq!(refused.payments["care"].0, Paid::Failed);
}

#[tokio::test]
async fn a_card_that_has_expired_by_then_is_refused() {
    let world = World::new(72, Policy::Flexible, "pm_good").await;
    world
        .changes(|before, _| {
            let mut later = before.clone();
            let years = SignedDuration::from_hours(24 * 365 * 15);
            (later.span.start, later.span.end) = (later.span.start + years, later.span.end + years);
            later.version += 1;
            Ok(Some(Changed::new(later, None)))
        })
        .await;
    world.works().await.unwrap();
    assert_eq!(world.booking().await.card, Card::Refused);
}

#[tokio::test]
async fn a_refused_card_is_mended_by_another_and_confirmed_by_its_owner() {
    let world = Journey::Trouble.world().await;
    world.works().await.unwrap();
    let refused = world.outcome().await;
    assert_eq!((refused.state, refused.card), (State::Accepted, Card::Refused));
    assert_eq!(refused.intents["care 1"].0, "requires_payment_method");
    world.retries("pm_asks").await;
    world.works().await.unwrap();
    let asks = world.outcome().await;
    assert_eq!((asks.state, asks.card), (State::Accepted, Card::ActionRequired));
    // The one before is given up, so that it can never take anything.
    assert_eq!(asks.intents["care 1"].0, "canceled");
    let intent = world.intents().pop().unwrap();
    world.stub.confirm(&intent, false);
    acting_as("PaymentsWork", world.worker.hear(&intent)).await.unwrap();
    assert_eq!(world.booking().await.card, Card::Refused);
    // Whoever has failed once may still confirm it.
    world.stub.confirm(&intent, true);
    acting_as("PaymentsWork", world.worker.hear(&intent)).await.unwrap();
    let held = world.outcome().await;
    assert_eq!((held.state, held.card), (State::Confirmed, Card::Held));
    assert_eq!(held.intents["care 2"], ("requires_capture".into(), [TOTAL, 0, 0, 0]));
}

#[tokio::test]
async fn a_card_that_stays_refused_ends_the_booking_and_costs_nothing() {
    let world = Journey::Trouble.world().await;
    world.works().await.unwrap();
    world.passes_until(-60).await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.state, outcome.payments["care"].0), (State::Cancelled, Paid::Released));
    assert_eq!(outcome.intents["care 1"].0, "canceled");
}

/// Whoever tries a bad card at the deadline, so that it is in the hands of the bank then.
#[tokio::test]
async fn a_card_that_is_refused_after_the_deadline_ends_the_booking_too() {
    let world = Journey::Trouble.world().await;
    world.works().await.unwrap();
    world.passes_until(-61).await;
    world.retries("pm_refused").await;
    world.passes_until(-60).await;
    assert_eq!(world.booking().await.state, State::Confirmed);
    world.works().await.unwrap();
    assert_eq!(world.booking().await.card, Card::Refused);
    world.passes_until(-59).await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.state, outcome.payments["care"].0), (State::Cancelled, Paid::Released));
}

#[tokio::test]
async fn a_hold_that_has_ended_is_mended_like_a_refused_card() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    world.stub.expire(&world.intents()[0]);
    happens(&world, 240, &async || {}).await;
    world.works().await.unwrap();
    let ended = world.outcome().await;
    assert_eq!((ended.card, ended.payments["care"].0), (Card::Refused, Paid::Failed));
    world.retries("pm_other").await;
    world.works().await.unwrap();
    let mended = world.outcome().await;
    assert_eq!((mended.card, mended.parents), (Card::Held, -i64::from(TOTAL)));
}

#[tokio::test]
async fn what_an_admin_decides_goes_back_before_the_sitter_is_paid() {
    let outcome = undisturbed(Journey::Trouble).await;
    assert_eq!(outcome.intents["care 2"], ("succeeded".into(), [0, TOTAL, 2000, 1]));
    let (_, [taken, back, paid]) = outcome.payments["care"];
    assert_eq!((taken, back, outcome.transfers), (TOTAL, 2000, vec![paid]));
    // In the proportion in which they had it.
    assert_eq!(paid, SITTERS - 1748);
    assert_eq!((outcome.parents, outcome.sitters), (-i64::from(TOTAL - 2000), 0));
}

#[tokio::test]
async fn what_an_admin_grants_later_goes_back_too() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    happens(&world, 240, &async || _ = world.works().await.unwrap()).await;
    let [payment] = world.payments().await.try_into().unwrap();
    let granted = payment.grant_refund(payment.priced.total()).unwrap();
    world.tables.save_payment(&granted.payment, granted.transaction.as_ref(), &[]).await.unwrap();
    world.worker.settle(world.id).await.unwrap();
    world.passes_until(240 + 48 * 60).await;
    world.is_onboarded().await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((outcome.payments["care"].0, outcome.ledger), (Paid::Refunded, [0; 5]));
    assert!(outcome.transfers.is_empty() && outcome.waiting.is_empty());
}

#[tokio::test]
async fn what_goes_back_after_the_sitter_was_paid_is_called_back_from_them() {
    let world = Journey::RefundedLate.world().await;
    let work = async || assert_eq!(world.works().await.unwrap(), 0);
    work().await;
    is_paid_for(&world, &work).await;
    assert_eq!(world.outcome().await.transfers, [SITTERS]);
    world.stub.take_changes();
    world.grants(2000).await;
    work().await;
    let reversals = "POST /v1/transfers/tr_2/reversals";
    assert_eq!(world.stub.take_changes(), ["POST /v1/refunds", reversals]);
    let part = world.outcome().await;
    // In the proportion in which they had it; the rest is the platform's, and the state's.
    assert_eq!((part.payments["care"].1, part.reversed), ([TOTAL, 2000, SITTERS], [1748, 1]));
    assert_eq!((part.parents, part.sitters, part.losses), (-i64::from(TOTAL - 2000), 0, 0));
    world.grants(TOTAL - 2000).await;
    work().await;
    let all = world.outcome().await;
    assert_eq!((all.payments["care"].0, all.reversed), (Paid::Refunded, [SITTERS, 2]));
    assert_eq!((all.ledger, all.parents, all.sitters), ([0; 5], 0, 0));
}

#[tokio::test]
async fn what_cannot_be_called_back_any_more_the_platform_bears() {
    let world = Journey::RefundedLate.world().await;
    let work = async || assert_eq!(world.works().await.unwrap(), 0);
    work().await;
    is_paid_for(&world, &work).await;
    world.grants(1000).await;
    work().await;
    world.stub.bank("acct_1");
    world.grants(1000).await;
    work().await;
    let lost = world.outcome().await;
    // 8.74 of each.
    assert_eq!((lost.reversed, lost.losses, lost.sitters), ([874, 1], 874, 0));
    let [payment] = world.payments().await.try_into().unwrap();
    assert_eq!((payment.called_back.amount_minor, payment.waived.amount_minor), (874, 874));
    // It is not tried again; what goes back later is tried by itself.
    world.worker.settle(world.id).await.unwrap();
    assert_eq!(world.outcome().await, lost);
    world.stub.books().accounts.get_mut("acct_1").unwrap().banked = 0;
    world.grants(1000).await;
    work().await;
    let later = world.outcome().await;
    assert_eq!((later.reversed, later.losses, later.sitters), ([1748, 2], 874, 0));
}

#[tokio::test]
async fn what_was_called_back_by_hand_counts() {
    let world = Journey::RefundedLate.world().await;
    let work = async || assert_eq!(world.works().await.unwrap(), 0);
    work().await;
    is_paid_for(&world, &work).await;
    world.stub.books().transfers.values_mut().next().unwrap().reversed = 1000;
    // Nobody has given anything back to the family, so it is not known whose it is.
    world.worker.settle(world.id).await.unwrap();
    assert_eq!(world.outcome().await.sitters, 0);
    world.grants(2000).await;
    work().await;
    let outcome = world.outcome().await;
    assert_eq!((outcome.reversed, outcome.sitters), ([1748, 1], 0));
}

#[tokio::test]
async fn what_a_bank_takes_back_is_held_back_until_it_decides() {
    for is_won in [true, false] {
        let world = Journey::ChargedBack.world().await;
        let work = async || assert_eq!(world.works().await.unwrap(), 0);
        work().await;
        world.is_onboarded().await;
        happens(&world, 240, &work).await;
        // A bank that only asks has taken nothing.
        world.stub.dispute("pi_1", "warning_needs_response", TOTAL);
        acting_as("PaymentsWork", world.worker.hear("pi_1")).await.unwrap();
        assert_eq!(world.payments().await[0].chargeback, None);
        world.stub.dispute("pi_1", "needs_response", TOTAL);
        acting_as("PaymentsWork", world.worker.hear("pi_1")).await.unwrap();
        world.passes_until(240 + 48 * 60).await;
        work().await;
        let open = world.outcome().await;
        assert_eq!((open.state, open.transfers.len(), open.waiting.len()), (State::Settled, 0, 0));
        assert_eq!((open.ledger[0], open.losses), (0, 0));
        let chargeback = world.payments().await[0].chargeback.unwrap();
        assert_eq!((chargeback.state, chargeback.open.amount_minor), (chargeback::State::Open, TOTAL));
        assert!(chargeback.due_by.is_some());
        let [payment] = world.payments().await.try_into().unwrap();
        payment.grant_refund(payment.owed.total()).unwrap_err();
        world.stub.dispute("pi_1", if is_won { "won" } else { "lost" }, TOTAL);
        world.is_told_of("pi_1").await;
        work().await;
        // The care was given, so the sitter is paid; who bears it is the platform.
        let over = world.outcome().await;
        assert_eq!((over.transfers, over.sitters), (vec![SITTERS], 0));
        let lost = if is_won { 0 } else { i64::from(TOTAL) };
        assert_eq!((over.losses, over.ledger[0]), (lost, i64::from(TOTAL - SITTERS) - lost));
        assert_eq!(over.parents, -i64::from(TOTAL));
    }
}

#[tokio::test]
async fn what_is_not_ours_is_not_heard() {
    let world = Journey::Overrun.world().await;
    world.works().await.unwrap();
    let before = world.outcome().await;
    for object in
        ["pi_unknown", "acct_unknown", "cus_1", "ch_1", "re_1", "seti_1", "", "nonsense", "pi_", "pi_/../x"]
    {
        acting_as("PaymentsWork", world.worker.hear(object)).await.unwrap();
    }
    // Of another use of the same Stripe, and of a payment that is not there.
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    {
        let mut books = world.stub.books();
        let intent = books.intents["pi_1"].clone();
        let mut other = intent.clone();
        other
            .metadata
            .insert("payment".into(), domain::id::new::<domain::id::PaymentTag>(world.now()).to_string());
        books.intents.insert("pi_other".into(), other);
        let alien = testing::StripeIntent { metadata: [].into(), ..intent };
        books
            .intents
            .insert("pi_yen".into(), testing::StripeIntent { currency: "jpy".into(), ..alien.clone() });
        books.intents.insert("pi_alien".into(), alien);
    }
    for object in ["pi_other", "pi_alien", "pi_yen"] {
        acting_as("PaymentsWork", world.worker.hear(object)).await.unwrap();
    }
    world.worker.settle(domain::id::new(world.now())).await.unwrap();
    assert_eq!(before.ledger, [0; 5]);
    assert_eq!(world.payments().await.len(), 1);
}

#[tokio::test]
async fn while_the_bank_thinks_nobody_is_told_anything() {
    let world = World::new(20, Policy::Flexible, "pm_slow").await;
    world.works().await.unwrap();
    world.hears().await;
    let thinks = world.outcome().await;
    assert_eq!((thinks.card, thinks.payments["care"].0), (Card::Unasked, Paid::Pending));
    world.stub.confirm("pi_1", true);
    world.hears().await;
    let held = world.outcome().await;
    assert_eq!((held.state, held.card, held.intents.len()), (State::Confirmed, Card::Held, 1));
}

#[tokio::test]
async fn what_is_in_the_hands_of_a_bank_is_waited_for() {
    for confirmed in [true, false] {
        let world = World::new(20, Policy::Flexible, "pm_asks").await;
        world.works().await.unwrap();
        // Its owner has just confirmed it, and takes another card all the same.
        world.stub.books().intents.get_mut("pi_1").unwrap().status = "processing".into();
        world.retries("pm_good").await;
        world.works().await.unwrap_err();
        assert_eq!(world.intents(), ["pi_1"], "two would hold the same money");
        world.stub.confirm("pi_1", confirmed);
        world.worker.settle(world.id).await.unwrap();
        let held = world.outcome().await;
        assert_eq!(held.intents["care 1"].0, "canceled");
        assert_eq!(held.intents["care 2"], ("requires_capture".into(), [TOTAL, 0, 0, 0]));
    }
}

#[tokio::test]
async fn what_was_confirmed_is_not_asked_of_another_card() {
    let world = Journey::CancelledLate.world().await;
    world.works().await.unwrap();
    world.stub.leave("pm_asks", &world.customer);
    world
        .changes(|before, _| {
            let method = PaymentMethodId::parse("pm_asks").unwrap();
            Ok(Some(Changed::new(before.with_method(method), None)))
        })
        .await;
    happens(&world, 280, &async || _ = world.works().await.unwrap()).await;
    assert_eq!(world.outcome().await.payments["overrun"].0, Paid::ActionRequired);
    // The owner confirms it, which takes the money at once, and takes another card before anybody has heard.
    world.stub.confirm("pi_2", true);
    world.retries("pm_other").await;
    world.works().await.unwrap();
    let outcome = world.outcome().await;
    assert_eq!((world.intents().len(), outcome.payments["overrun"]), (2, (Paid::Captured, [OVERRUN, 0, 0])));
    assert_eq!(outcome.parents, -i64::from(TOTAL + OVERRUN));
}

#[tokio::test]
async fn a_sitter_is_paid_only_if_the_money_gets_there_and_on_from_there() {
    let world = Journey::CancelledLate.world().await;
    let account = world.opens_account().await;
    world.works().await.unwrap();
    world.does(Event::Cancel, Who::Parent).await;
    world.works().await.unwrap();
    for (transfers, payouts) in [(false, true), (true, false)] {
        let state = testing::StripeAccount { transfers, payouts, banked: 0 };
        world.stub.books().accounts.insert(account.to_string(), state);
        acting_as("PaymentsWork", world.worker.hear(account.as_str())).await.unwrap();
        assert!(!world.tables.payee(world.sitter).await.unwrap().unwrap().payouts_enabled);
    }
    assert_eq!(world.outcome().await.waiting, [SITTERS / 2]);
    world.is_told_of(account.as_str()).await;
    world.stub.onboard(account.as_str(), true);
    world.works().await.unwrap();
    assert_eq!(world.outcome().await.transfers, [SITTERS / 2]);
}
