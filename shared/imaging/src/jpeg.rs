//! JPEG: a walk over the file's segments, then libjpeg's scaled decoding.
//!
//! The walk finds what must be known before decoding (size, memory, number of
//! scans, orientation) and that the file has its end.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::panic;

use mozjpeg::{ColorSpace, Decompress};

use crate::colour::{self, Channels, MAX_PROFILE};
use crate::exif::Orientation;
use crate::frame::Frame;
use crate::jpeg_warnings::strict_errors;
use crate::{Limits, Picture, Rejection, is_enough};

/// Encoders write about ten scans, the most elaborate scripts some dozens. Each
/// one costs a pass over all blocks however few bytes it has, so thousands of
/// empty ones would keep the decoder busy for minutes.
const MAX_SCANS: u32 = 64;

/// libjpeg scales by eighths.
const SCALE_DENOMINATOR: u8 = 8;

mod marker {
    pub(super) const SOF_BASELINE: u8 = 0xC0;
    pub(super) const SOF_EXTENDED: u8 = 0xC1;
    pub(super) const SOF_PROGRESSIVE: u8 = 0xC2;
    pub(super) const DHT: u8 = 0xC4;
    pub(super) const JPG: u8 = 0xC8;
    pub(super) const DAC: u8 = 0xCC;
    pub(super) const SOF_LAST: u8 = 0xCF;
    pub(super) const RST_FIRST: u8 = 0xD0;
    pub(super) const RST_LAST: u8 = 0xD7;
    pub(super) const SOI: u8 = 0xD8;
    pub(super) const EOI: u8 = 0xD9;
    pub(super) const SOS: u8 = 0xDA;
    pub(super) const DQT: u8 = 0xDB;
    pub(super) const DRI: u8 = 0xDD;
    pub(super) const APP0: u8 = 0xE0;
    pub(super) const APP1: u8 = 0xE1;
    pub(super) const APP2: u8 = 0xE2;
    pub(super) const APP14: u8 = 0xEE;
    pub(super) const SOF_JPEG_LS: u8 = 0xF7;
    pub(super) const TEM: u8 = 0x01;
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Rejection> {
    let header = Header::read(bytes, limits)?;
    let (width, height, orientation) = (header.shape.width, header.shape.height, header.orientation);
    let (profile, components) = (profile(&header.profile), header.shape.components);
    let mut frame =
        panic::catch_unwind(|| decompress(header)).ok().and_then(Result::ok).ok_or(Rejection::Corrupt)?;
    match (profile, components) {
        (Some(profile), 1) => colour::to_srgb(&mut frame, &profile, Channels::Gray),
        (Some(profile), 3) => colour::to_srgb(&mut frame, &profile, Channels::Rgb),
        // CMYK has been converted by the plain formula already.
        _ => {}
    }
    Ok(Picture { frame, width, height, orientation })
}

/// What the frame header (SOF) says.
struct Shape {
    width: u32,
    height: u32,
    components: u8,
    progressive: bool,
    /// Bytes all coefficients take, which are held whole if there are several
    /// scans.
    coefficients: u64,
}

impl Shape {
    fn read(kind: u8, segment: &[u8], limits: &Limits) -> Result<Self, Rejection> {
        let progressive = match kind {
            marker::SOF_BASELINE | marker::SOF_EXTENDED => false,
            marker::SOF_PROGRESSIVE => true,
            // Lossless, hierarchical, arithmetic: none of them seen in photos.
            _ => return Err(Rejection::UnsupportedType),
        };
        let &[precision, h1, h0, w1, w0, components, ref specs @ ..] = segment else {
            return Err(Rejection::Corrupt);
        };
        if precision != 8 || ![1, 3, 4].contains(&components) {
            return Err(Rejection::UnsupportedType);
        }
        if specs.len() != 3 * usize::from(components) {
            return Err(Rejection::Corrupt);
        }
        let width = u32::from(u16::from_be_bytes([w1, w0]));
        let height = u32::from(u16::from_be_bytes([h1, h0]));
        limits.check_dimensions(width, height)?;

        let factors = specs.chunks_exact(3).map(|spec| (spec[1] >> 4, spec[1] & 0xF));
        if factors.clone().any(|(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
            return Err(Rejection::Corrupt);
        }
        let area = |(h, v): (u8, u8)| u64::from(h) * u64::from(v);
        let largest = u64::from(factors.clone().map(|(h, _)| h).max().unwrap_or(1))
            * u64::from(factors.clone().map(|(_, v)| v).max().unwrap_or(1));
        let samples = u64::from(width) * u64::from(height) * factors.map(area).sum::<u64>();
        Ok(Self { width, height, components, progressive, coefficients: 2 * samples / largest })
    }
}

struct Header<'a> {
    /// The file without metadata, stray bytes, and what cameras append to it
    /// (previews, video).
    parts: Vec<Cow<'a, [u8]>>,
    shape: Shape,
    orientation: Orientation,
    /// The segments of an ICC profile, in the order of the file.
    profile: Vec<ProfileSegment<'a>>,
    /// Adobe's writers store CMYK inverted, and mark the file.
    adobe: bool,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Rejection> {
        let mut parts: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(&[0xFF, marker::SOI])];
        let mut shape: Option<Shape> = None;
        let mut orientation = None;
        let mut profile = Vec::new();
        let mut adobe = false;
        let mut scans = 0;
        let mut at = parts[0].len();
        loop {
            let kind = next_marker(bytes, &mut at).ok_or(Rejection::Corrupt)?;
            let start = at - 2;
            match kind {
                marker::EOI => {
                    parts.push(bytes[start..at].into());
                    break;
                }
                marker::SOI => return Err(Rejection::Corrupt),
                marker::TEM | marker::RST_FIRST..=marker::RST_LAST => continue,
                marker::SOF_JPEG_LS => return Err(Rejection::UnsupportedType),
                _ => {}
            }
            let segment = segment(bytes, &mut at).ok_or(Rejection::Corrupt)?;
            let wanted = match kind {
                marker::DHT | marker::DQT | marker::DRI => true,
                marker::JPG | marker::DAC => false,
                marker::SOF_BASELINE..=marker::SOF_LAST => {
                    if shape.is_some() {
                        return Err(Rejection::Corrupt);
                    }
                    shape = Some(Shape::read(kind, segment, limits)?);
                    true
                }
                marker::SOS => {
                    let shape = shape.as_ref().ok_or(Rejection::Corrupt)?;
                    let &[in_scan, ..] = segment else {
                        return Err(Rejection::Corrupt);
                    };
                    if shape.progressive || in_scan < shape.components {
                        limits.check_memory(shape.coefficients)?;
                    }
                    scans += 1;
                    if scans > MAX_SCANS {
                        return Err(Rejection::UnsupportedType);
                    }
                    let data = at;
                    skip_entropy_coded(bytes, &mut at);
                    parts.push(bytes[start..data].into());
                    parts.push(renumbered(&bytes[data..at]));
                    false
                }
                // These two say how colours are stored, if they are as specified.
                marker::APP0 => segment.starts_with(b"JFIF\0"),
                marker::APP14 => {
                    let known =
                        segment.starts_with(b"Adobe") && segment.get(11).is_some_and(|&code| code <= 2);
                    adobe |= known;
                    known
                }
                marker::APP1 if segment.starts_with(b"Exif\0\0") => {
                    orientation.get_or_insert_with(|| Orientation::from_block(segment));
                    false
                }
                marker::APP2 => {
                    profile.extend(ProfileSegment::read(segment).filter(|_| profile.len() <= MAX_SEGMENTS));
                    false
                }
                _ => false,
            };
            if wanted {
                parts.push(bytes[start..at].into());
            }
        }
        if scans == 0 {
            return Err(Rejection::Corrupt);
        }
        Ok(Self {
            parts,
            shape: shape.ok_or(Rejection::Corrupt)?,
            orientation: orientation.unwrap_or_default(),
            profile,
            adobe,
        })
    }

