//! What has moved on somebody's account, as the ledger has it.

use api::{App, Fields, Money, Problem};
use domain::{
    id::{self, TransactionTag, UserId},
    ledger::{Kind, Line},
    page::Limit,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// How many at most, 1 to 100; 50 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Money that has moved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementLine)]
pub(crate) struct View {
    /// Its name in the ledger.
    #[schema(example = "txn_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `charged`, `refunded`, or, to a sitter, `paid_out`, and of that `called_back`, because it has gone back to the
    /// family since, or `waived`, where they may keep it all the same.
    #[schema(value_type = String, example = "charged")]
    kind: Kind,
    /// To a parent what they have paid or got back; to a sitter what is theirs of it.
    amount: Money,
    /// For which booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
    /// By which payment, for `GET /payments/{id}`.
    #[schema(example = "pay_01h455vb4pex5vsknk084sn02q")]
    payment_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Line> for View {
    fn from(line: Line) -> Self {
        let amount_minor = u32::try_from(line.amount_minor.unsigned_abs()).unwrap_or(u32::MAX);
        Self {
            id: line.transaction.to_string(),
            kind: line.kind,
            amount: Money { amount_minor, currency: line.currency.to_string() },
            booking_id: line.booking.to_string(),
            payment_id: line.payment.to_string(),
            at: line.at,
        }
    }
}

/// A page of what has moved, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementPage)]
pub(crate) struct Page {
    /// The latest first.
    pub(crate) items: Vec<View>,
    /// For the next page, if there is one.
    pub(crate) next_cursor: Option<String>,
}

impl Page {
    pub(crate) async fn read(app: &App, user: UserId, parameters: &Parameters) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let limit = fields.take("limit", Limit::parse(parameters.limit.as_deref()));
        let limit = limit.ok_or_else(|| fields.into_problem())?;
        let question = format!("statement {user}");
        let before = match &parameters.cursor {
            Some(cursor) => Some(
                app.cursors()
                    .await?
                    .open(&question, cursor)
                    .and_then(|position| id::parse::<TransactionTag>(&position))
                    .map_err(|violation| Problem::invalid_field("cursor", violation))?,
            ),
            None => None,
        };
        let lines = app.tables().statement(user, before, limit.get()).await?;
        let next_cursor = match lines.last().filter(|_| lines.len() == limit.size()) {
            Some(last) => Some(app.cursors().await?.seal(&question, &last.transaction.to_string())),
            None => None,
        };
        Ok(Self { items: lines.into_iter().map(View::from).collect(), next_cursor })
    }
}
