//! How well searches go, without anything personal: no who but one of 256 groups, no where, and of the words only
//! those that found nothing.

use std::{sync::OnceLock, time::Duration};

use api::{App, Limiter, Problem, limits};
use domain::{
    analytics::{Hour, Searched},
    search::Query,
};
use messaging::queue::{AnalyticsMessage, Queue};

const QUESTION: &str = "search_id";

/// A name for a search that tells nothing but its hour, and that nobody can make up. The same for
/// everybody, so that caches can hold what carries it.
pub(crate) async fn search_id(app: &App) -> Result<String, Problem> {
    Ok(app.cursors().await?.seal(QUESTION, &Hour::of(app.now()).to_string()))
}

/// The hour of the search that a sitter was chosen from.
pub(crate) async fn opened(app: &App, search_id: Option<&str>) -> Result<Option<Hour>, Problem> {
    let Some(search_id) = search_id else { return Ok(None) };
    let hour = app.cursors().await?.open(QUESTION, search_id);
    let hour = hour.and_then(|hour| Hour::parse(&hour));
    let hour = hour.map_err(|violation| Problem::invalid_field("search_id", violation))?;
    // One that is kept is of no use to whoever wants to count more than there was.
    Ok(hour.is_recent(app.now()).then_some(hour))
}

/// Counts a search, and its words if it found nobody and its network has not had too many of them counted today.
pub(crate) async fn searched(
    app: &App,
    query: &Query,
    results: usize,
    took: Duration,
    limiter: &Limiter,
) -> Result<(), Problem> {
    // Another one each day, so that nothing follows from two searches on two of them.
    let group = app.cursors().await?.group(&format!("{} {}", Hour::of(app.now()).date, limiter.network()));
    let mut searched = Searched::new(query, results, took, group);
    let words = u32::try_from(searched.terms.len()).unwrap_or(u32::MAX);
    if words > 0 && !limiter.has_room(&limits::SEARCH_WORDS, "", words).await {
        searched.terms.clear();
    }
    record(app, AnalyticsMessage::searched(searched, app.now())).await;
    Ok(())
}

/// Counts a choice.
pub(crate) async fn clicked(app: &App, hour: Hour) {
    record(app, AnalyticsMessage::clicked(hour, app.now())).await;
}

/// What cannot be counted is answered nevertheless.
async fn record(app: &App, message: AnalyticsMessage) {
    static QUEUE: OnceLock<Option<Queue>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| Queue::from_env(app.aws(), "ANALYTICS_QUEUE_URL").ok());
    if let Some(queue) = queue
        && let Err(error) = queue.send(&message).await
    {
        tracing::error!(%error, "a search was not counted");
    }
}
