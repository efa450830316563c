//! `GET /payment-methods`: a parent sees the cards that they have left with Stripe.

use api::{
    App, Json, Parent, Problem,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use serde::Serialize;
use stripe::Card;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::problem::from_stripe;

/// The caller's cards.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethods)]
pub struct Response {
    /// The latest first.
    items: Vec<View>,
    /// Always `null`: nobody has more cards than fit into one answer.
    next_cursor: Option<String>,
}

/// A card.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethod)]
pub struct View {
    /// For `POST /bookings`.
    #[schema(example = "pm_1NQ3kX2eZvKYlo2C")]
    id: String,
    /// E.g. `visa`.
    #[schema(example = "visa")]
    brand: String,
    /// The last four digits.
    #[schema(example = "4242")]
    last4: String,
    /// The last month in which it is good.
    #[schema(example = 12)]
    expires_month: u8,
    /// The year of that month.
    #[schema(example = 2029)]
    expires_year: u16,
}

impl From<Card> for View {
    fn from(card: Card) -> Self {
        Self {
            id: card.id.into(),
            brand: card.brand,
            last4: card.last4,
            expires_month: card.exp_month,
            expires_year: card.exp_year,
        }
    }
}

/// Lists the caller's cards.
#[utoipa::path(
    get, path = "/payment-methods", operation_id = "list_payment_methods", tag = "Payments",
    security(("access_token" = [])),
    responses((status = 200, description = "The cards", body = Response), RoleProblems, StoreProblems),
)]
async fn list_payment_methods(
    State(app): State<App>,
    Parent(caller): Parent,
) -> Result<Json<Response>, Problem> {
    let cards = match app.tables().payer(caller.user_id).await? {
        Some(customer) => app.stripe().await?.payment_methods(&customer).await.map_err(from_stripe)?,
        None => Vec::new(),
    };
    Ok(Json(Response { items: cards.into_iter().map(View::from).collect(), next_cursor: None }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_payment_methods))
}
