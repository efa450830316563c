mod world;

use jiff::SignedDuration;
use proptest::prelude::*;

use self::world::{
    Behaviour::{self, Asks, Gone, Good, Slow},
    Broken, MOST_STEPS, World,
};
use super::Action;
use crate::{
    booking::{Card, Event, Presence, State, Who, policy::Policy},
    id::PaymentId,
    ledger::Account,
    money::{Currency, Money},
    payment::{Payment, Purpose, State as Paid},
};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn gbp(amount_minor: u32) -> Money {
    Money::new(amount_minor, Currency::Gbp)
}

fn checks_in(world: &mut World) {
    world.happens(|booking, at| booking.checked_in(Presence { at, distance_metres: None }));
}

fn checks_out(world: &mut World) {
    world.happens(|booking, at| booking.checked_out(Presence { at, distance_metres: None }));
}

/// What is done, in words.
fn done(world: &mut World) -> Vec<String> {
    let name = |id: &PaymentId, world: &World| {
        world.payments.iter().find(|payment| payment.id == *id).unwrap().purpose.as_ref().to_owned()
    };
    let actions = world.settles().unwrap();
    let words = actions.into_iter().map(|action| match action {
        Action::CheckCard => "check card".to_owned(),
        Action::NoteCard(card) => format!("note {}", card.as_ref()),
        Action::Order(purpose, charge) => {
            format!("order {} {}", purpose.as_ref(), charge.total().amount_minor)
        }
        Action::Authorise(id) => format!("authorise {}", name(&id, world)),
        Action::Reduce(id, owed) => format!("reduce {} {}", name(&id, world), owed.total().amount_minor),
        Action::Capture(id) => format!("capture {}", name(&id, world)),
        Action::GiveUp(id, _) => format!("give up {}", name(&id, world)),
        Action::Release(id) => format!("release {}", name(&id, world)),
        Action::GrantRefund(id, amount) => format!("grant {} {}", name(&id, world), amount.amount_minor),
        Action::Refund(id) => format!("refund {}", name(&id, world)),
        Action::Owe(id) => format!("owe {}", name(&id, world)),
        Action::PayOut(id) => format!("pay out {}", name(&id, world)),
        Action::CallBack(id) => format!("call back {}", name(&id, world)),
    });
    words.collect()
}

/// A booking of 4 hours and 20 minutes at 12.00 an hour: 52.00 for the sitter, 6.24, and 1.25 of tax.
fn afternoon(ahead: i64, policy: Policy, card: Behaviour) -> World {
    World::new(ahead, 1200, policy, card)
}

/// Until it has begun, with the sitter there.
fn begins(world: &mut World) {
    let start = world.booking.span.start;
    world.passes(start.duration_since(world.now).max(SignedDuration::ZERO));
    checks_in(world);
}

#[test]
fn a_booking_that_goes_well() {
    let mut world = afternoon(72, Policy::Flexible, Good);
    assert_eq!(done(&mut world), ["check card"]);
    assert_eq!(world.booking.state, State::Confirmed);
    assert!(done(&mut world).is_empty());
    world.passes(hours(48));
    assert_eq!(done(&mut world), ["order care 5949", "authorise care", "note held"]);
    begins(&mut world);
    assert!(done(&mut world).is_empty());
    world.passes(SignedDuration::from_mins(5 * 60));
    checks_out(&mut world);
    let collected = ["capture care", "order overrun 686", "authorise overrun"];
    assert_eq!(done(&mut world), collected);
    world.passes(hours(48));
    let waits = ["owe care", "owe overrun", "pay out care"];
    assert_eq!((world.booking.state, done(&mut world)), (State::Settled, waits.map(String::from).to_vec()));
    world.can_be_paid = true;
    assert_eq!(done(&mut world), ["pay out care", "pay out overrun"]);
    assert!(done(&mut world).is_empty());
    let paid: Vec<Money> = world.stripe.transfers.iter().map(|transfer| transfer.amount).collect();
    assert_eq!(paid, [gbp(5200), gbp(600)]);
}

