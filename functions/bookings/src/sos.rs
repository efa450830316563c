//! `POST /bookings/{id}/sos`: somebody calls for help. It follows at once that the emergency contact gets a text, and
//! every admin a mail.

use api::{
    App, Limiter, PathId, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{LimitProblems, ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    booking::{Event, News},
    event::Fact,
    id::BookingTag,
};
use storage::bookings::Changed;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::change::{self, refused};

/// Calls for help, from two hours before a booking until a day after it.
#[utoipa::path(
    post, path = "/bookings/{id}/sos", operation_id = "call_for_help", tag = "Bookings",
    // Each user is limited. No flood of strangers may stop a call for help, so the throttle is as high as any.
    extensions(("x-gateway" = json!({ "throttle": [500, 1000] }))),
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "Help is called. In danger, call 999 or 112 as well"),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is not near in time, or does not happen", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn call_for_help(
    State(app): State<App>,
    caller: SignedIn,
    limiter: Limiter,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
) -> Result<StatusCode, Problem> {
    limiter.admit(&limits::HELP, &caller.user_id.to_string()).await?;
    let now = app.now();
    // Not refused to a user who has just been suspended: it asks for help, and costs nobody anything.
    let tables = app.tables();
    change::change_as(tables, id, caller, &meta, now, change::part, |before, who| {
        let after = before.after(Event::CallForHelp, who, now).map_err(refused)?;
        let facts = vec![Fact::HelpCalled { booking_id: id, by: who }];
        Ok(Changed { facts, ..Changed::told(after, News::Event(Event::CallForHelp)) })
    })
    .await?;
    Ok(StatusCode::ACCEPTED)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(call_for_help))
}
