//! `POST /payouts/onboarding`: a sitter tells Stripe who they are, and where to pay. They do so on Stripe's own pages;
//! when Stripe is content, a webhook says so, and what has waited is paid out.

use api::{
    App, Json, Limiter, Problem, SignedIn, Sitter, limits,
    openapi::{ChangeProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::stripe::AccountId;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use storage::{Error, payees::Payee};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::problem::from_stripe;

/// Where sitters are paid: in the country that NannyRadar starts in.
const COUNTRY: &str = "GB";

/// Where the sitter goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = OnboardingLink)]
pub struct Response {
    /// A page of Stripe's. Whoever has the link is taken for the sitter.
    #[schema(example = "https://connect.stripe.com/setup/e/acct_1/abc")]
    url: String,
    /// When it is of no use any more; then ask for another.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Begins, or goes on, to tell Stripe where to pay.
#[utoipa::path(
    post, path = "/payouts/onboarding", operation_id = "start_onboarding", tag = "Payments",
    // Stripe takes 100 calls a second from one account.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    security(("access_token" = [])),
    responses(
        (status = 201, description = "Where the sitter goes on", body = Response),
        ChangeProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn start_onboarding(
    State(app): State<App>,
    Sitter(caller): Sitter,
    limiter: Limiter,
) -> Result<(StatusCode, Json<Response>), Problem> {
    limiter.admit(&limits::CARD, &caller.user_id.to_string()).await?;
    caller.verified_user(&app).await?;
    let account = account_or_new(&app, caller).await?;
    let page = format!("{}/payouts", app.settings().app_url.trim_end_matches('/'));
    let (refresh, back) = (format!("{page}/again"), format!("{page}/done"));
    let key = format!("{}/onboarding/{}", caller.user_id, app.now().as_millisecond());
    let link =
        app.stripe().await?.account_link(&account, &refresh, &back, &key).await.map_err(from_stripe)?;
    let response = Response { url: link.url.expose_secret().to_owned(), expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(response)))
}

/// The sitter's account at Stripe, which is made if there is none. However often that is begun, there is one.
async fn account_or_new(app: &App, caller: SignedIn) -> Result<AccountId, Problem> {
    let (tables, sitter) = (caller.tables(app), caller.user_id);
    if let Some(payee) = tables.payee(sitter).await? {
        return Ok(payee.account);
    }
    let key = format!("{sitter}/account");
    let made = app.stripe().await?.create_account(sitter, COUNTRY, &key).await.map_err(from_stripe)?;
    match tables.save_payee(&Payee::new(sitter, made.id.clone()), &[]).await {
        // The same key has made the same account.
        Ok(()) | Err(Error::Conflict) => Ok(made.id),
        Err(error) => Err(error.into()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start_onboarding))
}
