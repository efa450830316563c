//! Stripe, as far as our client can tell: in this process, with what it keeps open to look into and to change.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde_json::{Value, json};
use stripe::Stripe;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// What it knows us by.
pub const STRIPE_KEY: &str = "sk_test_stub";
/// What it signs webhooks with.
pub const STRIPE_WEBHOOK_SECRET: &str = "whsec_stub";

/// A pretended Stripe, which ends with the value.
///
/// What a card does, its name says: `pm_refused…` is declined, `pm_asks…` wants its owner, of `pm_slow…` the bank
/// thinks, `pm_debit…` is none; any other that somebody has left is good.
pub struct StripeStub {
    /// Where it listens.
    pub url: String,
    books: Arc<Mutex<Books>>,
    /// Held so that the server stops when the test drops it.
    _stop: oneshot::Sender<()>,
}

impl std::fmt::Debug for StripeStub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StripeStub")
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// E.g. `POST /v1/refunds`.
    pub line: String,
    /// The form or the query.
    pub pairs: Vec<(String, String)>,
    /// Under which it is done once.
    pub key: Option<String>,
}

/// Everything that it has. Names lead to what is named.
#[derive(Default)]
pub struct Books {
    /// The time, by which things are made.
    clock: Option<Box<dyn Fn() -> Timestamp + Send>>,
    /// Whether it answers anything but 503.
    pub is_down: bool,
    /// The answer to the call after so many more is lost, and that to its repetition.
    pub loses: Option<u32>,
    lost: Option<Call>,
    /// All calls, in their order.
    pub calls: Vec<Call>,
    /// Whose each card is; nobody's once it was detached.
    pub cards: BTreeMap<String, Option<String>>,
    /// Who pays, and by which of our names.
    pub customers: BTreeMap<String, String>,
    /// Who is paid.
    pub accounts: BTreeMap<String, Account>,
    /// Money from cards.
    pub intents: BTreeMap<String, Intent>,
    /// Money to accounts.
    pub transfers: BTreeMap<String, Transfer>,
    /// What has arrived on our balance and is there for transfers out of no charge, in minor units.
    pub balance: u32,
    answered: HashMap<String, (Call, (u16, Value))>,
    made: u32,
}

/// Who is paid.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Whether we may send money there.
    pub transfers: bool,
    /// Whether it goes on to a bank.
    pub payouts: bool,
    /// What has gone on to it, in minor units.
    pub banked: u32,
}

/// Money from a card. Amounts are in minor units.
#[derive(Debug, Clone)]
pub struct Intent {
    /// In Stripe's words.
    pub status: String,
    /// What was asked for.
    pub amount: u32,
    /// E.g. `gbp`.
    pub currency: String,
    /// What is held.
    pub capturable: u32,
    /// What was taken.
    pub received: u32,
    /// What of it went back.
    pub refunded: u32,
    /// How often some went back.
    pub refunds: u32,
    /// What the bank has taken back, of each dispute: in Stripe's words how it stands, and in minor units.
    pub disputes: Vec<(String, u32)>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// By which card.
    pub card: String,
    /// Whether it is held before it is taken.
    pub is_manual: bool,
    /// What we have told of it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds.
    pub created: i64,
}

/// Money to an account.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// In minor units.
    pub amount: u32,
    /// What was called back of it.
    pub reversed: u32,
    /// How often.
    pub reversals: u32,
    /// To whom.
    pub destination: String,
    /// Out of which charge.
    pub source: Option<String>,
    /// The booking.
    pub group: String,
    /// What we have told of it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds.
    pub created: i64,
}

