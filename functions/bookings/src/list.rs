//! `GET /bookings`: somebody's bookings, as a parent or as a sitter.

use api::{
    App, Fields, Json, Problem, Query, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::extract::State;
use domain::{Violation, page::Limit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::view::View;

/// Which of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// `upcoming`, unless told: those that have not begun a day ago, the next one first. `past`: the others, the
    /// latest first.
    #[param(pattern = "^(upcoming|past)$", nullable = false)]
    when: Option<String>,
    /// How many at most, 1 to 100; 50 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// A page of bookings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingPage)]
pub struct Response {
    /// In the order of their beginning.
    items: Vec<View>,
    /// For the next page, if there is one.
    next_cursor: Option<String>,
}

#[derive(Clone, Copy)]
enum When {
    Upcoming,
    Past,
}

impl When {
    fn parse(raw: Option<&str>) -> Result<Self, Violation> {
        match raw {
            None | Some("upcoming") => Ok(Self::Upcoming),
            Some("past") => Ok(Self::Past),
            Some(_) => Err(Violation::new("invalid_when", "must be upcoming or past")),
        }
    }
}

/// Lists the caller's bookings.
#[utoipa::path(
    get, path = "/bookings", operation_id = "list_bookings", tag = "Bookings", security(("access_token" = [])),
    params(Parameters),
    responses(
        (status = 200, description = "A page of bookings", body = Response),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn list_bookings(
    State(app): State<App>,
    caller: SignedIn,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Response>, Problem> {
    let mut fields = Fields::default();
    let when = fields.take("when", When::parse(parameters.when.as_deref()));
    let limit = fields.take("limit", Limit::parse(parameters.limit.as_deref()));
    let (Some(when), Some(limit)) = (when, limit) else { return Err(fields.into_problem()) };
    let question =
        format!("bookings {} {}", caller.user_id, parameters.when.as_deref().unwrap_or("upcoming"));
    let after = match &parameters.cursor {
        Some(cursor) => Some(
            app.cursors()
                .await?
                .open(&question, cursor)
                .map_err(|violation| Problem::invalid_field("cursor", violation))?,
        ),
        None => None,
    };
    // What goes on now is to come still: no booking is longer than a day.
    let border = app.now() - domain::booking::window::LONGEST;
    let (range, latest_first) = match when {
        When::Upcoming => (border..Timestamp::MAX, false),
        When::Past => (Timestamp::UNIX_EPOCH..border, true),
    };
    let tables = app.tables();
    let page = tables.bookings_of(caller.user_id, range, after.as_deref(), latest_first, limit.get()).await?;
    let next_cursor = match &page.next {
        Some(next) => Some(app.cursors().await?.seal(&question, next)),
        None => None,
    };
    Ok(Json(Response { items: View::all(&app, &page.bookings, caller.role).await?, next_cursor }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_bookings))
}
