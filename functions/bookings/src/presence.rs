//! Where a sitter is when they come and go. Where exactly is where a family lives, so only how far from there is
//! kept.

use api::{App, Fields, Problem};
use domain::{
    booking::{Booking, Presence},
    geo::{self, Point},
};
use jiff::Timestamp;
use serde::Deserialize;
use storage::bookings::Private;
use utoipa::ToSchema;

/// Where the sitter is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PresenceRequest)]
pub struct Request {
    /// What the device says. Only how far it is from the address is kept.
    #[serde(default)]
    location: Option<Location>,
}

/// In WGS 84.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PresenceLocation)]
pub struct Location {
    /// In degrees.
    #[schema(example = 53.7416, minimum = -90, maximum = 90)]
    latitude: f64,
    /// In degrees.
    #[schema(example = -2.0133, minimum = -180, maximum = 180)]
    longitude: f64,
}

impl Request {
    /// Reads where it is, if it tells.
    pub(crate) fn point(&self) -> Result<Option<Point>, Problem> {
        let Some(location) = &self.location else { return Ok(None) };
        let mut fields = Fields::default();
        let latitude = fields.take("/location/latitude", geo::latitude(location.latitude));
        let longitude = fields.take("/location/longitude", geo::longitude(location.longitude));
        let point =
            latitude.zip(longitude).and_then(|(latitude, longitude)| Point::parse(latitude, longitude).ok());
        point.map(Some).ok_or_else(|| fields.into_problem())
    }
}

/// That somebody is there now.
pub(crate) async fn presence(
    app: &App,
    booking: &Booking,
    point: Option<Point>,
    now: Timestamp,
) -> Result<Presence, Problem> {
    let Some(point) = point else { return Ok(Presence { at: now, distance_metres: None }) };
    let key = app.tables().data_key(app.cipher()?, booking.parent).await?;
    // A family that has been forgotten has no address to be far from.
    let home = key.map(|key| Private::open(&key, booking)).transpose()?;
    Ok(Presence { at: now, distance_metres: home.map(|home| home.point.distance(point).metres()) })
}
