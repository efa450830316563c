//! Bookings: a sitter for a family at a time.

pub mod accept;
pub mod calendar;
pub mod cancel;
mod change;
pub mod check_in;
pub mod check_out;
pub mod create;
pub mod decline;
pub mod dispute;
pub mod due;
pub mod get;
pub mod list;
mod materialise;
mod plan;
mod presence;
pub mod quote;
mod series;
pub mod series_create;
pub mod series_end;
pub mod series_get;
pub mod sos;
mod time;
pub mod update;
mod view;

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the area.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(quote::routes())
        .merge(create::routes())
        .merge(list::routes())
        .merge(get::routes())
        .merge(calendar::routes())
        .merge(accept::routes())
        .merge(decline::routes())
        .merge(cancel::routes())
        .merge(update::routes())
        .merge(check_in::routes())
        .merge(check_out::routes())
        .merge(dispute::routes())
        .merge(sos::routes())
        .merge(series_create::routes())
        .merge(series_get::routes())
        .merge(series_end::routes())
}
