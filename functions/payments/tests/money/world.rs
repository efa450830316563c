//! A booking with its family and its sitter, on the embedded store and beside a pretended Stripe. What is announced
//! reaches the worker as the relay and the queue would bring it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use api::{App, Clock, Settings};
use domain::{
    booking::{Booking, Card, Event, News, Presence, Refusal, State, Who, policy::Policy},
    event::{self, Fact},
    id::{BookingId, UserId},
    ledger::Account,
    money::{Currency, Money},
    payment::{self, Payment, Purpose},
    stripe::{AccountId, CustomerId, ObjectId, PaymentMethodId},
};
use jiff::{SignedDuration, Timestamp};
use messaging::{
    messages::messages_for,
    queue::{Message, PaymentMessage},
};
use payments::work::Worker;
use runtime::Error;
use storage::{
    Tables,
    bookings::{Actor, Changed},
    payees::Payee,
};
use testing::{Dynamo, StripeStub, TABLES, acting_as, asked_for, window};

/// When bookings begin, at 58.00 for the sitter, 6.96, and 1.39 of tax.
pub const START: &str = "2026-06-10T10:00:00Z";
pub const TOTAL: u32 = 6635;
pub const SITTERS: u32 = 5800;
/// What half an hour more costs, of which 7.25 are the sitter's.
pub const OVERRUN: u32 = 829;

/// How often a message comes before it is set aside.
const TRIES: usize = 4;

pub struct World {
    pub dynamo: Dynamo,
    pub tables: Tables,
    pub stub: StripeStub,
    pub worker: Worker,
    pub id: BookingId,
    pub parent: UserId,
    pub sitter: UserId,
    pub customer: String,
    clock: Clock,
    milliseconds: Arc<AtomicI64>,
    heard: Mutex<BTreeSet<String>>,
}

/// What is so in the end, but for names and times.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub state: State,
    pub card: Card,
    /// Its purpose, its state, and what was taken, given back and paid out.
    pub payments: BTreeMap<String, (payment::State, [u32; 3])>,
    /// For which payment, how it stands, and what is held, was taken, and given back, and how often.
    pub intents: BTreeMap<String, (String, [u32; 4])>,
    pub transfers: Vec<u32>,
    /// What was called back of them, and how often.
    pub reversed: [u32; 2],
    /// Of the cash, the family, the sitter, the fees and the tax.
    pub ledger: [i64; 5],
    /// What the platform has borne.
    pub losses: i64,
    pub parents: i64,
    pub sitters: i64,
    pub waiting: Vec<u32>,
}

