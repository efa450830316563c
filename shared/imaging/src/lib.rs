//! From untrusted image bytes to clean variants.
//!
//! [`variants`] takes what somebody uploaded and gives back the pictures the
//! site shows: upright, small, and with nothing of the original file but its
//! pixels.
//!
//! * The type is found from the content. JPEG, PNG and still WebP are accepted;
//!   an animated WebP is refused, an animated PNG gives its default image.
//! * Dimensions are read from the header and held against [`Limits`] before a
//!   decoder sees the file.
//! * EXIF orientation is applied, then all metadata (EXIF with GPS, XMP, ICC,
//!   comments) is gone, because outputs are written from pixels alone.
//! * Transparency is flattened on white in every format, so a JPEG and a WebP
//!   variant of one picture look the same.
//! * A file which ends early is refused, never filled with grey. Oddities of
//!   cameras that cost no pixel are accepted.
//!
//! An embedded ICC profile converts the pixels to sRGB. A profile that is damaged
//! or longer than 1 MiB is ignored. CMYK is converted by the plain formula,
//! whatever its profile.
//!
//! libjpeg reports errors by unwinding, so this crate needs `panic = "unwind"`.

#![warn(missing_docs)]

#[cfg(panic = "abort")]
compile_error!(
    "imaging catches libjpeg's errors as unwinds; panic = \"abort\" would let a bad file end the process"
);

mod colour;
mod encode;
mod exif;
mod frame;
mod jpeg;
mod jpeg_warnings;
mod kind;
mod png;
mod webp;

use std::panic;

use exif::Orientation;
use frame::Frame;
use kind::Kind;

/// What an upload may cost before it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest accepted file, in bytes.
    pub max_bytes: usize,
    /// Longest accepted side, in pixels.
    pub max_side: u32,
    /// Most pixels accepted (width times height).
    pub max_pixels: u64,
    /// Most bytes a decoder may hold for one picture, worked out from the
    /// header. Only pictures which cannot be decoded row by row come near it:
    /// progressive JPEG, interlaced PNG, WebP.
    pub max_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A phone's best JPEG is 5 to 12 MB.
            max_bytes: 15 * 1024 * 1024,
            // Beyond every phone camera (a 50-megapixel one has 8160), short of
            // stitched panoramas.
            max_side: 12_000,
            // The largest sensors phones save at full size.
            max_pixels: 50_000_000,
            // A progressive 4:4:4 JPEG of 50 megapixels needs 286 MiB; this
            // leaves the rest of a 512 MB function to everything else.
            max_memory: 320 * 1024 * 1024,
        }
    }
}

impl Limits {
    fn check_dimensions(&self, width: u32, height: u32) -> Result<(), Rejection> {
        if width == 0 || height == 0 {
            return Err(Rejection::Corrupt);
        }
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.max_side || pixels > self.max_pixels {
            return Err(Rejection::TooManyPixels);
        }
        Ok(())
    }

    fn check_memory(&self, bytes: u64) -> Result<(), Rejection> {
        if bytes > self.max_memory {
            return Err(Rejection::TooManyPixels);
        }
        Ok(())
    }
}

/// Why an upload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// There are no bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The file is longer than [`Limits::max_bytes`].
    #[error("the file is too large")]
    TooManyBytes,
    /// The content is not that of any image type known here.
    #[error("the file is not an image")]
    NotAnImage,
    /// An image, but of a type or flavour which is not accepted.
    #[error("images of this type are not accepted")]
    UnsupportedType,
    /// The picture has more pixels than the limits allow, or would need more
    /// memory to decode.
    #[error("the image has too many pixels")]
    TooManyPixels,
    /// The file is damaged or ends early.
    #[error("the image is damaged or incomplete")]
    Corrupt,
}

impl Rejection {
    /// A stable code for clients and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooManyBytes => "too_many_bytes",
            Self::NotAnImage => "not_an_image",
            Self::UnsupportedType => "unsupported_type",
            Self::TooManyPixels => "too_many_pixels",
            Self::Corrupt => "corrupt",
        }
    }
}

/// A size the site shows pictures in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// 128×128, cropped around the centre.
    Thumbnail,
    /// 300×300, cropped around the centre.
    Card,
    /// Fits inside 1024×1024, never enlarged.
    Full,
}

