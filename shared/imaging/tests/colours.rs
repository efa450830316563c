//! Pictures with ICC profiles come out in sRGB.

#![allow(clippy::unwrap_used, reason = "a good picture which is refused fails its test")]

mod common;

use common::{profiles::*, *};
use imaging::{Format, Limits, Size, variants};

/// The chart's colours in the full size, from the middle of each patch.
fn seen(source: &[u8], format: Format) -> Vec<[u8; 3]> {
    let made = variants(source, &Limits::default(), &[format]).unwrap();
    let full = made.into_iter().find(|variant| variant.size == Size::Full).unwrap();
    let image = pixels(&full.bytes);
    let middles = (0..ACROSS * DOWN).map(|n| (n % ACROSS, n / ACROSS));
    middles.map(|(x, y)| pixel(&image, x * PATCH + PATCH / 2, y * PATCH + PATCH / 2)).collect()
}

fn mean(left: &[[u8; 3]], right: &[[u8; 3]]) -> f64 {
    let differences = left.as_flattened().iter().zip(right.as_flattened()).map(|(a, b)| a.abs_diff(*b));
    differences.map(f64::from).sum::<f64>() / (3 * left.len()) as f64
}

/// What sharp 0.35.5 makes of [`COLOURS`] with that profile, as recorded by `scripts/bench_media/colours.py`.
fn reference(profile: Profile) -> [[u8; 3]; 24] {
    match profile {
        Profile::DisplayP3 => DISPLAY_P3,
        Profile::AdobeRgb => ADOBE_RGB,
        Profile::Linear => LINEAR,
        Profile::Grey => GREY,
    }
}

#[test]
fn profiles_are_applied_as_sharp_applies_them() {
    for profile in PROFILES {
        let wanted = reference(profile);
        for (kind, source) in charts(profile) {
            for format in [Format::Jpeg, Format::Webp] {
                let found = seen(&source, format);
                let difference = mean(&found, &wanted);
                assert!(difference <= 3.0, "{} {kind}: {difference:.2} of 255: {found:?}", profile.name());
            }
        }
        let stored = if profile == Profile::Grey { COLOURS.map(|[_, grey, _]| [grey; 3]) } else { COLOURS };
        assert!(mean(&stored, &wanted) > 3.0, "{} changes nothing", profile.name());
    }
}

/// The profile is ignored: the picture is the same as with none.
fn is_ignored(profile: &[u8], grey: bool) {
    let ignored = charts_with(profile, grey);
    for ((kind, source), (_, plain)) in ignored.iter().zip(charts_with(b"", grey)) {
        assert_eq!(seen(source, Format::Jpeg), seen(&plain, Format::Jpeg), "{kind}");
    }
}

#[test]
fn profiles_that_cannot_be_used_are_ignored() {
    let p3 = Profile::DisplayP3.bytes();
    is_ignored(b"not a profile", false);
    is_ignored(&p3[..p3.len() / 2], false);
    is_ignored(&[0; 4096], false);
    // Of another colour model than the picture.
    is_ignored(&Profile::Grey.bytes(), false);
    is_ignored(&p3, true);
    // A mebibyte and a byte.
    let mut long = p3;
    long.resize((1 << 20) + 1, 0);
    let (width, height, rgb) = chart();
    let plain = seen(&png(&rgb, width, height), Format::Jpeg);
    for source in [
        png_with_profile(&rgb, width, height, ::png::ColorType::Rgb, &long),
        webp_with_profile(&webp(&rgb, width, height, true), width, height, &long),
    ] {
        assert_eq!(seen(&source, Format::Jpeg), plain);
    }
}