    /// The fewest eighths of the size which are still enough.
    fn scale(&self) -> u8 {
        (1..SCALE_DENOMINATOR)
            .find(|&eighths| {
                is_enough(self.shape.width, self.shape.height, eighths.into(), SCALE_DENOMINATOR.into())
            })
            .unwrap_or(SCALE_DENOMINATOR)
    }
}

/// Moves `at` behind the next marker and returns its kind. Stray bytes in front
/// of it are skipped, as libjpeg does, because some cameras leave them.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += memchr::memchr(0xFF, bytes.get(*at..)?)?;
        while *bytes.get(*at)? == 0xFF {
            *at += 1;
        }
        let kind = bytes[*at];
        *at += 1;
        if kind != 0 {
            return Some(kind);
        }
    }
}

/// Moves `at` behind a segment and returns its content.
fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_be_bytes(*bytes.get(*at..)?.first_chunk()?));
    let content = bytes.get(*at + 2..*at + length)?;
    *at += length;
    Some(content)
}

/// Moves `at` to the marker which ends entropy-coded data, or to the end.
fn skip_entropy_coded(bytes: &[u8], at: &mut usize) {
    while let Some(offset) = memchr::memchr(0xFF, &bytes[*at..]) {
        *at += offset;
        match bytes.get(*at + 1) {
            Some(0 | marker::RST_FIRST..=marker::RST_LAST) => *at += 2,
            Some(0xFF) => *at += 1,
            _ => return,
        }
    }
    *at = bytes.len();
}

