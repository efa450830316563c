//! Embedded ICC profiles: converts a picture from its own colours to sRGB.
//!
//! A profile is a hint. If it is damaged, too long, of another colour model than
//! the picture or of a kind that is not supported, it is ignored and the colours
//! are taken as sRGB.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions};

use crate::frame::Frame;

/// Longest profile that is read, in bytes. Cameras, phones and working spaces
/// have 0.5 to 4 kB, scanners with tables some 500 kB. Longer ones describe
/// printers.
pub(crate) const MAX_PROFILE: usize = 1 << 20;

/// Bounds what a parsed profile takes: bytes of its tables, entries of a curve.
const MAX_TABLE: usize = 4 << 20;
const MAX_CURVE: usize = 1 << 14;

/// Pixels that are converted in one go, through a copy of so many.
const PIXELS_AT_ONCE: usize = 4096;

/// The channels a picture is stored with, transparency aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    /// All three channels of each pixel in the frame are equal.
    Gray,
    Rgb,
}

impl Channels {
    fn color_space(self) -> DataColorSpace {
        match self {
            Self::Gray => DataColorSpace::Gray,
            Self::Rgb => DataColorSpace::Rgb,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Gray => Layout::Gray,
            Self::Rgb => Layout::Rgb,
        }
    }
}

/// Converts to sRGB, perceptually where the profile distinguishes.
pub(crate) fn to_srgb(frame: &mut Frame, profile: &[u8], channels: Channels) {
    // A panic over a profile must not cost the picture.
    let transform = panic::catch_unwind(|| transform(profile, channels)).ok().flatten();
    let Some(transform) = transform else { return };
    let mut source = Vec::with_capacity(3 * PIXELS_AT_ONCE);
    for pixels in frame.rgb.chunks_mut(3 * PIXELS_AT_ONCE) {
        source.clear();
        match channels {
            Channels::Gray => source.extend(pixels.iter().step_by(3)),
            Channels::Rgb => source.extend_from_slice(pixels),
        }
        let converted = panic::catch_unwind(AssertUnwindSafe(|| transform.transform(&source, pixels)));
        if !matches!(converted, Ok(Ok(()))) {
            return;
        }
    }
}

fn transform(profile: &[u8], channels: Channels) -> Option<Arc<Transform8BitExecutor>> {
    if profile.len() > MAX_PROFILE {
        return None;
    }
    let options = ParsingOptions {
        // moxcms accepts fewer bytes than this.
        max_profile_size: MAX_PROFILE + 1,
        max_allowed_clut_size: MAX_TABLE,
        max_allowed_trc_size: MAX_CURVE,
    };
    let profile = ColorProfile::new_from_slice_with_options(profile, options).ok()?;
    if profile.color_space != channels.color_space() {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    profile.create_transform_8bit(channels.layout(), &srgb, Layout::Rgb, TransformOptions::default()).ok()
}
