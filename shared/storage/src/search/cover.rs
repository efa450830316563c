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
}