/// Entropy-coded data whose restart markers count from 0 to 7 and start again.
///
/// Some cameras number them wrongly. libjpeg then drops intact intervals or
/// fills them with grey. Markers that are missing are still noticed, because
/// the data has fewer intervals than the picture. Copies only data with a wrong
/// number.
fn renumbered(data: &[u8]) -> Cow<'_, [u8]> {
    let mut corrected = Cow::Borrowed(data);
    let mut number = marker::RST_FIRST;
    for kind in memchr::memchr_iter(0xFF, data).map(|at| at + 1) {
        let Some(&found @ marker::RST_FIRST..=marker::RST_LAST) = data.get(kind) else { continue };
        if found != number {
            corrected.to_mut()[kind] = number;
        }
        number = if number == marker::RST_LAST { marker::RST_FIRST } else { number + 1 };
    }
    corrected
}

/// A segment numbers itself in one byte.
const MAX_SEGMENTS: usize = 255;

/// A part of an ICC profile.
struct ProfileSegment<'a> {
    number: u8,
    of: u8,
    content: &'a [u8],
}

impl<'a> ProfileSegment<'a> {
    fn read(segment: &'a [u8]) -> Option<Self> {
        let &[number, of, ref content @ ..] = segment.strip_prefix(b"ICC_PROFILE\0")? else { return None };
        Some(Self { number, of, content })
    }
}

/// The profile, if every segment is there once and the whole is not too long.
fn profile(segments: &[ProfileSegment<'_>]) -> Option<Vec<u8>> {
    let count = segments.first()?.of;
    let length: usize = segments.iter().map(|segment| segment.content.len()).sum();
    if segments.len() != usize::from(count) || length > MAX_PROFILE {
        return None;
    }
    let mut profile = Vec::with_capacity(length);
    for number in 1..=count {
        let segment = segments.iter().find(|segment| segment.number == number && segment.of == count)?;
        profile.extend_from_slice(segment.content);
    }
    Some(profile)
}

/// Gives libjpeg the parts of a file it needs, and nothing else: less for
/// attackers to aim at, and cameras' oddities in between cause no warnings.
struct Parts<'a> {
    current: Cow<'a, [u8]>,
    consumed: usize,
    rest: std::vec::IntoIter<Cow<'a, [u8]>>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Parts<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.consumed == self.current.len() {
            let Some(next) = self.rest.next() else { break };
            self.current = next;
            self.consumed = 0;
        }
        Ok(&self.current[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}

/// Unwinds out of libjpeg if it finds the data damaged.
fn decompress(header: Header<'_>) -> io::Result<Frame> {
    let scale = header.scale();
    let Header { parts, shape, adobe, .. } = header;
    let parts = Parts { current: Cow::default(), consumed: 0, rest: parts.into_iter() };
    let mut decoder = Decompress::builder().with_err(strict_errors()).from_reader(parts)?;
    if decoder.size() != (shape.width as usize, shape.height as usize) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    decoder.scale(scale);
    let cmyk = shape.components == 4;
    let color_space = if cmyk { ColorSpace::JCS_CMYK } else { ColorSpace::JCS_RGB };
    let mut started = decoder.to_colorspace(color_space)?;
    let (width, height) = (started.width() as u32, started.height() as u32);
    // Not followed by `finish`: all pixels are there, the walk has seen the end,
    // and the padding some cameras leave before it is no damage.
    let mut pixels: Vec<u8> = started.read_scanlines()?;
    if cmyk {
        cmyk_to_rgb(&mut pixels, adobe);
    }
    Ok(Frame { width, height, rgb: pixels })
}

/// Converts in place.
fn cmyk_to_rgb(pixels: &mut Vec<u8>, inverted: bool) {
    let count = pixels.len() / 4;
    let light = |ink: u8| u32::from(if inverted { ink } else { 255 - ink });
    for index in 0..count {
        let black = light(pixels[4 * index + 3]);
        for channel in 0..3 {
            let value = light(pixels[4 * index + channel]) * black;
            pixels[3 * index + channel] = ((value + 127) / 255) as u8;
        }
    }
    pixels.truncate(3 * count);
}
