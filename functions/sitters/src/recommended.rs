//! `GET /sitters/recommended`: a parent sees whom we would ask, and why.

use std::collections::BTreeMap;

use api::{
    App, Fields, Json, Limiter, Parent, Problem, ProblemBody, Query, SignedIn, SitterCard, limits,
    openapi::{LimitProblems, ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    id::UserId,
    page::Limit,
    pairings,
    recommend::{Family, recommend},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::query::PAGE;

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// At most, 1 to 100; 20 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
}

/// Whom we would ask.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recommendations)]
pub struct View {
    /// The best comes first.
    items: Vec<Item>,
}

/// Somebody whom we would ask.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recommendation)]
pub struct Item {
    /// Who.
    sitter: SitterCard,
    /// From 0 to 100.
    #[schema(example = 72)]
    score: u32,
    /// Why, the weightiest first: of `booked_before`, `families_like_yours`, `near`, `well_rated`, `ages`,
    /// `skills`, `languages`, `price`, `responsive`.
    #[schema(example = json!(["booked_before", "near"]))]
    reasons: Vec<String>,
}

/// Recommends sitters to the caller, who has to have told where the children are.
#[utoipa::path(
    get, path = "/sitters/recommended", operation_id = "recommend_sitters", tag = "Sitters",
    security(("access_token" = [])), params(Parameters),
    responses(
        (status = 200, description = "Whom we would ask", body = View),
        (status = 409, description = "The caller has not told where the children are", body = ProblemBody,
         content_type = "application/problem+json"),
        LimitProblems, ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn recommend_sitters(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    Query(parameters): Query<Parameters>,
) -> Result<Json<View>, Problem> {
    let mut fields = Fields::default();
    let limit = fields.take("limit", Limit::parse(Some(parameters.limit.as_deref().unwrap_or(PAGE))));
    let limit = limit.ok_or_else(|| fields.into_problem())?;
    limiter.admit(&limits::RECOMMEND, &caller.user_id.to_string()).await?;
    let family = family(&app, caller).await?.ok_or_else(no_profile)?;
    let nearby = app.search().nearby(family.home.public(), family.radius, app.now()).await?;
    let mut items = Vec::new();
    for recommended in recommend(&family, nearby.cards(), limit.size()) {
        let sitter = SitterCard::new(&app, recommended.card.clone(), Some(recommended.distance)).await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        let score = (recommended.score * 100.0).round() as u32;
        let reasons = recommended.reasons.iter().map(|reason| reason.as_ref().to_owned()).collect();
        items.push(Item { sitter, score, reasons });
    }
    Ok(Json(View { items }))
}

/// What is known of the caller's family; `None` before they have told where the children are.
async fn family(app: &App, caller: SignedIn) -> Result<Option<Family>, Problem> {
    let (tables, id) = (app.tables(), caller.user_id);
    let Some(key) = tables.data_key(app.cipher()?, id).await? else { return Ok(None) };
    let (profile, children, booked, blocked) = tokio::try_join!(
        tables.parent_profile(&key),
        tables.children(&key),
        tables.booked(id),
        tables.blocked(id),
    )?;
    let Some(profile) = profile else { return Ok(None) };
    // The children are as old as their parent's calendar says.
    let day = caller.user(app).await?.time_zone.today(app.now());
    Ok(Some(Family {
        home: profile.point,
        radius: profile.radius,
        ages: children.iter().filter_map(|child| child.birth_month.age_group(day)).collect(),
        languages: profile.languages,
        skills: profile.skills,
        max_rate: profile.max_rate,
        similar: similar(app, &booked).await?,
        booked,
        blocked,
    }))
}

/// How many families have booked each sitter besides one of these.
async fn similar(app: &App, booked: &BTreeMap<UserId, u32>) -> Result<BTreeMap<UserId, u32>, Problem> {
    let mut counted = Vec::new();
    for id in pairings::telling(booked) {
        counted.push(app.tables().similar(id).await?);
    }
    Ok(pairings::similar(booked, counted))
}

fn no_profile() -> Problem {
    let detail = "Tell where the children are first, in your profile.";
    Problem::new(StatusCode::CONFLICT, "no_parent_profile", detail)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(recommend_sitters))
}
