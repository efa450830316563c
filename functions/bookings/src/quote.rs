//! `POST /bookings/quote`: a parent learns what a booking would cost, and whether the sitter can come. Nothing is
//! written; the server prices, and a client never sends a rate.

use api::{
    App, Fields, Json, Limiter, Parent, Problem, ProblemBody, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{id, role::Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    plan::{self, Family, Plan, Warning, Wish},
    time::{self, Time},
    view::{Price, Terms},
};

/// What somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuoteRequest)]
pub struct Request {
    /// Who should come.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// When.
    time: Time,
    /// Who is looked after: 1 to 6 of the caller's children.
    #[schema(example = json!(["kid_01h455vb4pex5vsknk084sn02q"]), min_items = 1, max_items = 6)]
    child_ids: Vec<String>,
}

/// What it would cost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quote)]
pub struct Response {
    /// When it would start, as a moment.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// When it would end.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Line by line.
    price: Price,
    /// What calling it off would cost.
    cancellation_terms: Terms,
    /// What to think of before.
    warnings: Vec<Warning>,
}

impl Request {
    /// Reads it, and what it needs to be read by.
    pub(crate) async fn parse(
        app: &App,
        caller: api::SignedIn,
        sitter_id: &str,
        time: &Time,
        child_ids: &[String],
        now: Timestamp,
        fields: &mut Fields,
    ) -> Result<Option<Wish>, Problem> {
        let user = caller.user(app).await?;
        let sitter = fields.take("/sitter_id", id::parse(sitter_id));
        let window = time.parse(fields, &user.time_zone);
        let span = window.as_ref().and_then(|window| time::bookable(fields, window, now));
        let children = match plan::children(app, caller.user_id, child_ids).await? {
            Ok(children) => Some(children),
            Err((pointer, violation)) => fields.take(&pointer, Err(violation)),
        };
        let wish = || {
            let (window, span) = (window?, span?);
            Some(Wish { sitter: sitter?, window, span, children: children?, instead_of: None })
        };
        Ok(wish())
    }
}

/// Prices a booking.
#[utoipa::path(
    post, path = "/bookings/quote", operation_id = "quote_booking", tag = "Bookings",
    security(("access_token" = [])),
    request_body = Request,
    responses(
        (status = 200, description = "What it would cost", body = Response),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`not_working`, `taken`, `too_far`, `other_clock`, `not_checked`: the sitter's background check ends before; or `no_parent_profile`", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn quote_booking(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    limiter.admit(&limits::QUOTE, &caller.user_id.to_string()).await?;
    let (now, mut fields) = (app.now(), Fields::default());
    let Request { sitter_id, time, child_ids } = &request;
    let wish = Request::parse(&app, caller, sitter_id, time, child_ids, now, &mut fields).await?;
    let wish = wish.ok_or_else(|| fields.into_problem())?;
    let family = Family::read(app.tables(), app.cipher()?, caller.user_id).await?;
    let plan = Plan::new(app.tables(), &family, wish, now).await?;
    let span = plan.wish.span;
    Ok(Json(Response {
        starts_at: span.start,
        ends_at: span.end,
        price: Price::new(&plan.quote, Role::Parent),
        cancellation_terms: Terms::new(plan.policy, span.start),
        warnings: plan::warnings(app.tables(), caller.user_id, span, None).await?,
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(quote_booking))
}
