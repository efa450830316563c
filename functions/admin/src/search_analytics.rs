//! `GET /admin/search-analytics`: an admin sees how well searches went on a day. Nothing of it is personal.

use api::{
    Admin, App, Fields, Json, Problem, Query,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    analytics::{Counts, Hour},
    calendar,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Which day.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Of UTC, as `YYYY-MM-DD`; today unless told.
    #[param(format = Date, example = "2026-11-25", nullable = false)]
    date: Option<String>,
}

/// How well searches went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchAnalytics)]
pub struct View {
    /// Of UTC.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// In order; those without a search are left out.
    hours: Vec<HourView>,
}

/// How well they went in an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchHour)]
pub struct HourView {
    /// From 0 to 23.
    #[schema(example = 19)]
    hour: u8,
    /// First pages that were asked for.
    #[schema(example = 412)]
    searches: u64,
    /// Those on which nobody was found.
    #[schema(example = 17)]
    zero_results: u64,
    /// Sitters who were chosen from one of them.
    #[schema(example = 160)]
    clicks: u64,
    /// Clicks per search.
    #[schema(example = 0.39)]
    click_through: f64,
    /// Half of all took at most so long; none beyond a second.
    #[schema(example = 25)]
    p50_milliseconds: Option<u64>,
    /// Nineteen of twenty did.
    #[schema(example = 50)]
    p95_milliseconds: Option<u64>,
    /// Words that found nobody and that were looked for at least three times, the most frequent first.
    zero_result_terms: Vec<TermView>,
}

/// A word that found nobody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchTerm)]
pub struct TermView {
    /// The word, in small letters and without accents.
    #[schema(example = "cantonese")]
    term: String,
    /// How often it was looked for.
    #[schema(example = 4)]
    searches: u64,
}

/// Shows how well searches went on a day, hour by hour.
#[utoipa::path(
    get, path = "/admin/search-analytics", operation_id = "read_search_analytics", tag = "Administration",
    security(("access_token" = [])), params(Parameters),
    responses(
        (status = 200, description = "The day", body = View),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn read_search_analytics(
    State(app): State<App>,
    _: Admin,
    Query(parameters): Query<Parameters>,
) -> Result<Json<View>, Problem> {
    let mut fields = Fields::default();
    let date = fields.take_optional("date", parameters.date.as_deref().map(calendar::date));
    let date = date.ok_or_else(|| fields.into_problem())?.unwrap_or_else(|| Hour::of(app.now()).date);
    let counts = app.tables().search_counts(date, app.now()).await?;
    Ok(Json(View { date, hours: counts.iter().map(|(hour, counts)| HourView::new(*hour, counts)).collect() }))
}

impl HourView {
    fn new(hour: u8, counts: &Counts) -> Self {
        let terms = counts.telling_terms().into_iter().take(20);
        #[expect(clippy::cast_precision_loss, reason = "a rate to two places")]
        let click_through = (counts.clicks as f64 / counts.searches.max(1) as f64 * 100.0).round() / 100.0;
        Self {
            hour,
            searches: counts.searches,
            zero_results: counts.in_vain,
            clicks: counts.clicks,
            click_through,
            p50_milliseconds: counts.quantile(0.5),
            p95_milliseconds: counts.quantile(0.95),
            zero_result_terms: terms
                .map(|(term, searches)| TermView { term: term.to_owned(), searches })
                .collect(),
        }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_search_analytics))
}
