//! `DELETE /payment-methods/{id}`: a parent takes a card away from Stripe, unless a booking that a sitter counts on is to
//! be paid with it still: that is paid with another first.

use api::{
    App, Parent, Problem, ProblemBody,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use domain::{
    id::{BookingId, UserId},
    settlement::needs_card,
    stripe::PaymentMethodId,
};
use jiff::{SignedDuration, Timestamp};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::problem::from_stripe;

/// Of a booking that began earlier nothing is on hold any more.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Takes one of the caller's cards away.
#[utoipa::path(
    delete, path = "/payment-methods/{id}", operation_id = "delete_payment_method", tag = "Payments",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The card", example = "pm_1NQ3kX2eZvKYlo2C")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "The caller has no such card", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`card_in_use`: a booking is to be paid with it, which takes another by \
         `POST /bookings/{id}/payment`; or the card can do nothing any more", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn delete_payment_method(
    State(app): State<App>,
    Parent(caller): Parent,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = PaymentMethodId::parse(id).map_err(|violation| Problem::invalid_field("id", violation))?;
    // Stripe cannot ask whether the account is still there.
    caller.user(&app).await?;
    let customer = app.tables().payer(caller.user_id).await?.ok_or_else(Problem::not_found)?;
    let stripe = app.stripe().await?;
    let card = match stripe.payment_method(&id).await {
        // What is there need not be a card.
        Err(stripe::Error::Unreadable) => return Err(Problem::not_found()),
        card => card.map_err(from_stripe)?,
    };
    if card.customer != Some(customer) {
        return Err(Problem::not_found());
    }
    if let Some(booking) = needed_for(&app, caller.user_id, &id).await? {
        let detail =
            format!("{booking} is to be paid with it. Give that another card first, if it takes one still.");
        return Err(Problem::new(StatusCode::CONFLICT, "card_in_use", detail));
    }
    stripe.detach(&id, &format!("{id}/detach")).await.map_err(from_stripe)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A booking that is to be paid with that card, if there is one.
async fn needed_for(
    app: &App,
    parent: UserId,
    method: &PaymentMethodId,
) -> Result<Option<BookingId>, storage::Error> {
    let (tables, now, mut after) = (app.tables(), app.now(), None);
    loop {
        let begin = now - LOOKED_BACK..Timestamp::MAX;
        let page = tables.bookings_of(parent, begin, after.as_deref(), false, 100).await?;
        // Of what nobody has accepted nothing is to be paid.
        for booking in
            page.bookings.iter().filter(|booking| booking.accepted_at.is_some() && booking.method == *method)
        {
            let payments = tables.payments_of(booking.id).await?;
            if needs_card(booking, &payments, now) {
                return Ok(Some(booking.id));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delete_payment_method))
}
