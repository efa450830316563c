//! Writing finished pictures.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use crate::frame::Frame;
use crate::{Format, Rejection};

/// Quality of both formats: above it files grow faster than they look better at
/// these sizes.
const QUALITY: u8 = 80;

pub(crate) fn encode(frame: &Frame, format: Format) -> Result<Vec<u8>, Rejection> {
    match format {
        Format::Jpeg => jpeg(frame),
        Format::Webp => webp(frame),
    }
}

// Neither encoder can fail on frames of these sizes written to memory; should
// one do so, the picture is one that cannot be handled.

fn jpeg(frame: &Frame) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(true);
    let side = |side: u32| u16::try_from(side).map_err(|_| Rejection::Corrupt);
    encoder
        .encode(&frame.rgb, side(frame.width)?, side(frame.height)?, ColorType::Rgb)
        .map_err(|_| Rejection::Corrupt)?;
    Ok(bytes)
}

fn webp(frame: &Frame) -> Result<Vec<u8>, Rejection> {
    ::webp::Encoder::from_rgb(&frame.rgb, frame.width, frame.height)
        .encode_simple(false, f32::from(QUALITY))
        .map(|memory| memory.to_vec())
        .map_err(|_| Rejection::Corrupt)
}
