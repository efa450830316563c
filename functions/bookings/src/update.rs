//! `PATCH /bookings/{id}`: a parent wants another time. While the sitter has not answered, the request is for that
//! time from now on; after that it is a proposal, which the sitter accepts or declines. To ask for what was asked for last
//! changes nothing.

use api::{
    App, Fields, IfMatch, Json, Limiter, Parent, PathId, Problem, ProblemBody, RequestMeta, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
    present,
};
use axum::{extract::State, http::StatusCode, response::Response};
use domain::{
    booking::{Event, News, Proposal},
    id::BookingTag,
    role::Role,
};
use serde::Deserialize;
use storage::bookings::Changed;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change::{self, refused},
    plan::{Family, Obstacle, Plan, Wish},
    time::{self, Time},
    view::{self, View},
};

/// What is to be different.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateBookingRequest)]
pub struct Request {
    /// Another time.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    time: Option<Time>,
}

/// Asks for another time. It is priced at the rate that the booking was made with.
#[utoipa::path(
    patch, path = "/bookings/{id}", operation_id = "update_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q"),
     ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body(content = Request, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The booking with the other time, or with the proposal", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`not_working`, `taken`, `too_far`, `other_clock`; `not_shown`: the sitter takes no bookings now; or the booking cannot be changed, or not any more", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn update_booking(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    PathId(id): PathId<BookingTag>,
    if_match: IfMatch,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    limiter.admit(&limits::BOOK, &caller.user_id.to_string()).await?;
    let (before, _) = change::read(&app, id, caller).await?;
    if_match.check(before.version)?;
    let Some(time) = request.time else { return view::answer(&app, &before, Role::Parent).await };
    let (now, mut fields) = (app.now(), Fields::default());
    let window = time.parse(&mut fields, &before.window.zone);
    let span = window.as_ref().and_then(|window| time::bookable(&mut fields, window, now));
    let (Some(window), Some(span)) = (window, span) else { return Err(fields.into_problem()) };
    let last =
        before.proposal.as_ref().map_or((&before.window, before.span), |last| (&last.window, last.span));
    if last == (&window, span) {
        return view::answer(&app, &before, Role::Parent).await;
    }
    let family = Family::read(app.tables(), app.cipher()?, caller.user_id).await?;
    let (sitter, children) = (before.sitter, before.children.clone());
    let wish = Wish { sitter, window, span, children, instead_of: Some(id) };
    let plan = Plan::new(app.tables(), &family, wish, now).await.map_err(|obstacle| match obstacle {
        // The booking is there all the same.
        Obstacle::NoSitter => {
            Problem::new(StatusCode::CONFLICT, "not_shown", "The sitter takes no bookings now.")
        }
        other => other.into(),
    });
    let Plan { wish, .. } = plan?;
    let quote = before.priced(&wish.window, wish.span).map_err(|error| refused(error.into()))?;
    let proposal = Proposal { window: wish.window, span: wish.span, quote, made_at: now };
    let booking = change::change(&app, id, caller, &meta, now, |before, _| {
        if_match.check(before.version)?;
        let after = before.proposed(proposal.clone(), now).map_err(refused)?;
        Ok(Changed::told(after, News::Event(Event::Propose)))
    });
    view::answer(&app, &booking.await?, Role::Parent).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(update_booking))
}