#[test]
fn a_cancelled_booking_keeps_what_its_policy_says() {
    // In time, with and without a hold.
    let mut world = afternoon(72, Policy::Flexible, Good);
    done(&mut world);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    assert!(done(&mut world).is_empty());
    let mut world = afternoon(23, Policy::Flexible, Good);
    assert_eq!(done(&mut world), ["order care 5949", "authorise care", "note held"]);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Sitter, at));
    assert_eq!(done(&mut world), ["reduce care 0", "give up care"]);
    let mut world = afternoon(23, Policy::Strict, Good);
    done(&mut world);
    world.happens(|booking, at| booking.after(Event::CallOff, Who::System, at));
    assert_eq!(done(&mut world), ["reduce care 0", "give up care"]);
    // Later: half of what is held, or, where nothing is, by itself.
    let mut world = afternoon(23, Policy::Flexible, Good);
    done(&mut world);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    assert_eq!(done(&mut world), ["reduce care 2975", "capture care", "owe care", "pay out care"]);
    let mut world = afternoon(30, Policy::Moderate, Good);
    done(&mut world);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    let expected = [
        "order cancellation 2975",
        "authorise cancellation",
        "note held",
        "owe cancellation",
        "pay out cancellation",
    ];
    assert_eq!(done(&mut world), expected);
}

#[test]
fn a_sitter_who_does_not_come_costs_nothing() {
    let mut world = afternoon(23, Policy::Strict, Good);
    done(&mut world);
    world.passes(hours(24));
    assert_eq!(world.booking.state, State::NoShow);
    assert_eq!(done(&mut world), ["reduce care 0", "give up care"]);
}

#[test]
fn a_refused_card_is_told_of_once_and_can_be_mended() {
    let mut world = afternoon(23, Policy::Flexible, Behaviour::Refused);
    assert_eq!(done(&mut world), ["order care 5949", "authorise care", "note refused"]);
    assert!(done(&mut world).is_empty());
    world.retries(Asks);
    assert_eq!(done(&mut world), ["authorise care", "note action_required"]);
    world.stripe.intents[1].confirm(Some(true));
    world.hears(0, 1);
    world.goes_on(0);
    assert_eq!(done(&mut world), ["note held"]);
    assert_eq!((world.booking.state, world.complaints), (State::Confirmed, 2));
    // Nobody has mended it in time.
    let mut world = afternoon(23, Policy::Flexible, Gone);
    assert_eq!(done(&mut world), ["order care 5949", "authorise care", "note refused"]);
    world.passes(hours(22));
    assert_eq!(
        (world.booking.state, done(&mut world)),
        (State::Cancelled, vec!["reduce care 0".into(), "release care".into()])
    );
}

#[test]
fn two_payments_of_which_each_is_refused_do_not_take_turns() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    done(&mut world);
    begins(&mut world);
    world.stripe.intents[0].expire();
    world.passes(SignedDuration::from_mins(5 * 60));
    checks_out(&mut world);
    world.booking = world.booking.with_method(Asks.method());
    let expected = ["capture care", "order overrun 686", "authorise overrun", "note refused"];
    assert_eq!(done(&mut world), expected);
    assert!(done(&mut world).is_empty());
    assert_eq!(world.complaints, 1);
    // The care is mended first: what is left to be mended is told of.
    world.retries(Good);
    assert_eq!(done(&mut world), ["authorise care", "capture care", "authorise overrun", "note held"]);
}

