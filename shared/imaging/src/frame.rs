//! Pixels: three bytes each (red, green, blue), rows without padding.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::exif::Orientation;
use crate::{Rejection, is_enough};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgb: Vec<u8>,
}

impl Frame {
    /// Resized without regard to proportions.
    pub(crate) fn resized(&self, width: u32, height: u32) -> Result<Self, Rejection> {
        self.resample(width, height, ResizeOptions::new())
    }

    /// The largest square around the centre, resized to `side`.
    pub(crate) fn covering(&self, side: u32) -> Result<Self, Rejection> {
        let centred = Some((0.5, 0.5));
        self.resample(side, side, ResizeOptions::new().fit_into_destination(centred))
    }

    fn resample(&self, width: u32, height: u32, options: ResizeOptions) -> Result<Self, Rejection> {
        // These fail only on a buffer of the wrong length, which a frame never
        // has; a picture that broke that would be one that cannot be handled.
        let source = ImageRef::new(self.width, self.height, &self.rgb, PixelType::U8x3)
            .map_err(|_| Rejection::Corrupt)?;
        let mut target = Image::new(width, height, PixelType::U8x3);
        let options = options.resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        Resizer::new().resize(&source, &mut target, &options).map_err(|_| Rejection::Corrupt)?;
        Ok(Self { width, height, rgb: target.into_vec() })
    }

    /// The picture as it is to be shown.
    pub(crate) fn oriented(&self, orientation: Orientation) -> Cow<'_, Self> {
        let (w, h) = (self.width as usize, self.height as usize);
        match orientation {
            Orientation::Upright => Cow::Borrowed(self),
            Orientation::MirroredHorizontally => self.picked(w, h, |x, y| (w - 1 - x, y)),
            Orientation::UpsideDown => self.picked(w, h, |x, y| (w - 1 - x, h - 1 - y)),
            Orientation::MirroredVertically => self.picked(w, h, |x, y| (x, h - 1 - y)),
            Orientation::Transposed => self.picked(h, w, |x, y| (y, x)),
            Orientation::Clockwise => self.picked(h, w, |x, y| (y, h - 1 - x)),
            Orientation::Transversed => self.picked(h, w, |x, y| (w - 1 - y, h - 1 - x)),
            Orientation::CounterClockwise => self.picked(h, w, |x, y| (w - 1 - y, x)),
        }
    }

    /// A picture of `width`×`height` whose pixel (x, y) is this one's `from(x, y)`.
    fn picked(
        &self,
        width: usize,
        height: usize,
        from: impl Fn(usize, usize) -> (usize, usize),
    ) -> Cow<'_, Self> {
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = from(x, y);
                let at = 3 * (from_y * self.width as usize + from_x);
                rgb.extend_from_slice(&self.rgb[at..at + 3]);
            }
        }
        let swapped = width != self.width as usize;
        Cow::Owned(Self {
            width: if swapped { self.height } else { self.width },
            height: if swapped { self.width } else { self.height },
            rgb,
        })
    }
}

/// Layouts rows come in from PNG and WebP decoders.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    pub(crate) fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// Collects a frame from rows, averaging boxes of pixels on the way, so that a
/// large picture is never held whole. What is left is still enough for every
/// output, and the proper resampling happens on that.
pub(crate) struct Shrinker {
    factor: usize,
    width: usize,
    height: usize,
    layout: Layout,
    /// Channel sums of the boxes being filled, and how many rows they have.
    sums: Vec<u32>,
    rows: usize,
    rgb: Vec<u8>,
}

impl Shrinker {
    pub(crate) fn new(width: u32, height: u32, layout: Layout) -> Self {
        let mut factor = 1;
        while is_enough(width, height, 1, factor + 1) {
            factor += 1;
        }
        let factor = factor as usize;
        let (width, height) = (width as usize, height as usize);
        let boxes = width.div_ceil(factor);
        Self {
            factor,
            width,
            height,
            layout,
            sums: vec![0; 3 * boxes],
            rows: 0,
            rgb: Vec::with_capacity(3 * boxes * height.div_ceil(factor)),
        }
    }

