//! `GET /bookings/{id}`: a booking with what is private of it. The sitter learns where to go, and whom they look
//! after, once they have accepted, and not for longer than it takes.

use api::{
    App, Json, PathId, Problem, ProblemBody, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response as HttpResponse},
};
use domain::{
    booking::{Booking, State as Standing, Who},
    child::Child,
    id::{BookingTag, ChildId},
};
use serde::Serialize;
use storage::bookings::Private;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{change, view::View};

/// A booking with what is private of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingDetails)]
pub struct Response {
    #[serde(flatten)]
    booking: View,
    /// Where, and for whom; `null` to a sitter who has not accepted, or has nothing to do there any more.
    place: Option<Place>,
}

/// Where, and for whom.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingPlace)]
pub struct Place {
    /// House and street.
    #[schema(example = "1 Mill Lane")]
    lines: String,
    /// Or a part of one.
    #[schema(example = "Hebden Bridge")]
    town: String,
    /// As the country writes it.
    #[schema(example = "HX7 8AD")]
    postcode: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "GB")]
    country: String,
    /// What the parent wants the sitter to know.
    #[schema(example = "The key is under the blue pot.")]
    note: Option<String>,
    /// Who is looked after; without those whom the parent has removed since.
    children: Vec<ChildView>,
}

/// Who is looked after.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookedChild)]
pub struct ChildView {
    /// Which child.
    #[schema(example = "kid_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// As the family calls them.
    #[schema(example = "Byron")]
    name: String,
    /// Year and month.
    #[schema(example = "2023-04")]
    birth_month: String,
    /// What they must not get.
    allergies: Option<String>,
    /// What else a sitter must know.
    needs: Option<String>,
}

/// Shows a booking to those who take part in it.
#[utoipa::path(
    get, path = "/bookings/{id}", operation_id = "get_booking", tag = "Bookings", security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The booking", body = Response,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn get_booking(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<BookingTag>,
) -> Result<HttpResponse, Problem> {
    let (booking, who) = change::read(&app, id, caller).await?;
    let place = if may_know(&booking, who) { Some(place(&app, &booking).await?) } else { None };
    let view = View::of(&app, &booking, caller.role).await?;
    let etag = [(header::ETAG, format!("\"{}\"", booking.version))];
    Ok((etag, Json(Response { booking: view, place })).into_response())
}

fn may_know(booking: &Booking, who: Who) -> bool {
    who == Who::Parent
        || matches!(booking.state, Standing::Accepted | Standing::Confirmed | Standing::InProgress)
}

async fn place(app: &App, booking: &Booking) -> Result<Place, Problem> {
    let key = app.tables().data_key(app.cipher()?, booking.parent).await?;
    // Without the key nobody can read it any more: the family has been forgotten.
    let key = key.ok_or_else(Problem::not_found)?;
    let Private { address, note, .. } = Private::open(&key, booking)?;
    let mut children = Vec::with_capacity(booking.children.len());
    for id in &booking.children {
        children.extend(app.tables().child(&key, *id).await?.map(child_view));
    }
    Ok(Place {
        country: address.country.as_str().to_owned(),
        lines: address.lines.into(),
        town: address.town.into(),
        postcode: address.postcode.into(),
        note: note.map(String::from),
        children,
    })
}

fn child_view(child: Child) -> ChildView {
    let id: ChildId = child.id;
    ChildView {
        id: id.to_string(),
        name: child.details.name.into(),
        birth_month: child.details.birth_month.to_string(),
        allergies: child.details.allergies.map(String::from),
        needs: child.details.needs.map(String::from),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_booking))
}