#[test]
fn what_comes_late_reaches_the_sitter_by_itself() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    world.can_be_paid = true;
    done(&mut world);
    begins(&mut world);
    world.passes(SignedDuration::from_mins(5 * 60));
    checks_out(&mut world);
    world.booking = world.booking.with_method(Behaviour::Refused.method());
    done(&mut world);
    world.passes(hours(48));
    assert_eq!(done(&mut world), ["owe care", "pay out care"]);
    world.retries(Good);
    assert_eq!(done(&mut world), ["authorise overrun", "note held", "owe overrun", "pay out overrun"]);
}

#[test]
fn an_admin_decides_what_goes_back() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    done(&mut world);
    begins(&mut world);
    world.passes(SignedDuration::from_mins(5 * 60));
    checks_out(&mut world);
    done(&mut world);
    world.happens(|booking, at| booking.disputed(Who::Parent, "sealed".into(), at));
    assert!(done(&mut world).is_empty());
    // All of the care, and a part of what it took longer.
    let total = world.booking.quote.total().amount_minor + 343;
    world.happens(|booking, at| booking.decided(gbp(total), at));
    let expected = [
        "grant care 5949",
        "refund care",
        "grant overrun 343",
        "refund overrun",
        "owe overrun",
        "pay out overrun",
    ];
    assert_eq!(done(&mut world), expected);
    // While the sitter cannot be paid, more goes back, and less waits.
    world.gives_back(1, 50);
    assert_eq!(done(&mut world), ["refund overrun", "owe overrun", "pay out overrun"]);
    world.gives_back(1, 100);
    assert_eq!(done(&mut world), ["refund overrun", "owe overrun"]);
    world.can_be_paid = true;
    assert!(done(&mut world).is_empty());
}

#[test]
fn what_goes_back_after_the_sitter_was_paid_is_called_back_from_them() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    world.can_be_paid = true;
    done(&mut world);
    begins(&mut world);
    world.passes(SignedDuration::from_mins(4 * 60 + 20));
    checks_out(&mut world);
    done(&mut world);
    world.passes(hours(48));
    assert_eq!(done(&mut world), ["owe care", "pay out care"]);
    // Half of it: 26.00 of the sitter's, 3.12 of the fee, and 0.62 of the tax.
    world.gives_back(0, 50);
    assert_eq!(done(&mut world), ["refund care", "call back care"]);
    let payment = world.payment(Purpose::Care).unwrap();
    assert_eq!((payment.called_back, payment.refunded.sitter()), (gbp(2600), gbp(2600)));
    assert_eq!(world.stripe.transfers[0].reversed, 2600);
    assert!(done(&mut world).is_empty());
    // The answer is lost, and Stripe remembers.
    world.gives_back(0, 50);
    world.stripe.loses = Some(5);
    assert_eq!(world.settles(), Err(Broken::Unavailable));
    let reversed = world.stripe.transfers[0].reversed;
    assert!(reversed > 2600 && world.payment(Purpose::Care).unwrap().to_call_back().amount_minor > 0);
    assert_eq!(done(&mut world), ["call back care"]);
    assert_eq!(world.stripe.transfers[0].reversed, reversed);
    // The rest they have taken to their bank: it is the platform's loss.
    world.stripe.is_empty = true;
    world.gives_back(0, 100);
    assert_eq!(done(&mut world), ["refund care", "call back care"]);
    let payment = world.payment(Purpose::Care).unwrap();
    assert_eq!((payment.state, payment.called_back), (Paid::Refunded, gbp(reversed)));
    assert_eq!(payment.waived, gbp(5200 - reversed));
    let of = |account| world.ledger.iter().map(|moved| moved.for_account(&account)).sum::<i64>();
    assert_eq!(of(Account::Sitter(world.booking.sitter)), 0);
    assert_eq!(of(Account::Losses), i64::from(5200 - reversed));
    assert!(done(&mut world).is_empty());
}

