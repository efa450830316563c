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

/// The functions of the area that answer requests, by their binaries, and what each serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    vec![
        ("bookings-quote", quote::routes()),
        ("bookings-create", create::routes()),
        ("bookings-list", list::routes()),
        ("bookings-get", get::routes()),
        ("bookings-calendar", calendar::routes()),
        ("bookings-accept", accept::routes()),
        ("bookings-decline", decline::routes()),
        ("bookings-cancel", cancel::routes()),
        ("bookings-update", update::routes()),
        ("bookings-check-in", check_in::routes()),
        ("bookings-check-out", check_out::routes()),
        ("bookings-dispute", dispute::routes()),
        ("bookings-sos", sos::routes()),
        ("bookings-series-create", series_create::routes()),
        ("bookings-series-get", series_get::routes()),
        ("bookings-series-end", series_end::routes()),
    ]
}
