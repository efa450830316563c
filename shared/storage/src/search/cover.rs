//! Which cells a circle touches.

use std::collections::{BTreeSet, VecDeque};

use domain::geo::{Point, Radius};
use h3o::{CellIndex, LatLng, Resolution};

/// 36 km² on average, 3.7 km from the middle to a corner.
pub(super) const CELLS: Resolution = Resolution::Six;
/// 49 cells each, so that a town lies in one to four, and one small item tells of them all.
const REGIONS: Resolution = Resolution::Four;

/// The cell of a place.
pub(super) fn cell(place: Point) -> CellIndex {
    LatLng::from(place).to_cell(CELLS)
}

/// The region that tells of a cell.
pub(super) fn region(cell: CellIndex) -> CellIndex {
    cell.parent(REGIONS).unwrap_or(cell)
}

pub(super) fn pk(cell: CellIndex) -> String {
    format!("CELL#{cell}")
}

pub(super) fn region_pk(region: CellIndex) -> String {
    format!("REGION#{region}")
}

/// Every cell that may hold somebody within the circle: those whose own circle touches it. They hang
/// together, so they are found from neighbour to neighbour, wherever on Earth.
pub(super) fn cells(near: Point, radius: Radius) -> Vec<CellIndex> {
    let middle = LatLng::from(near);
    let first = middle.to_cell(CELLS);
    let (mut seen, mut waiting) = (BTreeSet::from([first]), VecDeque::from([first]));
    let mut touched = Vec::new();
    while let Some(cell) = waiting.pop_front() {
        let centre = LatLng::from(cell);
        let corner = cell.boundary().iter().map(|corner| centre.distance_m(*corner)).fold(0.0, f64::max);
        // A hundredth for the sides, which are no great circles, and a metre for the rounding of distances.
        if cell != first && centre.distance_m(middle) > f64::from(radius.metres()) + corner * 1.01 + 1.0 {
            continue;
        }
        touched.push(cell);
        for neighbour in cell.grid_disk_safe(1) {
            if seen.insert(neighbour) {
                waiting.push_back(neighbour);
            }
        }
    }
    touched
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn count(latitude: f64, longitude: f64, metres: u32) -> usize {
        cells(Point::parse(latitude, longitude).unwrap(), Radius::parse(metres).unwrap()).len()
    }

    #[test]
    fn a_circle_touches_few_cells() {
        assert!((1..=4).contains(&count(53.74, -2.01, 1_000)));
        assert!((15..=31).contains(&count(53.74, -2.01, 10_000)));
        assert!((250..=400).contains(&count(53.74, -2.01, 50_000)));
        // At a pole and across the antimeridian as anywhere.
        assert!((15..=40).contains(&count(90.0, 0.0, 10_000)));
        assert!((15..=40).contains(&count(-17.0, 180.0, 10_000)));
    }

    /// The radius of the Earth by which H3 measures, in metres.
    const EARTH: f64 = 6_371_007.18;

    /// Where somebody comes who goes that far, along the great circle that begins in that direction.
    fn walk(from: Point, bearing: f64, metres: f64) -> Point {
        let (latitude, away) = (from.latitude().to_radians(), metres / EARTH);
        let north = (latitude.sin() * away.cos() + latitude.cos() * away.sin() * bearing.cos()).asin();
        let east = (bearing.sin() * away.sin() * latitude.cos())
            .atan2(away.cos() - latitude.sin() * north.sin())
            .to_degrees();
        let longitude = (from.longitude() + east + 540.0).rem_euclid(360.0) - 180.0;
        Point::parse(north.to_degrees(), longitude).unwrap()
    }

    proptest! {
        /// Also from a corner, where three cells meet and rounding decides which of them is the first.
        #[test]
        fn nobody_within_the_circle_lives_outside_its_cells(
            (latitude, longitude) in (-90f64..=90.0, -180f64..=180.0),
            corner in any::<prop::sample::Index>(),
            bearing in 0.0..TAU,
            metres in 1_000u32..=50_000,
            share in prop_oneof![0f64..=1.0, 0.999f64..=1.0],
        ) {
            let corners = cell(Point::parse(latitude, longitude).unwrap()).boundary();
            let corner = corner.get(&corners);
            let near = Point::parse(corner.lat(), corner.lng()).unwrap();
            let radius = Radius::parse(metres).unwrap();
            let home = walk(near, bearing, f64::from(metres) * share);
            prop_assume!(radius.reaches(near.distance(home)));
            prop_assert!(cells(near, radius).contains(&cell(home)));
        }
    }
}
