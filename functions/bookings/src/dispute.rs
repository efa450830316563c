//! `POST /bookings/{id}/dispute`: one side does not agree with how a booking was. The sitter's money waits until an
//! admin has decided.

use api::{
    App, Fields, Json, PathId, Problem, ProblemBody, RequestMeta, SignedIn,
    openapi::{BodyProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    booking::{Complaint, Event, News},
    id::BookingTag,
};
use serde::Deserialize;
use storage::bookings::{Changed, seal_complaint};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change::{self, refused},
    view::{self, View},
};

/// A disagreement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DisputeRequest)]
pub struct Request {
    /// What was not as agreed. The other side does not see it; admins do.
    #[schema(example = "She left two hours early.", min_length = 1, max_length = 2000)]
    complaint: String,
}

/// Disputes a booking, within two days of its end.
#[utoipa::path(
    post, path = "/bookings/{id}/dispute", operation_id = "dispute_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "An admin is to decide", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is not completed, or has been for more than two days", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn dispute_booking(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let complaint = fields.take("/complaint", Complaint::parse(&request.complaint));
    let complaint = complaint.ok_or_else(|| fields.into_problem())?;
    let (before, _) = change::read(&app, id, caller).await?;
    let key = caller.tables(&app).data_key_or_new(app.cipher()?, before.parent).await?;
    let sealed = seal_complaint(&key, id, &complaint)?;
    let now = app.now();
    let booking = change::change(&app, id, caller, &meta, now, |before, who| {
        let after = before.disputed(who, sealed.clone(), now).map_err(refused)?;
        Ok(Changed::told(after, News::Event(Event::Dispute)))
    });
    view::answer(&app, &booking.await?, caller.role).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(dispute_booking))
}