impl StripeStub {
    /// Starts one that knows nobody, with that clock.
    ///
    /// # Panics
    /// If it cannot start: a test cannot go on without it.
    pub async fn start(clock: impl Fn() -> Timestamp + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let books = Arc::new(Mutex::new(Books { clock: Some(Box::new(clock)), ..Books::default() }));
        let (stop, mut stopped) = oneshot::channel::<()>();
        let served = books.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            tokio::spawn(serve(stream, served.clone()));
                        }
                    }
                    // An error says that the sender is gone, which is what is waited for.
                    _ = &mut stopped => return,
                }
            }
        });
        Self { url, books, _stop: stop }
    }

    /// A client of it.
    pub fn client(&self) -> Stripe {
        Stripe::new(&self.url, STRIPE_KEY.into())
    }

    /// What it has. Nothing is answered while this is held.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A card that a customer has left.
    pub fn leave(&self, card: &str, customer: &str) {
        self.books().cards.insert(card.to_owned(), Some(customer.to_owned()));
    }

    /// The owner of a card confirms what its bank has asked about, or does not.
    ///
    /// # Panics
    /// If there is no such intent.
    pub fn confirm(&self, intent: &str, success: bool) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).expect("an intent");
        if success { intent.charge() } else { intent.fail("payment_intent_authentication_failure") }
    }

    /// The bank holds nothing any more.
    ///
    /// # Panics
    /// If there is no such intent.
    pub fn expire(&self, intent: &str) {
        let mut books = self.books();
        let intent = books.intents.get_mut(intent).expect("an intent");
        (intent.status, intent.capturable) = ("canceled".into(), 0);
    }

    /// The owner of a card goes to their bank, which takes that back; or it decides: `won`, or `lost`.
    ///
    /// # Panics
    /// If there is no such intent.
    pub fn dispute(&self, intent: &str, status: &str, amount: u32) {
        let mut books = self.books();
        books.intents.get_mut(intent).expect("an intent").disputes = vec![(status.to_owned(), amount)];
    }

    /// A sitter has told everything on its pages, or it has found that something is missing.
    pub fn onboard(&self, account: &str, is_done: bool) {
        let mut books = self.books();
        let state = books.accounts.entry(account.to_owned()).or_default();
        (state.transfers, state.payouts) = (is_done, is_done);
    }

    /// All that lies on an account goes on to its bank.
    pub fn bank(&self, account: &str) {
        let mut books = self.books();
        let all = books.lies_on(account);
        books.accounts.entry(account.to_owned()).or_default().banked += all;
    }

    /// The lines of the calls that change something, since the last time that this was asked.
    pub fn take_changes(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.books().calls);
        let changes = calls.into_iter().filter(|call| call.key.is_some());
        changes.map(|call| call.line).collect()
    }
}

/// The header `Stripe-Signature` for a body that is signed at that moment.
pub fn stripe_signature(body: &str, secret: &str, at: Timestamp) -> String {
    let second = at.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, format!("{second}.{body}").as_bytes());
    let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={second},v1={hex}")
}

async fn serve(mut stream: TcpStream, books: Arc<Mutex<Books>>) {
    let Some(call) = read(&mut stream).await else { return };
    let answer = books.lock().unwrap_or_else(PoisonError::into_inner).answer(call);
    // Without an answer the connection ends.
    let Some((status, body)) = answer else { return };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} -\r\nrequest-id: req_1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    // Whoever has hung up does not want to know.
    stream.write_all((head + &body).as_bytes()).await.ok();
}

/// `None` of what is no request.
async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.rsplit_once(' ')?.0.split_once(' ')?;
    let headers: HashMap<String, &str> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let length: usize = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = if method == "POST" { &bytes[end..] } else { query.as_bytes() };
    let is_ours = headers.get("authorization") == Some(&format!("Bearer {STRIPE_KEY}").as_str());
    Some(Call {
        line: format!("{}{method} {path}", if is_ours { "" } else { "STRANGER " }),
        pairs: serde_urlencoded::from_bytes(pairs).ok()?,
        key: headers.get("idempotency-key").map(|key| (*key).to_owned()),
    })
}

type Answer = Result<Value, (u16, Value)>;

fn refuse(status: u16, code: &str) -> (u16, Value) {
    (status, json!({ "error": { "type": "invalid_request_error", "code": code } }))
}

fn missing() -> (u16, Value) {
    refuse(404, "resource_missing")
}

impl Call {
    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> u32 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let metadata = self.pairs.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name.to_owned(), value.clone()))
        });
        metadata.collect()
    }
}

impl Books {
    fn answer(&mut self, call: Call) -> Option<(u16, Value)> {
        self.calls.push(call.clone());
        if self.is_down {
            return Some((503, json!({})));
        }
        let answer = self.once(&call);
        // The client tries a connection that has broken off once more.
        if self.lost.as_ref() == Some(&call) {
            self.lost = None;
            return None;
        }
        let is_lost = self.loses == Some(0);
        self.loses = self.loses.and_then(|left| left.checked_sub(1));
        self.lost = is_lost.then_some(call);
        (!is_lost).then_some(answer)
    }

