//! ICC profiles made in code, and pictures that carry them.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a fixture which cannot be made fails its test")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

/// A profile of a matrix and three equal curves, or of one curve for grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    DisplayP3,
    AdobeRgb,
    /// sRGB's primaries with linear light.
    Linear,
    /// Grey of gamma 1.8.
    Grey,
}

pub const PROFILES: [Profile; 4] = [Profile::DisplayP3, Profile::AdobeRgb, Profile::Linear, Profile::Grey];

/// Red, green and blue as seen under D50.
type Primaries = [[f64; 3]; 3];

const P3: Primaries =
    [[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]];
const ADOBE: Primaries =
    [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]];
const SRGB: Primaries =
    [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]];
const D50: [f64; 3] = [0.96420, 1.0, 0.82491];

impl Profile {
    pub fn name(self) -> &'static str {
        match self {
            Self::DisplayP3 => "display-p3",
            Self::AdobeRgb => "adobe-rgb",
            Self::Linear => "linear",
            Self::Grey => "grey",
        }
    }

    /// The profile as it stands in files.
    pub fn bytes(self) -> Vec<u8> {
        let (primaries, curve) = match self {
            // sRGB's curve, as phones write it.
            Self::DisplayP3 => {
                let values = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];
                (Some(P3), [b"para\0\0\0\0\0\x03\0\0".to_vec(), values.map(fixed).concat()].concat())
            }
            Self::AdobeRgb => (Some(ADOBE), gamma(563)),
            Self::Linear => (Some(SRGB), b"curv\0\0\0\0\0\0\0\0".to_vec()),
            Self::Grey => (None, gamma(461)),
        };
        // Some readers do not find a profile of fewer bytes.
        let text = b"text\0\0\0\0Made by the tests of NannyRadar, for charts of 24 colours; not for anything else.\0";
        let mut tags = vec![(*b"cprt", text.to_vec()), (*b"wtpt", xyz(D50))];
        match primaries {
            Some([red, green, blue]) => {
                tags.extend([(*b"rXYZ", xyz(red)), (*b"gXYZ", xyz(green)), (*b"bXYZ", xyz(blue))]);
                tags.extend([*b"rTRC", *b"gTRC", *b"bTRC"].map(|name| (name, curve.clone())));
            }
            None => tags.push((*b"kTRC", curve)),
        }
        icc(if primaries.is_some() { b"RGB " } else { b"GRAY" }, &tags)
    }
}

/// A profile of a display with these tags.
pub fn icc(color_space: &[u8; 4], tags: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let mut content = Vec::new();
    let start = 128 + 4 + 12 * tags.len();
    for (name, tag) in tags {
        table.extend(name);
        table.extend(((start + content.len()) as u32).to_be_bytes());
        table.extend((tag.len() as u32).to_be_bytes());
        content.extend(tag);
        content.resize(content.len().next_multiple_of(4), 0);
    }
    let mut profile = ((start + content.len()) as u32).to_be_bytes().to_vec();
    profile.extend(b"\0\0\0\0\x04\0\0\0mntr");
    profile.extend(color_space);
    profile.extend(b"XYZ \x07\xEA\0\x01\0\x01\0\0\0\0\0\0acsp");
    profile.resize(68, 0);
    profile.extend(D50.map(fixed).concat());
    profile.resize(128, 0);
    [profile, table, content].concat()
}

fn fixed(value: f64) -> [u8; 4] {
    ((value * 65_536.0).round() as i32).to_be_bytes()
}

fn xyz(values: [f64; 3]) -> Vec<u8> {
    [b"XYZ \0\0\0\0".to_vec(), values.map(fixed).concat()].concat()
}

/// A curve that is an exponent, in 256ths.
fn gamma(exponent: u16) -> Vec<u8> {
    [&b"curv\0\0\0\0\0\0\0\x01"[..], &exponent.to_be_bytes(), &[0, 0]].concat()
}