impl Size {
    /// The side, in pixels, of the square this size fills or fits into.
    #[must_use]
    pub const fn side(self) -> u32 {
        match self {
            Self::Thumbnail => 128,
            Self::Card => 300,
            Self::Full => 1024,
        }
    }

    /// A lower-case name for keys and addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail",
            Self::Card => "card",
            Self::Full => "full",
        }
    }
}

/// A format variants are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, quality 80, 4:2:0.
    Jpeg,
    /// Lossy WebP, quality 80.
    Webp,
}

impl Format {
    /// The media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The subtype of its media type, which also serves as a file name's ending.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

/// One finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Which size this is.
    pub size: Size,
    /// Which format `bytes` are in.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Makes every [`Size`] of the picture in each of `formats`.
///
/// The order is that of the work: full, card, thumbnail, and within a size that
/// of `formats`. The same input gives the same output.
///
/// # Errors
///
/// A [`Rejection`] says what is wrong with the file. No input makes this panic:
/// a decoder's panic is reported as [`Rejection::Corrupt`].
pub fn variants(bytes: &[u8], limits: &Limits, formats: &[Format]) -> Result<Vec<Variant>, Rejection> {
    panic::catch_unwind(|| {
        let picture = decode(bytes, limits)?;
        render(picture, formats)
    })
    .unwrap_or(Err(Rejection::Corrupt))
}

/// A decoded picture, already reduced as far as its decoder does that cheaply.
struct Picture {
    frame: Frame,
    /// Size in the file, before any reduction and as stored, not as shown.
    width: u32,
    height: u32,
    orientation: Orientation,
}

fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Rejection> {
    if bytes.is_empty() {
        return Err(Rejection::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(Rejection::TooManyBytes);
    }
    match kind::sniff(bytes) {
        Some(Kind::Jpeg) => jpeg::decode(bytes, limits),
        Some(Kind::Png) => png::decode(bytes, limits),
        Some(Kind::Webp) => webp::decode(bytes, limits),
        Some(Kind::Other) => Err(Rejection::UnsupportedType),
        None => Err(Rejection::NotAnImage),
    }
}

/// Whether a picture reduced to `numerator`/`denominator` still has the pixels
/// every output needs: the full size along its longer side, the card along its
/// shorter one.
fn is_enough(width: u32, height: u32, numerator: u32, denominator: u32) -> bool {
    let reduced = |side: u32| u64::from(side) * u64::from(numerator);
    let wanted = |size: Size| u64::from(size.side()) * u64::from(denominator);
    reduced(width.max(height)) >= wanted(Size::Full) && reduced(width.min(height)) >= wanted(Size::Card)
}

/// The largest size of the same proportions inside [`Size::Full`].
fn fit_full(width: u32, height: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height));
    let limit = u64::from(Size::Full.side());
    if longest <= limit {
        return (width, height);
    }
    let scale = |side: u32| {
        let rounded = (u64::from(side) * limit + longest / 2) / longest;
        u32::try_from(rounded).map_or(1, |side| side.max(1))
    };
    (scale(width), scale(height))
}

fn render(picture: Picture, formats: &[Format]) -> Result<Vec<Variant>, Rejection> {
    let mut done = Vec::with_capacity(3 * formats.len());
    let mut emit = |size: Size, frame: &Frame| -> Result<(), Rejection> {
        let upright = frame.oriented(picture.orientation);
        for &format in formats {
            done.push(Variant {
                size,
                format,
                width: upright.width,
                height: upright.height,
                bytes: encode::encode(&upright, format)?,
            });
        }
        Ok(())
    };

    let mut frame = picture.frame;
    let (width, height) = fit_full(picture.width, picture.height);
    let mut full = None;
    if (frame.width, frame.height) != (width, height) {
        let resized = frame.resized(width, height)?;
        // Long, narrow pictures lose too much on the way to the full size, so
        // their card is cut from the decoded frame instead.
        if resized.width.min(resized.height) >= Size::Card.side() {
            frame = resized;
        } else {
            full = Some(resized);
        }
    }
    emit(Size::Full, full.as_ref().unwrap_or(&frame))?;
    drop(full);

    let card = frame.covering(Size::Card.side())?;
    drop(frame);
    emit(Size::Card, &card)?;
    emit(Size::Thumbnail, &card.covering(Size::Thumbnail.side())?)?;
    Ok(done)
}