    fn once(&mut self, call: &Call) -> (u16, Value) {
        if call.line.starts_with("STRANGER") {
            return (401, json!({ "error": { "type": "invalid_request_error" } }));
        }
        let Some(key) = &call.key else {
            return self.work(call).map_or_else(|error| error, |body| (200, body));
        };
        match self.answered.get(key) {
            Some((before, answer)) if before == call => answer.clone(),
            Some(_) => (400, json!({ "error": { "type": "idempotency_error" } })),
            None => {
                let answer = self.work(call).map_or_else(|error| error, |body| (200, body));
                // What was never begun is not kept.
                if answer.0 == 200 || answer.0 == 402 {
                    self.answered.insert(key.clone(), (call.clone(), answer.clone()));
                }
                answer
            }
        }
    }

    /// Forgets under which keys it was called, as it does after a day.
    pub fn forget_keys(&mut self) {
        self.answered.clear();
    }

    fn name(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    fn now(&self) -> i64 {
        self.clock.as_ref().map_or(0, |clock| clock().as_second())
    }

    fn work(&mut self, call: &Call) -> Answer {
        let (method, path) = call.line.split_once(' ').unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["balance"]) => Ok(json!({ "object": "balance" })),
            ("POST", ["customers"]) => {
                let id = self.name("cus_");
                self.customers.insert(id.clone(), call.text("metadata[user]"));
                Ok(json!({ "id": id }))
            }
            ("DELETE", ["customers", id]) => {
                self.customers.remove(*id).map(|_| json!({ "id": id, "deleted": true })).ok_or_else(missing)
            }
            ("DELETE", ["accounts", id]) => {
                let gone = self.accounts.remove(*id).map(|_| json!({ "id": id, "deleted": true }));
                gone.ok_or_else(|| refuse(403, "account_invalid"))
            }
            ("POST", ["setup_intents"]) => {
                let id = self.name("seti_");
                Ok(json!({ "id": id, "client_secret": format!("{id}_secret_1") }))
            }
            ("GET", ["payment_methods"]) => {
                let customer = call.get("customer").map(str::to_owned);
                let own = self.cards.iter().rev().filter(|(_, owner)| **owner == customer);
                Ok(json!({ "data": own.map(|(id, owner)| card(id, owner)).collect::<Vec<_>>() }))
            }
            ("GET", ["payment_methods", id]) => {
                self.cards.get(*id).map(|owner| card(id, owner)).ok_or_else(missing)
            }
            ("POST", ["payment_methods", id, "detach"]) => {
                let owner = self.cards.get_mut(*id).ok_or_else(missing)?;
                owner
                    .take()
                    .map(|_| card(id, &None))
                    .ok_or_else(|| refuse(400, "payment_method_not_attached"))
            }
            ("POST", ["payment_intents"]) => self.create(call),
            ("GET", ["payment_intents"]) => {
                let intents = self.intents.iter().map(|(id, intent)| (intent.created, id, intent.json(id)));
                page(call, intents.collect())
            }
            ("GET", ["payment_intents", id]) => {
                self.intents.get(*id).map(|intent| intent.json(id)).ok_or_else(missing)
            }
            ("POST", ["payment_intents", id, "capture"]) => {
                let intent = self.intents.get_mut(*id).ok_or_else(missing)?;
                intent.capture(call.number("amount_to_capture"))?;
                Ok(intent.json(id))
            }
            ("POST", ["payment_intents", id, "cancel"]) => {
                let intent = self.intents.get_mut(*id).ok_or_else(missing)?;
                if ["succeeded", "canceled", "processing"].contains(&intent.status.as_str()) {
                    return Err(refuse(400, "payment_intent_unexpected_state"));
                }
                (intent.status, intent.capturable) = ("canceled".into(), 0);
                Ok(intent.json(id))
            }
            ("POST", ["refunds"]) => {
                let id = self.name("re_");
                let (intent, amount) = (call.text("payment_intent"), call.number("amount"));
                let intent = self.intents.get_mut(&intent).ok_or_else(missing)?;
                if intent.disputes.iter().any(|(status, _)| status != "won") {
                    return Err(refuse(400, "charge_disputed"));
                }
                if amount == 0 || amount > intent.received - intent.refunded {
                    return Err(refuse(400, "charge_already_refunded"));
                }
                intent.refunded += amount;
                intent.refunds += 1;
                let currency = &intent.currency;
                Ok(json!({ "id": id, "status": "succeeded", "amount": amount, "currency": currency }))
            }
            ("GET", ["disputes"]) => {
                let intent = self.intents.get(&call.text("payment_intent")).ok_or_else(missing)?;
                let dispute = |(status, amount): &(String, u32)| {
                    json!({
                        "amount": amount, "currency": intent.currency, "status": status,
                        "evidence_details": { "due_by": intent.created + 7 * 24 * 3600 },
                    })
                };
                Ok(
                    json!({ "data": intent.disputes.iter().map(dispute).collect::<Vec<_>>(), "has_more": false }),
                )
            }
            ("POST", ["accounts"]) => {
                let id = self.name("acct_");
                self.accounts.insert(id.clone(), Account::default());
                self.account(&id)
            }
            ("GET", ["accounts", id]) => self.account(id),
            ("POST", ["account_links"]) => {
                let url = format!("https://connect.stripe.test/{}", call.text("account"));
                Ok(json!({ "url": url, "expires_at": self.now() + 300 }))
            }
            ("POST", ["transfers"]) => self.transfer(call),
            ("POST", ["transfers", id, "reversals"]) => self.reverse(id, call.number("amount")),
            ("GET", ["transfers"]) => {
                let of_group = |transfer: &Transfer| {
                    call.get("transfer_group").is_none_or(|group| group == transfer.group)
                };
                let found = self.transfers.iter().filter(|(_, transfer)| of_group(transfer));
                let found = found.map(|(id, transfer)| (transfer.created, id, transfer.json(id)));
                page(call, found.collect())
            }
            _ => Err(refuse(404, "no_such_path")),
        }
    }

    fn create(&mut self, call: &Call) -> Answer {
        let (card, customer) = (call.text("payment_method"), call.get("customer").map(str::to_owned));
        if !self.cards.get(&card).is_some_and(|owner| owner.is_some() && *owner == customer) {
            return Err(refuse(400, "resource_missing"));
        }
        let id = self.name("pi_");
        let mut intent = Intent {
            status: "processing".into(),
            amount: call.number("amount"),
            currency: call.text("currency"),
            capturable: 0,
            received: 0,
            refunded: 0,
            refunds: 0,
            disputes: Vec::new(),
            failure: None,
            is_manual: call.get("capture_method") == Some("manual"),
            metadata: call.metadata(),
            created: self.now(),
            card,
        };
        if intent.card.starts_with("pm_refused") {
            intent.fail("insufficient_funds");
        } else if intent.card.starts_with("pm_asks") {
            intent.fail("authentication_required");
        } else if !intent.card.starts_with("pm_slow") {
            intent.charge();
        }
        let (json, failure) = (intent.json(&id), intent.failure.clone());
        self.intents.insert(id, intent);
        match failure {
            Some(code) => Err((
                402,
                json!({ "error": { "type": "card_error", "code": code, "decline_code": code, "payment_intent": json } }),
            )),
            None => Ok(json),
        }
    }

    fn account(&self, id: &str) -> Answer {
        let account = self.accounts.get(id).ok_or_else(missing)?;
        let transfers = if account.transfers { "active" } else { "inactive" };
        Ok(json!({
            "id": id, "details_submitted": account.payouts, "payouts_enabled": account.payouts,
            "capabilities": { "transfers": transfers },
        }))
    }

    fn transfer(&mut self, call: &Call) -> Answer {
        let id = self.name("tr_");
        let transfer = Transfer {
            amount: call.number("amount"),
            reversed: 0,
            reversals: 0,
            destination: call.text("destination"),
            source: call.get("source_transaction").map(str::to_owned),
            group: call.text("transfer_group"),
            metadata: call.metadata(),
            created: self.now(),
        };
        if !self.accounts.get(&transfer.destination).is_some_and(|account| account.transfers) {
            return Err(refuse(400, "insufficient_capabilities_for_transfer"));
        }
        // Card money is on the balance only days later; what is sent out of a charge waits for it.
        let there = match transfer.source.as_deref().and_then(|charge| charge.strip_prefix("ch_")) {
            Some(charge) => self.intents.get(charge).map_or(0, |intent| intent.received),
            None => self.balance,
        };
        let sent = self.transfers.values().filter(|sent| sent.source == transfer.source);
        let sent: u32 = sent.map(|sent| sent.amount).sum();
        if sent + transfer.amount > there {
            return Err(refuse(400, "balance_insufficient"));
        }
        let json = transfer.json(&id);
        self.transfers.insert(id, transfer);
        Ok(json)
    }

    fn lies_on(&self, account: &str) -> u32 {
        let there = self.transfers.values().filter(|transfer| transfer.destination == account);
        let there: u32 = there.map(|transfer| transfer.amount - transfer.reversed).sum();
        there - self.accounts.get(account).map_or(0, |account| account.banked)
    }

    fn reverse(&mut self, transfer: &str, amount: u32) -> Answer {
        let found = self.transfers.get(transfer).ok_or_else(missing)?;
        if amount == 0 || amount > found.amount - found.reversed {
            return Err(refuse(400, "amount_too_large"));
        }
        if amount > self.lies_on(&found.destination) {
            return Err(refuse(400, "balance_insufficient"));
        }
        let id = self.name("trr_");
        let found = self.transfers.get_mut(transfer).ok_or_else(missing)?;
        (found.reversed, found.reversals) = (found.reversed + amount, found.reversals + 1);
        Ok(json!({ "id": id, "amount": amount, "currency": "gbp", "transfer": transfer }))
    }
}

