//! `POST /booking-series`: a parent asks a sitter to come again and again. Each day is a booking of its own, which
//! the sitter answers and either side changes by itself; a day that cannot be is reported with its reason.

use api::{
    App, Fields, Idempotent, Json, Limiter, Parent, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, IdempotencyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode, response::Response};
use domain::{
    booking::series::Rule,
    id::{self, SeriesId},
    series::{Series, State as Standing, Terms},
};
use serde::Deserialize;
use storage::{bookings::Actor, series::seal_note};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    create::details,
    materialise::materialise,
    plan::{Family, Obstacle},
    quote,
    series::View,
    time::Time,
};

const OPERATION: &str = "create_booking_series";

/// So many bookings are made before the answer; the schedule makes the others within minutes.
const AT_ONCE: usize = 20;

/// Bookings that follow one rule.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateSeriesRequest)]
pub struct Request {
    /// Who should come.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// At which hours; its date is the first of the series.
    time: Time,
    /// On which days, by RFC 5545: daily, weekly or monthly, with a `COUNT` of 104 at most or an `UNTIL` within a
    /// year. `UNTIL` is a date, or a date and a time: in UTC, or by the clock of the booking's time zone. No
    /// booking starts later.
    #[schema(example = "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10", max_length = 200)]
    rule: String,
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

/// Asks a sitter to come again and again. With an `Idempotency-Key` it may be repeated.
#[utoipa::path(
    post, path = "/booking-series", operation_id = "create_booking_series", tag = "Bookings",
    security(("access_token" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for each repetition of this request")),
    request_body = Request,
    responses(
        (status = 201, description = "The sitter is asked for each of the next days", body = View),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, IdempotencyProblems, StoreProblems,
        // In place of the one that repetitions have.
        (status = 409, description = "`no_parent_profile`, or a request with this key is being \
         worked on", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn create_booking_series(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    meta: RequestMeta,
    request: Idempotent<Request>,
) -> Result<Response, Problem> {
    limiter.admit(&limits::BOOK, &caller.user_id.to_string()).await?;
    let id = request.name(caller.user_id, OPERATION).map(|name| SeriesId::from_uuid(name.uuid()));
    let create = async |request| create(&app, caller, &limiter, &meta, id, request).await;
    request.once(&app, caller.user_id, OPERATION, create).await
}

async fn create(
    app: &App,
    caller: SignedIn,
    limiter: &Limiter,
    meta: &RequestMeta,
    id: Option<SeriesId>,
    request: Request,
) -> Result<(StatusCode, Json<View>), Problem> {
    // It may have been done, and the answer lost; or not all of it.
    if let Some(id) = id
        && let Some(series) = app.tables().series(id).await?
    {
        return created(app, caller, meta, series).await;
    }
    let (now, mut fields) = (app.now(), Fields::default());
    let Request { sitter_id, time, child_ids, .. } = &request;
    let wish = quote::Request::parse(app, caller, sitter_id, time, child_ids, now, &mut fields).await?;
    let details = details(&request.payment_method_id, request.note.as_deref(), &mut fields);
    let rule = Rule::parse(&request.rule).and_then(|rule| match &wish {
        Some(wish) => rule.check(&wish.window).map(|()| rule),
        None => Ok(rule),
    });
    let rule = fields.take("/rule", rule);
    let (Some(wish), Some(details), Some(rule)) = (wish, details, rule) else {
        return Err(fields.into_problem());
    };
    caller.verified_user(app).await?;
    let family = Family::read(app.tables(), app.cipher()?, caller.user_id).await?;
    let sitter = app.tables().sitter(wish.sitter).await?.filter(|sitter| sitter.is_shown(now));
    let profile = sitter.ok_or(Obstacle::NoSitter)?.profile;
    let terms = Terms { rate: profile.rate.ok_or(Obstacle::NoSitter)?, policy: profile.policy };
    let id = id.unwrap_or_else(|| id::new(now));
    let series = Series {
        id,
        parent: caller.user_id,
        sitter: wish.sitter,
        rule,
        first: wish.window,
        children: wish.children,
        terms: Some(terms),
        method: details.method,
        sealed_note: details.note.map(|note| seal_note(family.key(), id, &note)).transpose()?,
        state: Standing::Active,
        made_until: None,
        created_at: now,
        version: 1,
    };
    // One token was taken before.
    let others = u32::try_from(series.to_make(now, AT_ONCE).len()).unwrap_or(u32::MAX).saturating_sub(1);
    if others > 0 {
        limiter.admit_many(&limits::BOOK, &caller.user_id.to_string(), others).await?;
    }
    caller.tables(app).save_series(&series).await?;
    created(app, caller, meta, series).await
}

/// Makes the first bookings of a series that stands.
async fn created(
    app: &App,
    caller: SignedIn,
    meta: &RequestMeta,
    series: Series,
) -> Result<(StatusCode, Json<View>), Problem> {
    let actor = Actor { user: Some(caller.user_id), origin: meta.origin(), ..Actor::default() };
    // The series stands: what is not made now, the schedule makes.
    let made =
        match materialise(&caller.tables(app), app.cipher()?, &series, &actor, app.now(), AT_ONCE).await {
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%error, series = %series.id, "not all bookings of a series were made at once");
                series
            }
        };
    Ok((StatusCode::CREATED, Json(View::of(app, &made).await?)))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_booking_series))
}
