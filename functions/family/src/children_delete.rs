//! `DELETE /me/children/{id}`: a parent takes back what they have told of a child.

use api::{
    App, MOST_NAMED, Parent, PathId, Problem, ProblemBody,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::id::{ChildId, ChildTag, UserId};
use jiff::{SignedDuration, Timestamp};
use storage::Tables;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A booking lasts 24 h at most, and a sitter who stays longer is checked out within another day.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Removes one of the caller's children.
#[utoipa::path(
    delete, path = "/me/children/{id}", operation_id = "delete_child", tag = "Family",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The child", example = "kid_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "The caller has no such child", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`child_is_booked`: the bookings that are still to come and the active series in \
         `blocked_by` name the child; cancel them first. `conflict`: something was booked, or a child was added or \
         removed, at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn delete_child(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<ChildTag>,
) -> Result<StatusCode, Problem> {
    let tables = caller.tables(&app);
    // The roll first: what is booked after this read changes it, and the removal fails.
    let roll = tables.roll(caller.user_id).await?.without(id).ok_or_else(Problem::not_found)?;
    let blocked_by = naming(&tables, caller.user_id, id, app.now()).await?;
    if !blocked_by.is_empty() {
        let detail = "The child is part of bookings that are still to come; cancel them first.";
        return Err(Problem::new(StatusCode::CONFLICT, "child_is_booked", detail).blocked_by(blocked_by));
    }
    tables.remove_child(id, &roll).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The bookings that are still to come, or go on, and the active series that name a child; of very many the first.
async fn naming(
    tables: &Tables,
    parent: UserId,
    child: ChildId,
    now: Timestamp,
) -> Result<Vec<String>, storage::Error> {
    let series = tables.active_series_naming(parent, child).await?;
    let mut named: Vec<String> = series.iter().map(ToString::to_string).take(MOST_NAMED).collect();
    let mut after = None;
    while named.len() < MOST_NAMED {
        let begin = now - LOOKED_BACK..Timestamp::MAX;
        let page = tables.bookings_of(parent, begin, after.as_deref(), false, 100).await?;
        let naming = page
            .bookings
            .iter()
            .filter(|booking| booking.state.needs_children() && booking.children.contains(&child));
        named.extend(naming.map(|booking| booking.id.to_string()).take(MOST_NAMED - named.len()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(named)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delete_child))
}
