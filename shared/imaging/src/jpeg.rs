//! JPEG: a walk over the file's segments, then libjpeg's scaled decoding.
//!
//! The walk finds what must be known before decoding (size, memory, number of
//! scans, orientation) and that the file has its end.

use std::io::{self, BufRead, Read};
use std::panic;
use std::ptr;

use mozjpeg::{ColorSpace, Decompress};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use crate::exif::Orientation;
use crate::frame::Frame;
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
    pub(super) const APP14: u8 = 0xEE;
    pub(super) const SOF_JPEG_LS: u8 = 0xF7;
    pub(super) const TEM: u8 = 0x01;
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Rejection> {
    let header = Header::read(bytes, limits)?;
    let (width, height, orientation) = (header.shape.width, header.shape.height, header.orientation);
    let frame =
        panic::catch_unwind(|| decompress(header)).ok().and_then(Result::ok).ok_or(Rejection::Corrupt)?;
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
    parts: Vec<&'a [u8]>,
    shape: Shape,
    orientation: Orientation,
    /// Adobe's writers store CMYK inverted, and mark the file.
    adobe: bool,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Rejection> {
        let mut parts = vec![&[0xFF, marker::SOI][..]];
        let mut shape: Option<Shape> = None;
        let mut orientation = None;
        let mut adobe = false;
        let mut scans = 0;
        let mut at = parts[0].len();
        loop {
            let kind = next_marker(bytes, &mut at).ok_or(Rejection::Corrupt)?;
            let start = at - 2;
            match kind {
                marker::EOI => {
                    parts.push(&bytes[start..at]);
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
                    skip_entropy_coded(bytes, &mut at);
                    true
                }
                // These two say how colours are stored, if they are as specified.
                marker::APP0 => segment.starts_with(b"JFIF\0\x01"),
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
                _ => false,
            };
            if wanted {
                parts.push(&bytes[start..at]);
            }
        }
        if scans == 0 {
            return Err(Rejection::Corrupt);
        }
        Ok(Self {
            parts,
            shape: shape.ok_or(Rejection::Corrupt)?,
            orientation: orientation.unwrap_or_default(),
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

/// Gives libjpeg the parts of a file it needs, and nothing else: less for
/// attackers to aim at, and cameras' oddities in between cause no warnings.
struct Parts<'a> {
    current: &'a [u8],
    rest: std::vec::IntoIter<&'a [u8]>,
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
        while self.current.is_empty() {
            let Some(next) = self.rest.next() else { break };
            self.current = next;
        }
        Ok(self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current = &self.current[count..];
    }
}

/// Unwinds out of libjpeg if it finds the data damaged.
fn decompress(header: Header<'_>) -> io::Result<Frame> {
    let scale = header.scale();
    let Header { parts, shape, adobe, .. } = header;
    let parts = Parts { current: &[], rest: parts.into_iter() };
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

/// An error manager for which damaged data is an error, where libjpeg's own
/// would warn and fill the rest with grey.
fn strict_errors() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(fail),
        emit_message: Some(fail_on_damage),
        output_message: Some(ignore),
        format_message: Some(format_nothing),
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

/// Leaves libjpeg without calling the panic hook: a bad file is no bug.
#[cold]
extern "C-unwind" fn fail(_: &mut jpeg_common_struct) {
    panic::resume_unwind(Box::new(Rejection::Corrupt));
}

/// libjpeg's level for warnings; traces have higher ones.
const WARNING: i32 = -1;

extern "C-unwind" fn fail_on_damage(decoder: &mut jpeg_common_struct, level: i32) {
    if level == WARNING {
        fail(decoder);
    }
}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

extern "C-unwind" fn format_nothing(_: &mut jpeg_common_struct, _: &[u8; 80]) {}
