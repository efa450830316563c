//! PNG, row by row.

use std::io::Cursor;

use ::png::{ColorType, Decoder, Limits as DecoderLimits, Transformations};

use crate::colour::{self, Channels, MAX_PROFILE};
use crate::exif::Orientation;
use crate::frame::{Layout, Shrinker};
use crate::{Limits, Picture, Rejection};

/// Signature, then IHDR's length and name, then width and height.
const WIDTH_AT: usize = 16;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Rejection> {
    let &[w3, w2, w1, w0, h3, h2, h1, h0] =
        bytes.get(WIDTH_AT..).and_then(<[u8]>::first_chunk).ok_or(Rejection::Corrupt)?;
    let width = u32::from_be_bytes([w3, w2, w1, w0]);
    let height = u32::from_be_bytes([h3, h2, h1, h0]);
    limits.check_dimensions(width, height)?;

    // A chunk cannot be longer than the file; what the allowance really stops
    // is compressed chunks, and those are skipped besides.
    let allowance = DecoderLimits { bytes: limits.max_bytes };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), allowance);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|_| Rejection::Corrupt)?;

    let info = reader.info();
    if (info.width, info.height) != (width, height) {
        return Err(Rejection::Corrupt);
    }
    let interlaced = info.interlaced;
    let orientation = info.exif_metadata.as_deref().map(Orientation::from_block).unwrap_or_default();
    let layout = match reader.output_color_type().0 {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(Rejection::Corrupt),
    };

    let mut shrinker = Shrinker::new(width, height, layout);
    if interlaced {
        let size = reader.output_buffer_size().ok_or(Rejection::Corrupt)?;
        limits.check_memory(size as u64)?;
        let mut whole = vec![0; size];
        reader.next_frame(&mut whole).map_err(|_| Rejection::Corrupt)?;
        for row in whole.chunks_exact(width as usize * layout.bytes_per_pixel()) {
            shrinker.push_row(row);
        }
    } else {
        for _ in 0..height {
            let row = reader.next_row().map_err(|_| Rejection::Corrupt)?;
            shrinker.push_row(row.ok_or(Rejection::Corrupt)?.data());
        }
    }
    // Reads up to IEND, so a file cut behind its last pixel is noticed as well.
    reader.finish().map_err(|_| Rejection::Corrupt)?;
    let mut frame = shrinker.finish().ok_or(Rejection::Corrupt)?;
    if let Some(profile) = profile(bytes) {
        let channels = match layout {
            Layout::Gray | Layout::GrayAlpha => Channels::Gray,
            Layout::Rgb | Layout::Rgba => Channels::Rgb,
        };
        colour::to_srgb(&mut frame, &profile, channels);
    }
    Ok(Picture { frame, width, height, orientation })
}

/// Signature of every PNG.
const SIGNATURE: usize = 8;
/// Length and name before a chunk's content, checksum after it.
const CHUNK_OVERHEAD: usize = 12;

/// The ICC profile, inflated up to the longest that is read. The decoder is not
/// asked for it, because it would spend its allowance on one that is too long.
fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut at = SIGNATURE;
    loop {
        let &[l3, l2, l1, l0, ref name @ ..] = bytes.get(at..)?.first_chunk::<8>()?;
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        match name {
            b"iCCP" => {
                let content = bytes.get(at + 8..)?.get(..length)?;
                // A name, a zero, and the method, of which there is one.
                let end = memchr::memchr(0, content)?;
                let &[0, ref deflated @ ..] = content.get(end + 1..)? else { return None };
                return fdeflate::decompress_to_vec_bounded(deflated, MAX_PROFILE).ok();
            }
            // A profile behind the pixels is not valid.
            b"IDAT" => return None,
            _ => at = at.checked_add(length)?.checked_add(CHUNK_OVERHEAD)?,
        }
    }
}
