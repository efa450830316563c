//! Places on the Earth, and how far apart they are.

use h3o::{LatLng, Resolution};
use serde::{Deserialize, Serialize};

use crate::Violation;

/// A place in WGS 84, to the nearest 10 millionth of a degree, which is about 1 cm. Where people live is private: a log line shows only that there was one.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(f64, f64)", into = "(f64, f64)")]
pub struct Point {
    latitude: f64,
    longitude: f64,
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Point(…)")
    }
}

/// Cells of the [H3](https://h3geo.org) grid within which all sitters are shown at one place: 5.2 km²
/// on average, 1.4 km from the middle to a corner.
const PUBLIC_CELLS: Resolution = Resolution::Seven;

/// Reads a latitude, in degrees from -90 to 90.
pub fn latitude(degrees: f64) -> Result<f64, Violation> {
    within(degrees, 90)
}

/// Reads a longitude, in degrees from -180 to 180.
pub fn longitude(degrees: f64) -> Result<f64, Violation> {
    within(degrees, 180)
}

fn within(degrees: f64, bound: i16) -> Result<f64, Violation> {
    // Not a number is not within.
    if degrees.abs() <= f64::from(bound) {
        Ok(rounded(degrees))
    } else {
        Err(Violation::new("out_of_range", format!("must be from -{bound} to {bound} degrees")))
    }
}

/// To seven decimal places. DynamoDB stores no number nearer to zero than 1e-130, and zero without a sign.
fn rounded(degrees: f64) -> f64 {
    // Adding 0 makes 0 of -0.
    (degrees * 1e7).round() / 1e7 + 0.0
}

impl Point {
    /// The place at these degrees.
    pub fn parse(latitude: f64, longitude: f64) -> Result<Self, Violation> {
        Ok(Self { latitude: self::latitude(latitude)?, longitude: self::longitude(longitude)? })
    }

    /// In degrees.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// In degrees.
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// The place that others are told instead of this one: the middle of its cell in a fixed grid.
    ///
    /// Search knows no other, so that whatever is asked of it, however often and from wherever, tells
    /// nothing but the cell.
    #[must_use]
    pub fn public(self) -> Self {
        LatLng::from(self).to_cell(PUBLIC_CELLS).into()
    }

    /// Along the great circle.
    pub fn distance(self, other: Self) -> Distance {
        // Within the Earth, so it fits; to the metre, so that distances compare exactly.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 20,015,115")]
        Distance(LatLng::from(self).distance_m(other.into()).round() as u32)
    }
}

impl From<Point> for LatLng {
    fn from(point: Point) -> Self {
        LatLng::new(point.latitude, point.longitude)
            .unwrap_or_else(|error| unreachable!("a point is finite: {error}"))
    }
}

impl From<h3o::CellIndex> for Point {
    fn from(cell: h3o::CellIndex) -> Self {
        let middle = LatLng::from(cell);
        Self { latitude: rounded(middle.lat()), longitude: rounded(middle.lng()) }
    }
}

impl TryFrom<(f64, f64)> for Point {
    type Error = Violation;
    fn try_from((latitude, longitude): (f64, f64)) -> Result<Self, Violation> {
        Self::parse(latitude, longitude)
    }
}

impl From<Point> for (f64, f64) {
    fn from(point: Point) -> Self {
        (point.latitude, point.longitude)
    }
}

/// How far apart two places are, in metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Distance(pub u32);

impl Distance {
    /// To the metre.
    pub fn metres(self) -> u32 {
        self.0
    }

    /// As it is shown: up to the next half kilometre. To tell it finer would feign a precision that
    /// [`Point::public`] has taken away.
    pub fn shown(self) -> u32 {
        self.0.div_ceil(500) * 500
    }
}

/// How far somebody looks or goes: 1 to 50 km, in metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Radius(u32);

const MIN_RADIUS: u32 = 1_000;
const MAX_RADIUS: u32 = 50_000;

impl Radius {
    /// Reads a number of metres.
    pub fn parse(metres: u32) -> Result<Self, Violation> {
        if (MIN_RADIUS..=MAX_RADIUS).contains(&metres) {
            Ok(Self(metres))
        } else {
            let message = format!("must be from {MIN_RADIUS} to {MAX_RADIUS} metres");
            Err(Violation::new("out_of_range", message))
        }
    }