#[test]
fn what_a_bank_has_taken_back_is_not_paid_out_before_it_decides() {
    for is_won in [true, false] {
        let mut world = afternoon(23, Policy::Flexible, Good);
        world.can_be_paid = true;
        done(&mut world);
        begins(&mut world);
        world.passes(SignedDuration::from_mins(4 * 60 + 20));
        checks_out(&mut world);
        done(&mut world);
        world.stripe.intents[0].contest(100);
        let hears = |world: &mut World| {
            world.hears_of_bank(0, 0);
            world.goes_on(0);
        };
        hears(&mut world);
        // To an admin the family says the same as to its bank.
        world.happens(|booking, at| booking.disputed(Who::Parent, "sealed".into(), at));
        world.happens(|booking, at| booking.decided(gbp(1000), at));
        assert!(done(&mut world).is_empty());
        world.stripe.intents[0].close(is_won);
        hears(&mut world);
        // It is given back once; and the sitter has given the care.
        let expected: &[&str] = match is_won {
            true => &["grant care 1000", "refund care", "owe care", "pay out care"],
            false => &["owe care", "pay out care"],
        };
        assert_eq!(done(&mut world), expected);
        let of = |account| world.ledger.iter().map(|moved| moved.for_account(&account)).sum::<i64>();
        let total = i64::from(world.booking.quote.total().amount_minor);
        assert_eq!((of(Account::Contested), of(Account::Losses)), (0, if is_won { 0 } else { total }));
        assert_eq!(of(Account::Sitter(world.booking.sitter)), 0);
    }
}

#[test]
fn what_was_sent_by_somebody_who_was_late_is_called_back() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    done(&mut world);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    done(&mut world);
    // One worker is about to pay when all of it goes back, and has paid when nothing is owed any more.
    world.can_be_paid = true;
    world.looks(0);
    world.gives_back(0, 100);
    assert_eq!(done(&mut world), ["refund care", "owe care"]);
    world.goes_on(0);
    world.goes_on(0);
    assert_eq!(done(&mut world), ["call back care"]);
    let [transfer] = &world.stripe.transfers[..] else { panic!("it is sent once") };
    assert_eq!(transfer.reversed, transfer.amount.amount_minor);
}

#[test]
fn a_hold_and_a_cancellation_at_the_same_moment_keep_once() {
    let mut world = afternoon(24, Policy::Moderate, Good);
    // One worker is about to hold the money when it is called off, and another has heard of that.
    world.looks(0);
    world.happens(|booking, at| booking.with_card(Card::Good, at).map(|(booking, _)| booking));
    world.looks(0);
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    world.passes(SignedDuration::from_secs(1));
    let kept = world.booking.charge().total();
    done(&mut world);
    world.goes_on(0);
    assert_eq!(world.payments.len(), 2);
    assert_eq!(done(&mut world), ["reduce care 0", "release care", "pay out cancellation"]);
    assert_eq!(world.payment(Purpose::Cancellation).unwrap().captured.total(), kept);
}

#[test]
fn an_answer_that_is_lost_changes_nothing() {
    let mut world = afternoon(23, Policy::Flexible, Good);
    world.stripe.loses = Some(0);
    assert_eq!(world.settles(), Err(Broken::Unavailable));
    // Before anybody has asked again, less is owed.
    world.happens(|booking, at| booking.with_card(Card::Good, at).map(|(booking, _)| booking));
    world.happens(|booking, at| booking.after(Event::Cancel, Who::Parent, at));
    world.stripe.loses = Some(1);
    assert_eq!(world.settles(), Err(Broken::Unavailable));
    let expected = ["capture care", "note held", "owe care", "pay out care"];
    assert_eq!(done(&mut world), expected);
    let [intent] = &world.stripe.intents[..] else { panic!("the money is held once") };
    assert_eq!((intent.seen.received, intent.seen.capturable), (2975, 0));
}

