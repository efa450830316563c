//! `POST /bookings`: a parent asks a sitter to come. Announces
//! [`News::Requested`](domain::booking::News::Requested), from which it follows that the sitter gets a mail. The
//! sitter's time is taken when they accept, and the card is asked for money a day ahead.

use api::{
    App, Fields, Idempotent, Json, Limiter, Parent, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, IdempotencyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode, response::Response as HttpResponse};
use domain::{
    booking::{Booking, Note},
    id::{self, BookingId},
    role::Role,
    stripe::PaymentMethodId,
};
use serde::{Deserialize, Serialize};
use storage::bookings::Actor;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    plan::{self, Details, Family, Plan, Warning},
    quote,
    time::Time,
    view::View,
};

const OPERATION: &str = "create_booking";

/// A booking that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateBookingRequest)]
pub struct Request {
    /// Who should come.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// When.
    time: Time,
    /// Who is looked after: 1 to 6 of the caller's children.
    #[schema(example = json!(["kid_01h455vb4pex5vsknk084sn02q"]), min_items = 1, max_items = 6)]
    child_ids: Vec<String>,
    /// What is to be paid with: one of the caller's `GET /payment-methods`.
    #[schema(example = "pm_1NQ3kX2eZvKYlo2C", max_length = 255)]
    payment_method_id: String,
    /// What the sitter should know. They see it once they have accepted.
    #[serde(default)]
    #[schema(example = "The key is under the blue pot.", max_length = 1000)]
    note: Option<String>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedBooking)]
pub struct Response {
    /// As it is now.
    booking: View,
    /// What to think of.
    warnings: Vec<Warning>,
}

/// Asks a sitter to come. With an `Idempotency-Key` it may be repeated.
#[utoipa::path(
    post, path = "/bookings", operation_id = "create_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for each repetition of this request")),
    request_body = Request,
    responses(
        (status = 201, description = "The sitter is asked", body = Response),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, IdempotencyProblems, StoreProblems,
        // In place of the one that repetitions have.
        (status = 409, description = "`not_working`, `taken`, `too_far`, `other_clock`, `not_checked`, `no_parent_profile`, \
         or a request with this key is being worked on", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn create_booking(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    meta: RequestMeta,
    request: Idempotent<Request>,
) -> Result<HttpResponse, Problem> {
    limiter.admit(&limits::BOOK, &caller.user_id.to_string()).await?;
    let id = request.name(caller.user_id, OPERATION).map(|name| BookingId::from_uuid(name.uuid()));
    let create = async |request| create(&app, caller, &meta, id, request).await;
    request.once(&app, caller.user_id, OPERATION, create).await
}

async fn create(
    app: &App,
    caller: SignedIn,
    meta: &RequestMeta,
    id: Option<BookingId>,
    request: Request,
) -> Result<(StatusCode, Json<Response>), Problem> {
    // It may have been done, and the answer lost.
    if let Some(id) = id
        && let Some(booking) = app.tables().booking(id).await?
    {
        let warnings = plan::warnings(app.tables(), caller.user_id, booking.span, Some(id)).await?;
        return created(app, &booking, warnings).await;
    }
    let (now, mut fields) = (app.now(), Fields::default());
    let Request { sitter_id, time, child_ids, .. } = &request;
    let wish = quote::Request::parse(app, caller, sitter_id, time, child_ids, now, &mut fields).await?;
    let details = details(&request.payment_method_id, request.note.as_deref(), &mut fields);
    let (Some(wish), Some(details)) = (wish, details) else { return Err(fields.into_problem()) };
    // No user books whom no email reaches.
    caller.verified_user(app).await?;
    let family = Family::read(app.tables(), app.cipher()?, caller.user_id).await?;
    let warnings = plan::warnings(app.tables(), caller.user_id, wish.span, None).await?;
    let plan = Plan::new(app.tables(), &family, wish, now).await?;
    let booking = plan.booking(id.unwrap_or_else(|| id::new(now)), &family, &details, None, now)?;
    let actor = Actor { user: Some(caller.user_id), origin: meta.origin(), ..Actor::default() };
    caller.tables(app).request_booking(&booking, &actor).await?;
    created(app, &booking, warnings).await
}

async fn created(
    app: &App,
    booking: &Booking,
    warnings: Vec<Warning>,
) -> Result<(StatusCode, Json<Response>), Problem> {
    let booking = View::of(app, booking, Role::Parent).await?;
    Ok((StatusCode::CREATED, Json(Response { booking, warnings })))
}

/// What a booking has besides.
pub(crate) fn details(method: &str, note: Option<&str>, fields: &mut Fields) -> Option<Details> {
    let method = fields.take("/payment_method_id", PaymentMethodId::parse(method));
    let note = fields.take_optional("/note", note.map(Note::parse));
    Some(Details { method: method?, note: note? })
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_booking))
}