#[test]
fn incomplete_profiles_of_jpegs_are_ignored() {
    let (width, height, rgb) = chart();
    let p3 = Profile::DisplayP3.bytes();
    let plain = seen(&jpeg(&rgb, width, height), Format::Jpeg);
    let segment = |number: u8, of: u8, part: &[u8]| [&b"ICC_PROFILE\0"[..], &[number, of], part].concat();
    let (first, second) = p3.split_at(100);
    let whole = [segment(1, 2, first), segment(2, 2, second)];
    let applied = |segments: &[Vec<u8>]| {
        let segments: Vec<(u8, &[u8])> = segments.iter().map(|content| (2, &content[..])).collect();
        let options = JpegOptions { segments: &segments, ..JpegOptions::default() };
        mean(&seen(&jpeg_with(&rgb, width, height, &options), Format::Jpeg), &plain) > 1.0
    };
    let [first, second] = whole;
    assert!(applied(&[first.clone(), second.clone()]));
    assert!(applied(&[second.clone(), first.clone()]), "their numbers count, not their order");
    for broken in [
        vec![first.clone()],
        vec![second.clone()],
        vec![first.clone(), first.clone()],
        vec![first.clone(), second.clone(), second.clone()],
        vec![first.clone(), segment(2, 3, b"")],
        vec![segment(0, 0, &p3)],
        vec![segment(1, 0, &p3)],
        vec![b"ICC_PROFILE\0".to_vec()],
        vec![first; 300],
    ] {
        assert!(!applied(&broken), "{} segments", broken.len());
    }
}

#[test]
fn damaged_profiles_are_never_a_failure() {
    let (width, height) = (40, 30);
    let simple = webp(&texture(width, height), width, height, true);
    let mut seed = 1_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for profile in PROFILES {
        let good = profile.bytes();
        for _ in 0..500 {
            let mut bytes = good.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = [0, 1, 0x7F, 0x80, 0xFF, random(256) as u8][random(6)];
            }
            let source = webp_with_profile(&simple, width, height, &bytes);
            assert_eq!(variants(&source, &Limits::default(), &[Format::Jpeg]).unwrap().len(), 3);
        }
    }
}

const DISPLAY_P3: [[u8; 3]; 24] = [
    [0, 0, 0],
    [51, 51, 51],
    [102, 102, 102],
    [153, 153, 153],
    [204, 204, 204],
    [255, 255, 255],
    [121, 80, 65],
    [202, 148, 127],
    [235, 169, 146],
    [92, 123, 160],
    [81, 109, 62],
    [134, 128, 181],
    [239, 35, 36],
    [0, 183, 57],
    [44, 71, 208],
    [236, 199, 0],
    [205, 70, 153],
    [0, 132, 163],
    [174, 21, 32],
    [0, 122, 22],
    [40, 40, 135],
    [235, 113, 0],
    [129, 56, 134],
    [139, 191, 10],
];

const ADOBE_RGB: [[u8; 3]; 24] = [
    [0, 0, 0],
    [48, 48, 48],
    [102, 102, 102],
    [154, 154, 154],
    [205, 205, 205],
    [255, 255, 255],
    [126, 81, 65],
    [210, 151, 130],
    [243, 174, 150],
    [86, 123, 160],
    [75, 108, 62],
    [136, 129, 180],
    [254, 57, 46],
    [0, 181, 64],
    [34, 68, 205],
    [241, 201, 0],
    [218, 79, 154],
    [0, 131, 163],
    [187, 35, 35],
    [0, 121, 25],
    [35, 35, 133],
    [248, 121, 25],
    [137, 57, 133],
    [131, 191, 40],
];

const LINEAR: [[u8; 3]; 24] = [
    [0, 0, 0],
    [124, 124, 124],
    [170, 170, 170],
    [203, 203, 203],
    [231, 231, 231],
    [255, 255, 255],
    [179, 154, 141],
    [226, 202, 189],
    [241, 214, 202],
    [167, 184, 206],
    [158, 174, 140],
    [191, 188, 217],
    [239, 133, 122],
    [133, 219, 148],
    [122, 143, 229],
    [244, 229, 110],
    [224, 152, 202],
    [96, 189, 208],
    [208, 110, 110],
    [110, 182, 110],
    [110, 110, 189],
    [239, 182, 110],
    [182, 133, 189],
    [202, 224, 133],
];

const GREY: [[u8; 3]; 24] = [
    [0, 0, 0],
    [66, 66, 66],
    [121, 121, 121],
    [169, 169, 169],
    [214, 214, 214],
    [255, 255, 255],
    [101, 101, 101],
    [167, 167, 167],
    [186, 186, 186],
    [141, 141, 141],
    [127, 127, 127],
    [146, 146, 146],
    [77, 77, 77],
    [193, 193, 193],
    [88, 88, 88],
    [210, 210, 210],
    [99, 99, 99],
    [148, 148, 148],
    [53, 53, 53],
    [139, 139, 139],
    [53, 53, 53],
    [139, 139, 139],
    [77, 77, 77],
    [202, 202, 202],
];