/// What may happen.
#[derive(Debug, Clone)]
enum Op {
    Looks(usize),
    GoesOn(usize),
    Crashes(usize),
    Hears(usize, usize),
    Settles,
    LosesAnswer(u32),
    IsDown(bool),
    Passes(i64),
    Cancels(Who),
    /// Time goes by until it begins, and the sitter comes.
    Begins,
    /// Time goes by until so many minutes after it was to end, and the sitter goes.
    Ends(i64),
    Disputes,
    Decides(u32),
    Retries(usize),
    Confirms(usize, Option<bool>),
    BankDecides(usize, bool),
    Expires(usize),
    TakesByHand(usize),
    GivesBack(usize, u32),
    GivesBackByHand(usize, u32),
    CanBePaid(bool),
    IsEmpty(bool),
    CallsBackByHand(usize, u32),
    Contests(usize, u32),
    BankFinds(usize, bool),
    HearsOfBank(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let worker = 0..3usize;
    prop_oneof![
        8 => worker.clone().prop_map(Op::Looks),
        16 => worker.clone().prop_map(Op::GoesOn),
        2 => worker.clone().prop_map(Op::Crashes),
        4 => (worker.clone(), 0..5usize).prop_map(|(worker, intent)| Op::Hears(worker, intent)),
        2 => (worker, 0..5usize).prop_map(|(worker, intent)| Op::HearsOfBank(worker, intent)),
        1 => (0..5usize, 1..=100u32).prop_map(|(intent, percent)| Op::Contests(intent, percent)),
        1 => (0..5usize, any::<bool>()).prop_map(|(intent, is_won)| Op::BankFinds(intent, is_won)),
        6 => Just(Op::Settles),
        2 => (0..4u32).prop_map(Op::LosesAnswer),
        1 => prop_oneof![1 => Just(true), 2 => Just(false)].prop_map(Op::IsDown),
        2 => (0..30i64).prop_map(Op::Passes),
        4 => (0..5usize).prop_map(Op::Retries),
        2 => (0..5usize, any::<Option<bool>>()).prop_map(|(intent, success)| Op::Confirms(intent, success)),
        2 => (0..5usize, any::<bool>()).prop_map(|(intent, success)| Op::BankDecides(intent, success)),
        1 => (0..5usize).prop_map(Op::Expires),
        1 => (0..5usize).prop_map(Op::TakesByHand),
        1 => (0..3usize, 1..=100u32).prop_map(|(payment, percent)| Op::GivesBack(payment, percent)),
        1 => (0..5usize, 1..=100u32).prop_map(|(intent, percent)| Op::GivesBackByHand(intent, percent)),
        1 => any::<bool>().prop_map(Op::CanBePaid),
        1 => any::<bool>().prop_map(Op::IsEmpty),
        1 => (0..2usize, 1..=100u32).prop_map(|(transfer, percent)| Op::CallsBackByHand(transfer, percent)),
    ]
}

/// What a booking goes through, with anything in between.
fn history() -> impl Strategy<Value = Vec<Op>> {
    let somebody = prop_oneof![2 => Just(Who::Parent), 1 => Just(Who::Sitter), 1 => Just(Who::Admin)];
    let cancels = somebody.prop_map(Op::Cancels);
    let time = prop_oneof![3 => 0..24 * 60i64, 2 => 24 * 60..10 * 24 * 60i64].prop_map(Op::Passes);
    let stages = (
        proptest::option::weighted(0.3, time.clone()),
        proptest::option::weighted(0.15, cancels.clone()),
        proptest::option::weighted(0.8, time),
        proptest::option::weighted(0.2, cancels),
        proptest::option::weighted(0.9, Just(Op::Begins)),
        proptest::option::weighted(0.9, (-60..120i64).prop_map(Op::Ends)),
        proptest::option::weighted(0.4, Just(Op::Disputes)),
        proptest::option::weighted(0.8, (0..=100u32).prop_map(Op::Decides)),
        // After which the sitter is paid, …
        proptest::option::weighted(0.8, Just([Op::Passes(48 * 60), Op::CanBePaid(true), Op::Settles])),
        // … and then something goes back.
        proptest::option::weighted(
            0.5,
            (0..3usize, 1..=100u32).prop_map(|(payment, percent)| Op::GivesBack(payment, percent)),
        ),
    );
    let between = proptest::collection::vec(proptest::collection::vec(op(), 0..14), 11);
    (stages, between).prop_map(|((a, b, c, d, e, f, g, h, i, j), between)| {
        let paid = i.map(Vec::from).unwrap_or_default();
        let before = [a, b, c, d, e, f, g, h].map(|stage| stage.into_iter().collect());
        let stages = before.into_iter().chain([paid, j.into_iter().collect(), Vec::new()]);
        let both = stages.zip(between);
        both.flat_map(|(stage, between)| between.into_iter().chain(stage)).collect()
    })
}

fn apply(world: &mut World, op: Op) {
    let intent = |world: &mut World, index: usize, change: &dyn Fn(&mut world::Intent)| {
        world.stripe.intents.get_mut(index).map(change).unwrap_or_default();
    };
    match op {
        Op::Looks(worker) => world.looks(worker),
        Op::GoesOn(worker) => world.goes_on(worker),
        Op::Crashes(worker) => world.crashes(worker),
        Op::Hears(worker, intent) => world.hears(worker, intent),
        // Wherever it stops, it has had its reasons.
        Op::Settles => drop(world.settles()),
        Op::LosesAnswer(after) => world.stripe.loses = Some(after),
        Op::IsDown(is_down) => world.stripe.is_down = is_down,
        Op::Passes(minutes) => world.passes(SignedDuration::from_mins(minutes)),
        Op::Cancels(who) => world.happens(|booking, at| booking.after(Event::Cancel, who, at)),
        Op::Begins => begins(world),
        Op::Ends(minutes) => {
            let end = world.booking.span.end + SignedDuration::from_mins(minutes);
            world.passes(end.duration_since(world.now).max(SignedDuration::ZERO));
            checks_out(world);
        }
        Op::Disputes => world.happens(|booking, at| booking.disputed(Who::Parent, "sealed".into(), at)),
        Op::Decides(percent) => {
            let amount = world.booking.quote.total().amount_minor * percent / 100;
            world.happens(|booking, at| booking.decided(gbp(amount), at));
        }
        Op::Retries(card) => world.retries(Behaviour::ALL[card]),
        Op::Confirms(index, success) => intent(world, index, &|intent| intent.confirm(success)),
        Op::BankDecides(index, success) => intent(world, index, &|intent| intent.decide(success)),
        Op::Expires(index) => intent(world, index, &|intent| intent.expire()),
        Op::TakesByHand(intent) => world.takes_by_hand(intent),
        Op::GivesBack(payment, percent) => world.gives_back(payment, percent),
        Op::GivesBackByHand(intent, percent) => world.gives_back_by_hand(intent, percent),
        Op::CanBePaid(can) => world.can_be_paid = can,
        Op::IsEmpty(is_empty) => world.stripe.is_empty = is_empty,
        Op::CallsBackByHand(transfer, percent) => world.calls_back_by_hand(transfer, percent),
        Op::Contests(index, percent) => intent(world, index, &|intent| intent.contest(percent)),
        Op::BankFinds(index, is_won) => intent(world, index, &|intent| intent.close(is_won)),
        Op::HearsOfBank(worker, intent) => world.hears_of_bank(worker, intent),
    }
}

/// What is so at every moment.
fn check(world: &World) {
    for payment in &world.payments {
        let own = || world.stripe.intents.iter().filter(|intent| intent.of.id == payment.id);
        assert!(own().filter(|intent| intent.seen.capturable > 0).count() <= 1, "two hold the same money");
        assert!(
            own().filter(|intent| intent.seen.received > 0).count() <= 1,
            "two have taken the same money"
        );
        assert!(own().all(|intent| intent.seen.received <= payment.priced.total().amount_minor));
        assert!(payment.refunded.total().amount_minor <= payment.captured.total().amount_minor);
        assert!(payment.owed.total().amount_minor <= payment.priced.total().amount_minor);
    }
    for intent in &world.stripe.intents {
        assert!(world.payments.iter().any(|payment| payment.id == intent.of.id), "nobody knows the intent");
        assert!(intent.seen.refunded <= intent.seen.received);
    }
    assert!(world.complaints <= world.refusals, "the family was told more often than anything was refused");
}

/// Everybody does what they can, until nothing is left to do.
fn calm(world: &mut World, mends: bool) {
    (world.stripe.is_down, world.stripe.loses, world.can_be_paid) = (false, None, true);
    (0..3).for_each(|worker| world.crashes(worker));
    let rests = |world: &World| {
        let seen: Vec<_> = world.stripe.intents.iter().map(|intent| intent.seen.clone()).collect();
        (world.booking.clone(), world.payments.clone(), seen)
    };
    for _ in 0..2 * MOST_STEPS {
        let before = rests(world);
        for index in 0..world.stripe.intents.len() {
            world.stripe.intents[index].decide(true);
            world.hears(0, index);
            world.goes_on(0);
            let is_won = world.stripe.intents[index].open.is_multiple_of(2);
            world.stripe.intents[index].close(is_won);
            world.hears_of_bank(0, index);
            world.goes_on(0);
        }
        match world.settles() {
            // What an intent waits for the bank with waits for it, too.
            Ok(_) | Err(Broken::Unavailable) => {}
            Err(broken) => panic!("{broken:?}"),
        }
        check(world);
        if mends {
            world.retries(Good);
        }
        if before == rests(world) {
            world.happens(|booking, at| booking.decided(gbp(0), at));
            match world.booking.next_step() {
                Some((_, at)) => world.passes(at.duration_since(world.now).max(SignedDuration::ZERO)),
                None if before == rests(world) => return,
                None => {}
            }
        }
    }
    panic!("it does not come to rest: {:?}", world.booking.state);
}

/// What is so in the end.
fn check_the_end(world: &World, mends: bool, is_alone: bool) {
    let sum = |amounts: &mut dyn Iterator<Item = u32>| amounts.map(i64::from).sum::<i64>();
    let intents = &world.stripe.intents;
    let received = sum(&mut intents.iter().map(|intent| intent.seen.received));
    let refunded = sum(&mut intents.iter().map(|intent| intent.seen.refunded));
    let sent = sum(&mut world.stripe.transfers.iter().map(|transfer| transfer.amount.amount_minor));
    assert!(intents.iter().all(|intent| intent.seen.capturable == 0), "something is held still");

    // The books are those of Stripe.
    for intent in intents {
        let payment = world.payments.iter().find(|payment| payment.id == intent.of.id).unwrap();
        assert_eq!(payment.observe(&intent.seen, world.now), Ok(None));
        assert_eq!(payment.compare(&intent.seen), None);
    }
    let of = |account| world.ledger.iter().map(|moved| moved.for_account(&account)).sum::<i64>();
    let earned = sum(&mut world.payments.iter().map(|payment| payment.captured.sitter().amount_minor))
        - sum(&mut world.payments.iter().map(|payment| payment.refunded.sitter().amount_minor));
    let known =
        |of: fn(&Payment) -> Money| sum(&mut world.payments.iter().map(|payment| of(payment).amount_minor));
    let (called_back, waived) = (known(|payment| payment.called_back), known(|payment| payment.waived));
    let lost = sum(&mut intents.iter().map(|intent| intent.lost));
    assert_eq!(of(Account::Cash), received - refunded - sent + called_back - lost);
    assert_eq!(of(Account::Contested), 0);
    assert_eq!(of(Account::Payer(world.booking.parent)), 0);
    assert_eq!(of(Account::Losses), waived + lost);
    // The sitter has what is theirs of it: what went back later was called back, or the platform bears it.
    assert_eq!(of(Account::Sitter(world.booking.sitter)), 0);
    assert_eq!(sent - called_back - waived, earned);
    let reversed = sum(&mut world.stripe.transfers.iter().map(|transfer| transfer.reversed));
    assert!(world.was_called_back_by_hand || reversed == called_back, "{reversed} and not {called_back}");
    assert!(reversed >= called_back);
    assert!(world.ledger.iter().all(|moved| moved.booking == world.booking.id));

    // What is owed was taken, and no more stays.
    let overrun = world.booking.overrun.as_ref().map_or(0, |quote| quote.total().amount_minor);
    let due = match world.booking.state {
        State::Cancelled | State::NoShow => world.booking.charge().total().amount_minor,
        State::Settled => world.booking.quote.total().amount_minor + overrun,
        state => panic!("{state:?}"),
    };
    let decided = world.booking.dispute.as_ref().and_then(|dispute| dispute.refund);
    let decided = decided.map_or(0, |refund| refund.amount_minor);
    let [due, decided, granted, by_hand] = [due, decided, world.granted, world.by_hand].map(i64::from);
    let stays = received - refunded;
    if mends && lost > 0 {
        // What the bank keeps is not given back besides.
        assert!(stays >= due - decided - granted - by_hand, "{stays} of {due}");
    } else if mends {
        // They may be taken for each other, and for what was taken too much: nothing is given back once more.
        let back = if world.was_taken_by_hand { decided } else { decided.max(granted).max(by_hand) };
        assert!(stays <= due - back, "{stays} of {due}");
        assert!(stays >= due - decided - granted - by_hand, "{stays} of {due}");
    } else {
        assert!(lost > 0 || stays <= due);
    }
    if is_alone && !world.was_taken_by_hand {
        assert!(received <= due, "{received} was taken of {due}");
    }
    if mends && decided + granted + by_hand == 0 && world.booking.state == State::Settled {
        let quotes = [Some(&world.booking.quote), world.booking.overrun.as_ref()];
        let theirs = sum(&mut quotes.into_iter().flatten().map(|quote| quote.sitter().amount_minor));
        assert_eq!(sent, theirs);
    }
}

fn world() -> impl Strategy<Value = World> {
    let policy = prop_oneof![Just(Policy::Flexible), Just(Policy::Moderate), Just(Policy::Strict)];
    let card = prop_oneof![6 => Just(Good), 1 => Just(Behaviour::Refused), 1 => Just(Asks), 1 => Just(Slow), 1 => Just(Gone)];
    let ahead = prop_oneof![2..30i64, 30..80i64, 80..240i64];
    (ahead, 100u32..=20_000, policy, card)
        .prop_map(|(ahead, rate, policy, card)| World::new(ahead, rate, policy, card))
}

proptest! {
    /// Whatever happens, in whatever order and however often, and wherever a worker breaks off.
    #[test]
    fn any_history_ends_with_what_is_owed(
        mut world in world(),
        ops in history(),
        mends: bool,
    ) {
        for op in ops {
            apply(&mut world, op);
            check(&world);
        }
        calm(&mut world, mends);
        check_the_end(&world, mends, false);
    }

    /// One worker alone never takes more than is owed, not even for a moment.
    #[test]
    fn one_worker_alone_takes_no_more_than_is_owed(
        mut world in world(),
        ops in history(),
        mends: bool,
    ) {
        for op in ops {
            match op {
                Op::Looks(_) | Op::GoesOn(_) => drop(world.settles()),
                Op::Hears(_, intent) => {
                    world.hears(0, intent);
                    world.goes_on(0);
                }
                op => apply(&mut world, op),
            }
            check(&world);
        }
        calm(&mut world, mends);
        check_the_end(&world, mends, true);
    }
}
