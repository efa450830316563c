//! What families pay for bookings.
//!
//! | question                        | table | pk                 | sk            |
//! |---------------------------------|-------|--------------------|---------------|
//! | what is this payment            | main  | BOOKING#‹booking›  | PAYMENT#‹id›  |
//! | which payments has this booking | main  | BOOKING#‹booking›  | PAYMENT#…     |
//! | of which booking is this payment | main | PAYMENT#‹id›       | PAYMENT       |
//! | what has this request granted   | main  | PAYMENT#‹id›       | GRANT#‹request› |
//!
//! A payment lies with its booking, whose payments are looked at together. What knows a payment alone finds its
//! booking by a pointer, which is written with the payment's first version. Where money has moved, the ledger
//! is written in the transaction of the payment. One that Stripe has told of also lies in the index
//! `due`, until it has been compared often enough.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    booking::policy::Charge,
    due::Kind,
    event::Event,
    id::{BookingId, PaymentId, RequestId, UserId},
    ledger,
    money::Money,
    payment::{Failure, Payment, Purpose, State},
    stripe::{CustomerId, IntentId, PaymentMethodId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit,
    due::DueKeys,
    tables::{Condition, Transaction},
};

const SK: &str = "PAYMENT";
const PREFIX: &str = "PAYMENT#";

/// The sort key of a payment, and the partition key of its pointer.
fn name(id: PaymentId) -> String {
    format!("{PREFIX}{id}")
}

fn pk(booking: BookingId) -> String {
    format!("BOOKING#{booking}")
}

/// The form in which a [`Payment`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: PaymentId,
    booking: BookingId,
    parent: UserId,
    sitter: UserId,
    purpose: Purpose,
    priced: Charge,
    owed: Charge,
    method: PaymentMethodId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<CustomerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<IntentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<IntentId>,
    state: State,
    attempt: u32,
    captured: Charge,
    refunded: Charge,
    payable: Money,
    paid_out: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_at: Option<Timestamp>,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
}

impl From<&Payment> for Item {
    fn from(payment: &Payment) -> Self {
        let due = DueKeys::new(Kind::Payment, payment.reconcile_at, &payment.id);
        let payment = payment.clone();
        Self {
            pk: pk(payment.booking),
            sk: name(payment.id),
            schema_version: 1,
            id: payment.id,
            booking: payment.booking,
            parent: payment.parent,
            sitter: payment.sitter,
            purpose: payment.purpose,
            priced: payment.priced,
            owed: payment.owed,
            method: payment.method,
            customer: payment.customer,
            intent: payment.intent,
            replaces: payment.replaces,
            state: payment.state,
            attempt: payment.attempt,
            captured: payment.captured,
            refunded: payment.refunded,
            payable: payment.payable,
            paid_out: payment.paid_out,
            failure: payment.failure,
            created_at: payment.created_at,
            told_at: payment.told_at,
            due,
            version: payment.version,
        }
    }
}

impl From<Item> for Payment {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            booking: item.booking,
            parent: item.parent,
            sitter: item.sitter,
            purpose: item.purpose,
            priced: item.priced,
            owed: item.owed,
            method: item.method,
            customer: item.customer,
            intent: item.intent,
            replaces: item.replaces,
            state: item.state,
            attempt: item.attempt,
            captured: item.captured,
            refunded: item.refunded,
            payable: item.payable,
            paid_out: item.paid_out,
            failure: item.failure,
            created_at: item.created_at,
            told_at: item.told_at,
            reconcile_at: item.due.at(),
            version: item.version,
        }
    }
}

/// Where a payment lies. It never moves.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    pk: String,
    sk: String,
    schema_version: u8,
    booking: BookingId,
}

/// What is on its way back since a request has granted more of it. It stays as long as the payment.
#[derive(Debug, Serialize, Deserialize)]
struct Grant {
    pk: String,
    sk: String,
    schema_version: u8,
    refunding: Money,
}

fn grant_sk(request: RequestId) -> String {
    format!("GRANT#{request}")
}

impl Transaction<'_> {
    /// Stores a payment, on the condition that the stored one is of the version before; and, with the first,
    /// where it lies.
    pub(crate) fn put_payment(self, payment: &Payment) -> Result<Self, Error> {
        let table = &self.tables.main;
        let transaction = self.put(table, &Item::from(payment), Condition::after(payment.version))?;
        if payment.version > 1 {
            return Ok(transaction);
        }
        let (pk, sk) = (name(payment.id), SK.into());
        let pointer = Pointer { pk, sk, schema_version: 1, booking: payment.booking };
        transaction.put(table, &pointer, Condition::Absent)
    }
}

impl Tables {
    /// A payment of a booking.
    pub async fn payment_of(&self, booking: BookingId, id: PaymentId) -> Result<Option<Payment>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(booking), &name(id)).await?.map(Payment::from))
    }

    /// The payment of that identifier. Whoever knows its booking asks [`Tables::payment_of`], which is one read
    /// less.
    pub async fn payment(&self, id: PaymentId) -> Result<Option<Payment>, Error> {
        match self.get::<Pointer>(&self.main, &name(id), SK).await? {
            Some(pointer) => self.payment_of(pointer.booking, id).await,
            None => Ok(None),
        }
    }

    /// All payments of a booking, the first first.
    pub async fn payments_of(&self, booking: BookingId) -> Result<Vec<Payment>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(pk(booking)))
            .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut payments = Vec::new();
        while let Some(item) = pages.next().await {
            payments.push(serde_dynamo::from_item::<_, Item>(item?)?.into());
        }
        Ok(payments)
    }

    /// What was on its way back when a request had granted more of it; `None` if it has not.
    pub async fn granted(&self, payment: PaymentId, request: RequestId) -> Result<Option<Money>, Error> {
        let grant = self.get::<Grant>(&self.main, &name(payment), &grant_sk(request)).await?;
        Ok(grant.map(|grant| grant.refunding))
    }

    /// Stores a payment of which more is to go back, tells the trail and announces it: once for a request that may be
    /// repeated. Fails with [`Error::Conflict`] if it has changed since it was read, or the request was done before.
    pub async fn grant_refund(
        &self,
        payment: &Payment,
        request: Option<RequestId>,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let mut writes = self.transaction().put_payment(payment)?.record(trail)?.announce(event)?;
        if let Some(request) = request {
            let (pk, sk, refunding) = (name(payment.id), grant_sk(request), payment.to_refund());
            writes =
                writes.put(&self.main, &Grant { pk, sk, schema_version: 1, refunding }, Condition::Absent)?;
        }
        writes.commit().await
    }

    /// Stores a payment that is new or was changed by one version, with what the ledger says of it, and announces
    /// the events. Fails with [`Error::Conflict`] if the payment has changed since it was read: then nothing
    /// is in the ledger either.
    pub async fn save_payment(
        &self,
        payment: &Payment,
        transaction: Option<&ledger::Transaction>,
        events: &[Event],
    ) -> Result<(), Error> {
        let mut writes = self.transaction().put_payment(payment)?;
        if let Some(moved) = transaction {
            writes = writes.post(moved)?;
        }
        events.iter().try_fold(writes, Transaction::announce)?.commit().await
    }
}
