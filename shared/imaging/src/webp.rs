//! WebP: a walk over the RIFF chunks, then the decoder.

use std::io::Cursor;

use image_webp::WebPDecoder;

use crate::colour::{self, Channels};
use crate::exif::Orientation;
use crate::frame::{Layout, Shrinker};
use crate::{Limits, Picture, Rejection};

/// `RIFF`, length, `WEBP`.
const RIFF_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
const ANIMATION_FLAG: u8 = 0x02;

// Bytes per pixel the decoder holds at its peak, output included.
/// Planes (1.5) and RGB.
const LOSSY_COST: u64 = 5;
/// Planes, RGBA, and the alpha plane by way of another RGBA.
const LOSSY_ALPHA_COST: u64 = 11;
/// RGBA, and RGB copied from it.
const LOSSLESS_COST: u64 = 8;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Rejection> {
    let header = Header::read(bytes, limits)?;
    let mut decoder = WebPDecoder::new(Cursor::new(header.data)).map_err(|_| Rejection::Corrupt)?;
    if decoder.dimensions() != (header.width, header.height) {
        return Err(Rejection::Corrupt);
    }
    let layout = if decoder.has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let size = decoder.output_buffer_size().ok_or(Rejection::Corrupt)?;
    let mut whole = vec![0; size];
    decoder.read_image(&mut whole).map_err(|_| Rejection::Corrupt)?;
    let mut shrinker = Shrinker::new(header.width, header.height, layout);
    for row in whole.chunks_exact(header.width as usize * layout.bytes_per_pixel()) {
        shrinker.push_row(row);
    }
    let mut frame = shrinker.finish().ok_or(Rejection::Corrupt)?;
    if let Some(profile) = header.profile {
        colour::to_srgb(&mut frame, profile, Channels::Rgb);
    }
    Ok(Picture { frame, width: header.width, height: header.height, orientation: header.orientation })
}

struct Header<'a> {
    /// The RIFF container, without what may follow it.
    data: &'a [u8],
    width: u32,
    height: u32,
    orientation: Orientation,
    /// An ICC profile.
    profile: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Rejection> {
        let length = bytes.get(4..).and_then(<[u8]>::first_chunk);
        let length = u32::from_le_bytes(*length.ok_or(Rejection::Corrupt)?) as usize;
        let end = length.saturating_add(CHUNK_HEADER);
        // The size is looked at first, so that a bomb cut short is still called
        // one.
        let mut canvas = None;
        let mut picture = None;
        let mut alpha = false;
        let mut orientation = None;
        let mut profile = None;
        let mut at = RIFF_HEADER;
        while at < bytes.len().min(end) {
            let header = bytes.get(at..).and_then(<[u8]>::first_chunk);
            let &[n0, n1, n2, n3, l0, l1, l2, l3] = header.ok_or(Rejection::Corrupt)?;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let rest = &bytes[at + CHUNK_HEADER..];
            let present = &rest[..rest.len().min(length)];
            let first = at == RIFF_HEADER;
            match &[n0, n1, n2, n3] {
                b"VP8X" if first => {
                    let size = canvas_size(present).ok_or(Rejection::Corrupt)?;
                    limits.check_dimensions(size.0, size.1)?;
                    if present[0] & ANIMATION_FLAG != 0 {
                        return Err(Rejection::UnsupportedType);
                    }
                    canvas = Some(size);
                }
                b"VP8 " if picture.is_none() => {
                    let size = lossy_size(present).ok_or(Rejection::Corrupt)?;
                    limits.check_dimensions(size.0, size.1)?;
                    picture = Some((size, LOSSY_COST));
                }
                b"VP8L" if picture.is_none() => {
                    let size = lossless_size(present).ok_or(Rejection::Corrupt)?;
                    limits.check_dimensions(size.0, size.1)?;
                    picture = Some((size, LOSSLESS_COST));
                }
                b"ALPH" => alpha = true,
                b"ICCP" => {
                    profile.get_or_insert(present);
                }
                b"EXIF" => {
                    orientation.get_or_insert_with(|| Orientation::from_block(present));
                }
                _ => {}
            }
            if present.len() < length {
                return Err(Rejection::Corrupt);
            }
            // Chunks are padded to even lengths.
            at += CHUNK_HEADER + length + length % 2;
        }
        let ((width, height), mut cost) = picture.ok_or(Rejection::Corrupt)?;
        if canvas.is_some_and(|canvas| canvas != (width, height)) {
            return Err(Rejection::Corrupt);
        }
        if alpha && cost == LOSSY_COST {
            cost = LOSSY_ALPHA_COST;
        }
        limits.check_memory(u64::from(width) * u64::from(height) * cost)?;
        Ok(Self {
            data: bytes.get(..end).ok_or(Rejection::Corrupt)?,
            width,
            height,
            orientation: orientation.unwrap_or_default(),
            profile,
        })
    }
}

/// From an extended header: flags, then sizes less one in three bytes each.
fn canvas_size(chunk: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, _, w0, w1, w2, h0, h1, h2] = chunk.first_chunk()?;
    Some((u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1))
}

/// From a VP8 key frame: a start code, then sizes of fourteen bits each.
fn lossy_size(chunk: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = chunk.first_chunk()? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

/// From a lossless header: sizes less one in fourteen bits each.
fn lossless_size(chunk: &[u8]) -> Option<(u32, u32)> {
    let &[0x2F, b0, b1, b2, b3] = chunk.first_chunk()? else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}
