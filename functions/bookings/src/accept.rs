//! `POST /bookings/{id}/accept`: a sitter says that they come, or agrees with another time that the parent wants.
//!
//! The sitter's time is taken in the same transaction, so that of two bookings that overlap one is refused. It
//! follows that the card is looked at, and that the parent gets a mail.

use api::{
    App, IfMatch, PathId, Problem, ProblemBody, RequestMeta, Sitter,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    booking::{Event, News},
    id::BookingTag,
    role::Role,
};
use storage::bookings::Changed;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change::{self, refused, unfit},
    view::{self, View},
};

/// Accepts a request, or another time.
#[utoipa::path(
    post, path = "/bookings/{id}/accept", operation_id = "accept_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q"),
     ("If-Match" = Option<String>, Header, description = "The `ETag` of what the sitter has seen: its parent may have asked for another time since")),
    responses(
        (status = 200, description = "The sitter comes", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`taken`: another booking has some of that time; `wrong_state` or `not_now`: there is nothing to accept, or not any more; `account_suspended`, `profile_suspended` or `not_checked`: the sitter may not look after children then", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn accept_booking(
    State(app): State<App>,
    Sitter(caller): Sitter,
    PathId(id): PathId<BookingTag>,
    if_match: IfMatch,
    meta: RequestMeta,
) -> Result<Response, Problem> {
    let now = app.now();
    let sitter = change::sitter(&app, caller).await?;
    let booking = change::change(&app, id, caller, &meta, now, |before, who| {
        if_match.check(before.version)?;
        let event = if before.proposal.is_some() { Event::AcceptChange } else { Event::Accept };
        let after = before.after(event, who, now).map_err(refused)?;
        sitter.may_care(after.span).map_err(unfit)?;
        Ok(Changed::told(after, News::Event(event)))
    });
    view::answer(&app, &booking.await?, Role::Sitter).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(accept_booking))
}
