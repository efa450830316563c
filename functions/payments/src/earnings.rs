//! `GET /earnings`: what a sitter has earned, what was paid out, and what waits. It is read from the ledger.

use api::{
    App, Json, Money, Problem, Query, Sitter,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{ledger::Balance, money};
use jiff::Timestamp;
use serde::Serialize;
use storage::payees::Owed;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::statement::{Page, Parameters, View};

/// What a sitter has earned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Earnings)]
pub struct Response {
    /// One for each currency.
    balances: Vec<BalanceView>,
    /// What is paid out as soon as Stripe can, of each booking by itself; of one that took longer, in two parts.
    waiting: Vec<Waiting>,
    /// What has moved, the latest first.
    items: Vec<View>,
    /// For the next page of what has moved, if there is one.
    next_cursor: Option<String>,
}

/// All together, in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EarningsBalance)]
pub struct BalanceView {
    /// From families.
    earned: Money,
    /// Of that, what went back to them.
    refunded: Money,
    /// To the sitter.
    paid_out: Money,
    /// Of that, what was called back, because it has gone back to families since.
    called_back: Money,
    /// What was to be called back, and the sitter may keep.
    waived: Money,
    /// What is not paid out yet.
    open: Money,
}

/// Money that waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitingPayout)]
pub struct Waiting {
    /// For which booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
    /// How much.
    amount: Money,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Balance> for BalanceView {
    fn from(balance: Balance) -> Self {
        // Signed as the sitter sees it: what is theirs, and what went from it.
        let money = |minor: i64| {
            let amount_minor = u32::try_from(minor.unsigned_abs()).unwrap_or(u32::MAX);
            Money::from(money::Money::new(amount_minor, balance.currency))
        };
        Self {
            earned: money(balance.charged),
            refunded: money(balance.refunded),
            paid_out: money(balance.paid_out),
            called_back: money(balance.called_back),
            waived: money(balance.waived),
            open: money(balance.total().max(0)),
        }
    }
}

impl From<Owed> for Waiting {
    fn from(owed: Owed) -> Self {
        Self { booking_id: owed.booking.to_string(), amount: owed.amount.into(), since: owed.since }
    }
}

/// Shows what the caller has earned.
#[utoipa::path(
    get, path = "/earnings", operation_id = "get_earnings", tag = "Payments", security(("access_token" = [])),
    params(Parameters),
    responses(
        (status = 200, description = "What was earned", body = Response),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn get_earnings(
    State(app): State<App>,
    Sitter(caller): Sitter,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Response>, Problem> {
    let Page { items, next_cursor } = Page::read(&app, caller.user_id, &parameters).await?;
    let balances = app.tables().balances(caller.user_id).await?;
    let waiting = app.tables().owed(caller.user_id).await?;
    Ok(Json(Response {
        balances: balances.into_iter().map(BalanceView::from).collect(),
        waiting: waiting.into_iter().map(Waiting::from).collect(),
        items,
        next_cursor,
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_earnings))
}