    /// In metres.
    pub fn metres(self) -> u32 {
        self.0
    }

    /// Whether something that far away is within.
    pub fn reaches(self, distance: Distance) -> bool {
        distance.0 <= self.0
    }
}

/// What a parent without a car finds near.
impl Default for Radius {
    fn default() -> Self {
        Self(10_000)
    }
}

impl TryFrom<u32> for Radius {
    type Error = Violation;
    fn try_from(metres: u32) -> Result<Self, Violation> {
        Self::parse(metres)
    }
}

impl From<Radius> for u32 {
    fn from(radius: Radius) -> Self {
        radius.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(latitude: f64, longitude: f64) -> Point {
        Point::parse(latitude, longitude).unwrap()
    }

    #[test]
    fn knows_its_bounds() {
        for (latitude, longitude) in
            [(90.1, 0.0), (-91.0, 0.0), (0.0, 180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)]
        {
            assert_eq!(Point::parse(latitude, longitude).unwrap_err().code, "out_of_range");
        }
        for metres in [0, 999, 50_001, 10_000_000] {
            assert_eq!(Radius::parse(metres).unwrap_err().code, "out_of_range");
        }
    }

    #[test]
    fn has_seven_decimal_places() {
        for (raw, read) in [
            (1e-131, "0"),
            (-1e-131, "0"),
            (5e-324, "0"),
            (-0.0, "0"),
            (4.9e-8, "0"),
            (-5.1e-8, "-0.0000001"),
            (53.741_612_349, "53.7416123"),
            (0.1 + 0.2, "0.3"),
            (89.999_999_99, "90"),
        ] {
            let point = point(raw, -raw);
            assert_eq!(point.latitude().to_string(), read, "{raw}");
            assert_eq!(point.longitude(), -point.latitude() + 0.0);
            assert!(point.longitude() != 0.0 || point.longitude().is_sign_positive());
        }
    }

    #[test]
    fn measures() {
        // Hebden Bridge to Manchester, by an online calculator: 33.5 km.
        let away = point(53.7416, -2.0133).distance(point(53.4808, -2.2426)).0;
        assert!((32_500..34_000).contains(&away), "{away}");
        assert_eq!(point(10.0, 179.999).distance(point(10.0, -179.999)).0, 219);
        assert!(point(90.0, 0.0).distance(point(90.0, 120.0)).0 < 2);
        assert_eq!([0, 1, 500, 501].map(|metres| Distance(metres).shown()), [0, 500, 500, 1000]);
    }

    proptest! {
        /// What was rounded is not rounded again, so that what is stored is what is read.
        #[test]
        fn survives_the_store((latitude, longitude) in (-90f64..=90.0, -180f64..=180.0)) {
            let read = point(latitude, longitude);
            let digits = |degrees: f64| degrees.to_string().bytes().filter(u8::is_ascii_digit).count();
            prop_assert!(digits(read.latitude()).max(digits(read.longitude())) <= 10);
            prop_assert!((read.latitude() - latitude).abs() < 1e-7 && (read.longitude() - longitude).abs() < 1e-7);
            prop_assert_eq!(point(read.latitude(), read.longitude()), read);
            prop_assert_eq!(point(read.public().latitude(), read.public().longitude()), read.public());
        }

        /// What is shown does not tell one home from another: all of a cell look the same, from wherever.
        #[test]
        fn a_public_place_tells_the_cell_only(
            (latitude, longitude) in (-90f64..=90.0, -180f64..=180.0),
            (north, east) in (-0.02f64..0.02, -0.02f64..0.02),
        ) {
            let home = point(latitude, longitude);
            prop_assert!(home.distance(home.public()).0 < 2_000);
            prop_assert_eq!(home.public().public(), home.public());
            let neighbour = point((latitude + north).clamp(-90.0, 90.0), (longitude + east).clamp(-180.0, 180.0));
            let cell = |point: Point| LatLng::from(point).to_cell(PUBLIC_CELLS);
            prop_assert_eq!(cell(home) == cell(neighbour), home.public() == neighbour.public());
        }
    }
}
