//! JPEGs that are not quite as specified. Browsers show them whole, and so does
//! this crate; what lacks pixels stays refused. All are made from good files.

mod common;

use common::*;
use imaging::{Format, Limits, Rejection, Variant, variants};

fn make(bytes: &[u8]) -> Result<Vec<Variant>, Rejection> {
    variants(bytes, &Limits::default(), &[Format::Jpeg])
}

const SIZE: (u32, u32) = (200, 150);

fn specimen(progressive: bool, restart: u16) -> Vec<u8> {
    let options = JpegOptions { progressive, restart, ..JpegOptions::default() };
    jpeg_with(&texture(SIZE.0, SIZE.1), SIZE.0, SIZE.1, &options)
}

/// Renders exactly as the good file does.
fn is_the_same(odd: &[u8], good: &[u8]) {
    assert_ne!(odd, good, "it is not odd");
    assert_eq!(make(odd).expect("a picture"), make(good).expect("a picture"));
}

/// Where a marker is.
fn markers(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<usize> {
    let pairs = bytes.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[0] == 0xFF && wanted(pair[1])).map(|(at, _)| at).collect()
}

fn is_restart(kind: u8) -> bool {
    (0xD0..=0xD7).contains(&kind)
}

const SOS: u8 = 0xDA;

/// A scan's header in a file of three components: where its Ss, Se and AhAl are.
fn spectral_selection(bytes: &[u8]) -> std::ops::Range<usize> {
    let start = markers(bytes, |kind| kind == SOS)[0];
    let components = usize::from(bytes[start + 4]);
    let at = start + 5 + 2 * components;
    at..at + 3
}

#[test]
fn samsung_writes_zeros_into_the_header_of_a_sequential_scan() {
    let good = specimen(false, 0);
    for odd in [[0, 0, 0], [0, 0, 0x10], [5, 63, 0]] {
        let mut file = good.clone();
        let place = spectral_selection(&file);
        assert_eq!(file[place.clone()], [0, 63, 0]);
        file[place].copy_from_slice(&odd);
        is_the_same(&file, &good);
    }
}

#[test]
fn restart_markers_may_be_numbered_wrongly() {
    let progressive = specimen(true, 7);
    for good in [specimen(false, 3), progressive] {
        let places = markers(&good, is_restart);
        assert!(places.len() > 20);
        let numberings: [fn(usize) -> u8; 4] = [
            |_| 0,
            |index| ((index + 1) % 8) as u8,
            |index| if index == 9 { 7 } else { (index % 8) as u8 },
            |index| (7 - index % 8) as u8,
        ];
        for number in numberings {
            let mut file = good.clone();
            for (index, &at) in places.iter().enumerate() {
                file[at + 1] = 0xD0 + number(index);
            }
            is_the_same(&file, &good);
        }
    }
}

#[test]
fn bytes_before_markers_are_skipped() {
    let sequential = specimen(false, 3);
    let mut file = sequential.clone();
    for at in markers(&sequential, is_restart).into_iter().rev() {
        file.splice(at..at, [0x12, 0x34, 0x56]);
    }
    is_the_same(&file, &sequential);

    // Fill bytes in front of a marker are allowed.
    let mut file = sequential.clone();
    for at in markers(&sequential, is_restart).into_iter().rev() {
        file.splice(at..at, [0xFF, 0xFF]);
    }
    is_the_same(&file, &sequential);

    let progressive = specimen(true, 0);
    let mut file = progressive.clone();
    for at in markers(&progressive, |kind| kind == SOS || kind == 0xD9).into_iter().rev() {
        file.splice(at..at, [0x12, 0x34, 0x56]);
    }
    is_the_same(&file, &progressive);
}

#[test]
fn scans_may_come_in_an_unusual_order() {
    let good = specimen(true, 0);
    let scans = markers(&good, |kind| kind == SOS);
    let end = good.len() - 2;
    assert!(scans.len() > 2);
    // That of the lowest frequencies last, as no encoder should write it.
    let file = [&good[..scans[0]], &good[scans[1]..end], &good[scans[0]..scans[1]], &good[end..]].concat();
    is_the_same(&file, &good);
}

#[test]
fn unknown_revisions_and_transforms_are_no_damage() {
    let good = specimen(false, 0);
    let at = good.windows(5).position(|bytes| bytes == b"JFIF\0").unwrap();
    let mut file = good.clone();
    file[at + 5] = 2;
    is_the_same(&file, &good);

    // Adobe's transform of four colours in a file of three, without JFIF's segment before it.
    let without = [&good[..2], &good[at + 14..]].concat();
    let adobe = b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\x02";
    let file = [&without[..2], adobe, &without[2..]].concat();
    is_the_same(&file, &good);
}

#[test]
fn a_missing_interval_is_damage() {
    let good = specimen(false, 3);
    let places = markers(&good, is_restart);
    for index in [0, 5, places.len() - 2] {
        let file = [&good[..places[index]], &good[places[index + 1]..]].concat();
        assert_eq!(make(&file), Err(Rejection::Corrupt), "{index}");
    }
    let last = *places.last().unwrap();
    let file = [&good[..last], b"\xFF\xD9"].concat();
    assert_eq!(make(&file), Err(Rejection::Corrupt));
}

#[test]
fn restarts_that_no_interval_announces_are_damage() {
    let mut file = specimen(false, 3);
    let at = markers(&file, |kind| kind == 0xDD)[0];
    file[at + 4..at + 6].fill(0);
    assert_eq!(make(&file), Err(Rejection::Corrupt));
}

#[test]
fn a_code_that_does_not_exist_is_damage() {
    let mut file = specimen(false, 0);
    let start = spectral_selection(&file).end;
    // All ones is no code of any table.
    let end = file.len() - 2;
    for pair in file[start + 40..end - 40].chunks_exact_mut(2) {
        pair.copy_from_slice(&[0xFF, 0]);
    }
    assert_eq!(make(&file), Err(Rejection::Corrupt));
}