/// The side of a patch of [`chart`], in pixels.
pub const PATCH: u32 = 80;
/// The patches of [`chart`], row by row.
pub const ACROSS: u32 = 6;
pub const DOWN: u32 = 4;

/// The colours of [`chart`]: greys, skin, and strong ones that other colour spaces have elsewhere.
pub const COLOURS: [[u8; 3]; 24] = [
    [0, 0, 0],
    [51, 51, 51],
    [102, 102, 102],
    [153, 153, 153],
    [204, 204, 204],
    [255, 255, 255],
    [115, 82, 68],
    [194, 150, 130],
    [225, 172, 150],
    [98, 122, 157],
    [87, 108, 67],
    [133, 128, 177],
    [220, 60, 50],
    [60, 180, 75],
    [50, 70, 200],
    [230, 200, 40],
    [190, 80, 150],
    [30, 130, 160],
    [160, 40, 40],
    [40, 120, 40],
    [40, 40, 130],
    [220, 120, 40],
    [120, 60, 130],
    [150, 190, 60],
];

/// Patches of [`COLOURS`].
pub fn chart() -> (u32, u32, Vec<u8>) {
    let (width, height) = (PATCH * ACROSS, PATCH * DOWN);
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            rgb.extend(COLOURS[(y / PATCH * ACROSS + x / PATCH) as usize]);
        }
    }
    (width, height, rgb)
}

/// The chart in grey, one byte a pixel.
pub fn grey_chart() -> (u32, u32, Vec<u8>) {
    let (width, height, rgb) = chart();
    (width, height, rgb.chunks(3).map(|pixel| pixel[1]).collect())
}

pub fn jpeg_with_profile(
    pixels: &[u8],
    width: u32,
    height: u32,
    color: ColorType,
    profile: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    // In two segments, as long ones are in more.
    let (first, second) = profile.split_at(profile.len() / 2);
    for (number, part) in [(1, first), (2, second)] {
        encoder.add_app_segment(2, [&b"ICC_PROFILE\0"[..], &[number, 2], part].concat()).unwrap();
    }
    encoder.encode(pixels, width as u16, height as u16, color).unwrap();
    bytes
}

pub fn png_with_profile(
    pixels: &[u8],
    width: u32,
    height: u32,
    color: png::ColorType,
    profile: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(width, height);
    (info.color_type, info.bit_depth) = (color, png::BitDepth::Eight);
    info.icc_profile = Some(profile.into());
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

pub fn webp_with_profile(simple: &[u8], width: u32, height: u32, profile: &[u8]) -> Vec<u8> {
    let mut header = vec![0x20, 0, 0, 0];
    header.extend(&(width - 1).to_le_bytes()[..3]);
    header.extend(&(height - 1).to_le_bytes()[..3]);
    let mut body = riff_chunk(b"VP8X", &header);
    body.extend(riff_chunk(b"ICCP", profile));
    body.extend(&simple[12..]);
    riff(&body)
}

/// The chart with a profile in every format that can carry it: the format's name and the file.
pub fn charts(profile: Profile) -> Vec<(&'static str, Vec<u8>)> {
    charts_with(&profile.bytes(), profile == Profile::Grey)
}

/// The same with any profile.
pub fn charts_with(profile: &[u8], grey: bool) -> Vec<(&'static str, Vec<u8>)> {
    if grey {
        let (width, height, pixels) = grey_chart();
        return vec![
            ("jpeg", jpeg_with_profile(&pixels, width, height, ColorType::Luma, profile)),
            ("png", png_with_profile(&pixels, width, height, png::ColorType::Grayscale, profile)),
        ];
    }
    let (width, height, pixels) = chart();
    vec![
        ("jpeg", jpeg_with_profile(&pixels, width, height, ColorType::Rgb, profile)),
        ("png", png_with_profile(&pixels, width, height, png::ColorType::Rgb, profile)),
        ("webp", webp_with_profile(&webp(&pixels, width, height, true), width, height, profile)),
    ]
}