/// The latest first.
fn page(call: &Call, mut found: Vec<(i64, &String, Value)>) -> Answer {
    let bound = |name| call.get(name).and_then(|value| value.parse::<i64>().ok());
    let (from, until) = (bound("created[gte]"), bound("created[lt]"));
    found.retain(|(at, ..)| from.is_none_or(|from| *at >= from) && until.is_none_or(|until| *at < until));
    found.sort_by(|one, other| (other.0, other.1).cmp(&(one.0, one.1)));
    let after = call.get("starting_after").and_then(|after| found.iter().position(|(_, id, _)| *id == after));
    let rest = found.split_off(after.map_or(0, |after| after + 1));
    let limit = usize::try_from(call.number("limit")).unwrap_or_default();
    let data: Vec<&Value> = rest.iter().take(limit).map(|(.., json)| json).collect();
    Ok(json!({ "data": data, "has_more": rest.len() > limit }))
}

fn card(id: &str, owner: &Option<String>) -> Value {
    if id.starts_with("pm_debit") {
        return json!({ "id": id, "customer": owner, "sepa_debit": { "last4": "3000" } });
    }
    json!({
        "id": id, "customer": owner,
        "card": { "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2040 },
    })
}

impl Intent {
    fn charge(&mut self) {
        self.failure = None;
        if self.is_manual {
            (self.status, self.capturable) = ("requires_capture".into(), self.amount);
        } else {
            (self.status, self.received) = ("succeeded".into(), self.amount);
        }
    }

    fn fail(&mut self, code: &str) {
        (self.status, self.failure) = ("requires_payment_method".into(), Some(code.to_owned()));
    }

    fn capture(&mut self, amount: u32) -> Result<(), (u16, Value)> {
        if self.status != "requires_capture" || amount == 0 || amount > self.capturable {
            return Err(refuse(400, "payment_intent_unexpected_state"));
        }
        (self.status, self.capturable, self.received) = ("succeeded".into(), 0, amount);
        Ok(())
    }

    fn json(&self, id: &str) -> Value {
        let has_charge = self.capturable > 0 || self.received > 0;
        // What was held and not taken counts as refunded, too.
        let let_go = if self.received > 0 { self.amount.saturating_sub(self.received) } else { 0 };
        let charge = has_charge.then(|| {
            json!({
                "id": format!("ch_{id}"), "amount": self.amount, "amount_captured": self.received,
                "amount_refunded": let_go + self.refunded, "captured": self.received > 0,
                "disputed": !self.disputes.is_empty(),
            })
        });
        let error = self.failure.as_ref().map(|code| json!({ "code": code, "decline_code": code }));
        json!({
            "id": id, "status": self.status, "currency": self.currency, "amount": self.amount,
            "amount_capturable": self.capturable, "amount_received": self.received, "latest_charge": charge,
            "last_payment_error": error, "payment_method": self.card,
            "client_secret": format!("{id}_secret_1"), "metadata": self.metadata, "created": self.created,
        })
    }
}

impl Transfer {
    fn json(&self, id: &str) -> Value {
        json!({
            "id": id, "amount": self.amount, "amount_reversed": self.reversed, "currency": "gbp",
            "destination": self.destination, "transfer_group": self.group, "metadata": self.metadata,
            "created": self.created,
        })
    }
}