    pub(crate) fn push_row(&mut self, row: &[u8]) {
        if self.factor == 1 {
            let pixels = row.chunks_exact(self.layout.bytes_per_pixel());
            self.rgb.extend(pixels.flat_map(|pixel| flatten(self.layout, pixel)));
            return;
        }
        let stride = self.factor * self.layout.bytes_per_pixel();
        for (sums, pixels) in self.sums.chunks_exact_mut(3).zip(row.chunks(stride)) {
            for pixel in pixels.chunks_exact(self.layout.bytes_per_pixel()) {
                for (sum, channel) in sums.iter_mut().zip(flatten(self.layout, pixel)) {
                    *sum += u32::from(channel);
                }
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let columns = self.width;
        for (index, sums) in self.sums.chunks_exact_mut(3).enumerate() {
            // The last column of boxes may be narrower than the others.
            let across = self.factor.min(columns - index * self.factor);
            let count = (across * self.rows) as u32;
            for sum in sums {
                self.rgb.push(((*sum + count / 2) / count) as u8);
                *sum = 0;
            }
        }
        self.rows = 0;
    }

    /// The frame, or nothing if rows are missing.
    pub(crate) fn finish(mut self) -> Option<Frame> {
        if self.rows > 0 {
            self.flush();
        }
        let (width, height) = (self.width.div_ceil(self.factor), self.height.div_ceil(self.factor));
        (self.rgb.len() == 3 * width * height).then_some(Frame {
            width: width as u32,
            height: height as u32,
            rgb: self.rgb,
        })
    }
}

/// One pixel, on white where it is transparent.
fn flatten(layout: Layout, pixel: &[u8]) -> [u8; 3] {
    let over_white = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match (layout, pixel) {
        (Layout::Gray, &[gray]) => [gray; 3],
        (Layout::GrayAlpha, &[gray, alpha]) => [over_white(gray, alpha); 3],
        (Layout::Rgb, &[red, green, blue]) => [red, green, blue],
        (Layout::Rgba, &[red, green, blue, alpha]) => {
            [red, green, blue].map(|channel| over_white(channel, alpha))
        }
        _ => unreachable!("rows are cut into pixels of their own layout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_cut_from_the_centre() {
        // Red, then a green square in the middle, then blue.
        for (width, height) in [(900, 300), (300, 900)] {
            let mut rgb = Vec::new();
            for y in 0..height {
                for x in 0..width {
                    let along = if width > height { x } else { y };
                    rgb.extend_from_slice(match along / 300 {
                        0 => &[255, 0, 0],
                        1 => &[0, 255, 0],
                        _ => &[0, 0, 255],
                    });
                }
            }
            let frame = Frame { width, height, rgb };
            let cover = frame.covering(300).unwrap();
            assert!(cover.rgb.chunks_exact(3).all(|pixel| pixel == [0, 255, 0]));
        }
    }

    #[test]
    fn shrinking_averages_also_at_ragged_edges() {
        let (width, height) = (2050, 2051);
        let mut shrinker = Shrinker::new(width, height, Layout::Gray);
        for y in 0..height {
            let value = if y % 2 == 0 { 100 } else { 200 };
            shrinker.push_row(&vec![value; width as usize]);
        }
        let frame = shrinker.finish().unwrap();
        assert_eq!((frame.width, frame.height), (1025, 1026));
        let (last, rest) = frame.rgb.split_at(3 * 1025 * 1025);
        assert!(last.iter().all(|&value| value == 150));
        assert!(rest.iter().all(|&value| value == 100));
    }

    #[test]
    fn transparency_becomes_white() {
        assert_eq!(flatten(Layout::Rgba, &[10, 20, 30, 0]), [255; 3]);
        assert_eq!(flatten(Layout::Rgba, &[10, 20, 30, 255]), [10, 20, 30]);
        assert_eq!(flatten(Layout::GrayAlpha, &[0, 128]), [127; 3]);
    }
}