impl World {
    /// A booking that a sitter has accepted so many hours ahead, to be paid with that card.
    pub async fn new(ahead: i64, policy: Policy, card: &str) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let now = start - SignedDuration::from_hours(ahead);
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let milliseconds = Arc::new(AtomicI64::new(now.as_millisecond()));
        // No two moments are the same, so that everything has an order.
        let (ticks, shown) = (milliseconds.clone(), milliseconds.clone());
        let clock =
            Clock::of(move || Timestamp::from_millisecond(ticks.fetch_add(1, Ordering::SeqCst)).unwrap());
        let stub =
            StripeStub::start(move || Timestamp::from_millisecond(shown.load(Ordering::SeqCst)).unwrap())
                .await;
        let requested = asked_for(window("2026-06-10".parse().unwrap(), "10:00", "14:00"), now);
        let method = PaymentMethodId::parse(card).unwrap();
        let booking = Booking { policy, method, ..requested };
        assert_eq!(booking.quote.total().amount_minor, TOTAL);
        tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let customer = "cus_1".to_owned();
        stub.leave(card, &customer);
        tables.put_payer(booking.parent, &CustomerId::parse(&customer).unwrap()).await.unwrap();
        let (id, parent, sitter) = (booking.id, booking.parent, booking.sitter);
        let worker = Worker::new(app(&dynamo, &tables, &stub, &clock));
        let heard = Mutex::default();
        let world =
            Self { dynamo, tables, stub, worker, id, parent, sitter, customer, clock, milliseconds, heard };
        world.does(Event::Accept, Who::Sitter).await;
        world
    }

    /// The application, as another process has it.
    pub fn app(&self) -> App {
        app(&self.dynamo, &self.tables, &self.stub, &self.clock)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst)).unwrap()
    }

    pub async fn booking(&self) -> Booking {
        self.tables.booking(self.id).await.unwrap().unwrap()
    }

    pub async fn payments(&self) -> Vec<Payment> {
        self.tables.payments_of(self.id).await.unwrap()
    }

    /// Somebody changes the booking, and it is told.
    pub async fn changes(&self, rule: impl Fn(&Booking, Timestamp) -> Result<Option<Changed>, Refusal>) {
        let now = self.now();
        let rule = |before: &Booking| rule(before, now);
        self.tables.change_booking(self.id, &Actor::default(), now, rule).await.unwrap();
    }

    pub async fn does(&self, event: Event, who: Who) {
        self.changes(|before, now| {
            let after = match event {
                Event::CheckIn => before.checked_in(Presence { at: now, distance_metres: None })?,
                Event::CheckOut => before.checked_out(Presence { at: now, distance_metres: None })?,
                Event::Dispute => before.disputed(who, "sealed".into(), now)?,
                event => before.after(event, who, now)?,
            };
            Ok(Some(Changed::told(after, News::Event(event))))
        })
        .await;
    }

    /// An admin ends a dispute.
    pub async fn decides(&self, refund: u32) {
        let refund = Money::new(refund, Currency::Gbp);
        self.changes(|before, now| {
            Ok(Some(Changed::told(before.decided(refund, now)?, News::Event(Event::Decide))))
        })
        .await;
    }

    /// An admin gives back a part of what was paid for the care.
    pub async fn grants(&self, amount: u32) {
        let payment = self.payments().await.into_iter().find(|payment| payment.purpose == Purpose::Care);
        let granted = payment.unwrap().grant_refund(Money::new(amount, Currency::Gbp)).unwrap();
        let (booking_id, parent, sitter) = (self.id, self.parent, self.sitter);
        let fact = Fact::Booking { booking_id, parent, sitter, news: News::RefundGranted };
        let event = event::Event::new(fact, self.now());
        self.tables.save_payment(&granted.payment, None, &[event]).await.unwrap();
    }

    /// The parent tries again with that card, as the endpoint does it.
    pub async fn retries(&self, card: &str) {
        self.stub.leave(card, &self.customer);
        let method = PaymentMethodId::parse(card).unwrap();
        let retried: Vec<Payment> = self
            .payments()
            .await
            .iter()
            .filter_map(|payment| payment.retry(method.clone()).ok().map(|change| change.payment))
            .collect();
        self.changes(|before, _| {
            let changed = Changed::told(before.with_method(method.clone()), News::CardChanged);
            Ok(Some(Changed { payments: retried.clone(), ..changed }))
        })
        .await;
    }

    /// Time goes by until so many minutes after the start, and what falls due by that is done.
    pub async fn passes_until(&self, minutes: i64) {
        let start: Timestamp = START.parse().unwrap();
        let then = start + SignedDuration::from_mins(minutes);
        self.milliseconds.fetch_max(then.as_millisecond(), Ordering::SeqCst);
        while let Some((_, at)) = self.booking().await.next_step()
            && at <= self.now()
        {
            self.changes(|before, now| {
                Ok(before.after_step(now)?.map(|(after, news)| Changed::new(after, news)))
            })
            .await;
        }
    }

    /// What was announced and nobody has heard yet.
    async fn messages(&self) -> Vec<PaymentMessage> {
        let found = self.dynamo.client.scan().table_name("main").send().await.unwrap();
        let mut events: Vec<event::Event> = Vec::new();
        for item in found.items() {
            if let Some(event) = item.get("event").and_then(|event| event.as_s().ok()) {
                events.push(serde_json::from_str(event).unwrap());
            }
        }
        events.sort_by_key(|event| event.id);
        let mut heard = self.heard.lock().unwrap();
        events.retain(|event| heard.insert(event.id.to_string()));
        let messages = events.iter().flat_map(messages_for);
        messages
            .filter_map(|message| if let Message::Payment(message) = message { Some(message) } else { None })
            .collect()
    }

    /// Loses all messages that nobody has heard yet.
    pub async fn forgets(&self) {
        self.messages().await;
    }

    async fn handles(&self, message: PaymentMessage) -> Result<(), Error> {
        acting_as("PaymentsWork", self.worker.handle(message)).await
    }

    /// Brings all messages, each again as long as it fails; how often that was.
    pub async fn works(&self) -> Result<usize, Error> {
        let mut failed = 0;
        loop {
            let messages = self.messages().await;
            if messages.is_empty() {
                return Ok(failed);
            }
            for message in messages {
                let mut tries = 0;
                while let Err(error) = self.handles(message.clone()).await {
                    (failed, tries) = (failed + 1, tries + 1);
                    if tries == TRIES {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// One message more about the booking.
    pub async fn settles(&self) -> Result<(), Error> {
        let event_id = domain::id::new(self.now());
        self.handles(PaymentMessage::Booking { event_id, booking_id: self.id }).await
    }

    /// Webhooks tell of every intent there is.
    pub async fn hears(&self) {
        for intent in self.intents() {
            acting_as("PaymentsWork", self.worker.hear(&intent)).await.unwrap();
        }
    }

    /// The names of the intents there are, by when they were made.
    pub fn intents(&self) -> Vec<String> {
        let mut names: Vec<String> = self.stub.books().intents.keys().cloned().collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// The sitter has begun to tell Stripe who they are; the account.
    pub async fn opens_account(&self) -> AccountId {
        let account = AccountId::parse("acct_1").unwrap();
        self.stub.onboard(account.as_str(), false);
        self.tables.save_payee(&Payee::new(self.sitter, account.clone()), &[]).await.unwrap();
        account
    }

    /// Has told everything, and a webhook tells of that.
    pub async fn is_onboarded(&self) {
        let account = self.opens_account().await;
        self.stub.onboard(account.as_str(), true);
        self.is_told_of(account.as_str()).await;
    }

    /// A webhook names something of Stripe's.
    pub async fn is_told_of(&self, object: &str) {
        let fact = Fact::StripeEventReceived { object: ObjectId::parse(object).unwrap() };
        self.tables.announce(&event::Event::new(fact, self.now())).await.unwrap();
    }

    pub async fn outcome(&self) -> Outcome {
        let booking = self.booking().await;
        let payments = self.payments().await;
        let purposes: BTreeMap<String, String> = payments
            .iter()
            .map(|payment| (payment.id.to_string(), payment.purpose.as_ref().to_owned()))
            .collect();
        let minor = |money: Money| money.amount_minor;
        let (mut intents, transfers, reversed) = {
            let books = self.stub.books();
            let intents: Vec<_> = books.intents.values().cloned().collect();
            let mut transfers: Vec<u32> = books.transfers.values().map(|transfer| transfer.amount).collect();
            transfers.sort_unstable();
            let reversed = books
                .transfers
                .values()
                .fold([0, 0], |sum, transfer| [sum[0] + transfer.reversed, sum[1] + transfer.reversals]);
            (intents, transfers, reversed)
        };
        intents.sort_by_key(|intent| intent.metadata["attempt"].clone());
        let intents = intents.into_iter().map(|intent| {
            let (purpose, attempt) = (&purposes[&intent.metadata["payment"]], &intent.metadata["attempt"]);
            let sums = [intent.capturable, intent.received, intent.refunded, intent.refunds];
            (format!("{purpose} {attempt}"), (intent.status, sums))
        });
        let ledger = self.tables.ledger_of(self.id).await.unwrap();
        let accounts = [
            Account::Cash,
            Account::Payer(self.parent),
            Account::Sitter(self.sitter),
            Account::Fees,
            Account::Tax,
        ];
        let of = |account| ledger.iter().map(|moved| moved.for_account(&account)).sum();
        let balance = async |user| -> i64 {
            self.tables.balances(user).await.unwrap().iter().map(domain::ledger::Balance::total).sum()
        };
        Outcome {
            state: booking.state,
            card: booking.card,
            payments: payments
                .iter()
                .map(|payment| {
                    let sums = [payment.captured.total(), payment.refunded.total(), payment.paid_out];
                    (payment.purpose.as_ref().to_owned(), (payment.state, sums.map(minor)))
                })
                .collect(),
            intents: intents.collect(),
            transfers,
            reversed,
            ledger: accounts.map(of),
            losses: of(Account::Losses),
            parents: balance(self.parent).await,
            sitters: balance(self.sitter).await,
            waiting: self
                .tables
                .owed(self.sitter)
                .await
                .unwrap()
                .iter()
                .map(|owed| minor(owed.amount))
                .collect(),
        }
    }
}

fn app(dynamo: &Dynamo, tables: &Tables, stub: &StripeStub, clock: &Clock) -> App {
    let settings = Settings {
        issuer: "https://api.test".into(),
        audience: "nannyradar".into(),
        app_url: "https://app.test".into(),
        allowed_origins: Vec::new(),
        unverified_for: SignedDuration::ZERO,
        sms_countries: Vec::new(),
        sms_per_day: 0,
        ip_limit_factor: 1,
    };
    App::new(dynamo.config.clone(), settings, clock.clone(), tables.clone(), None).with_stripe(stub.client())
}
