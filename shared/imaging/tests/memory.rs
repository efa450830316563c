//! How much memory pictures take. In a file of its own, because the allocator
//! counts for all tests of a process.

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{
    profiles::{chart, icc},
    *,
};
use imaging::{Format, Limits, Rejection, variants};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// These tests must not run beside each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const MEGABYTE: usize = 1_000_000;

/// Peak memory beyond what was in use before, in bytes.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = work();
    (result, MEMORY.peak_usage() - before)
}

/// Rejects at once and without asking for memory.
fn reject_cheaply(bytes: &[u8]) -> Rejection {
    let start = Instant::now();
    let (result, peak) = peak_of(|| variants(bytes, &Limits::default(), &[Format::Jpeg]));
    assert!(start.elapsed() < Duration::from_millis(200));
    assert!(peak < MEGABYTE / 10, "{peak} bytes");
    result.expect_err("a rejection")
}

#[test]
fn bombs_are_refused_by_their_headers() {
    let _alone = alone();
    for bytes in [
        png_of(60_000, 60_000, false, &[(b"IDAT", &zlib_stored(4096)), (b"IEND", b"")]),
        png_of(12_001, 1, false, &[]),
        png_of(u32::MAX, u32::MAX, false, &[]),
        jpeg_header(60_000, 60_000),
        jpeg_header(10_000, 10_000),
        lossless_webp_header(16_000, 16_000),
        riff(&riff_chunk(b"VP8 ", b"\x10\0\0\x9D\x01\x2A\xFF\x3F\xFF\x3F")),
        extended_webp_header(1 << 24, 1 << 24, 0),
    ] {
        assert_eq!(reject_cheaply(&bytes), Rejection::TooManyPixels);
    }
    // Interlaced, so that it could not be decoded row by row, and 100 MB.
    let limits = Limits { max_memory: 99_000_000, ..Limits::default() };
    let interlaced = png_of(10_000, 3334, true, &[(b"IDAT", &zlib_stored(64)), (b"IEND", b"")]);
    let rejection = variants(&interlaced, &limits, &[]).unwrap_err();
    assert_eq!(rejection, Rejection::TooManyPixels);
}

#[test]
fn chunks_which_inflate_are_not_inflated() {
    let _alone = alone();
    // Zlib data of 200 MB in 195 kB: one literal zero, then matches of it.
    let bomb = {
        let mut bits = Bits::default();
        bits.push(0b011, 3);
        bits.push_code(0x30, 8);
        for _ in 0..775_000 {
            bits.push_code(0b1100_0101, 8);
            bits.push(0, 5);
        }
        [b"\x78\x01".to_vec(), bits.bytes].concat()
    };
    let text = [&b"note\0\0"[..], &bomb].concat();
    let international = [&b"note\0\x01\0\0\0"[..], &bomb].concat();
    let pixels = zlib_stored(31 * 10);
    for (name, content) in [(b"zTXt", &text), (b"iCCP", &text), (b"iTXt", &international)] {
        let chunks: [(&[u8; 4], &[u8]); 3] = [(name, content), (b"IDAT", &pixels), (b"IEND", b"")];
        let source = png_of(10, 10, false, &chunks);
        let (result, peak) = peak_of(|| variants(&source, &Limits::default(), &[Format::Jpeg]));
        assert!(result.is_ok());
        assert!(peak < 16 * MEGABYTE, "{peak} bytes");
    }
}

/// Deflate's bit order: fields from the low end, codes from the high end.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            let at = (self.used / 8) as usize;
            self.bytes.resize(at + 1, 0);
            self.bytes[at] |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    fn push_code(&mut self, code: u32, count: u32) {
        for bit in (0..count).rev() {
            self.push(code >> bit & 1, 1);
        }
    }
}

#[test]
fn big_pictures_are_not_held_whole() {
    let _alone = alone();
    // 18 MB of pixels each.
    let (width, height) = (3000, 2000);
    for source in [jpeg(&corners(width, height), width, height), png(&corners(width, height), width, height)]
    {
        let (result, peak) = peak_of(|| variants(&source, &Limits::default(), &[Format::Jpeg]));
        assert!(result.is_ok());
        assert!(peak < 16 * MEGABYTE, "{peak} bytes");
    }
}

/// Peak memory and time of anything that is accepted here, hostile or odd.
fn is_bounded(source: &[u8]) -> Result<(), Rejection> {
    let start = Instant::now();
    let (result, peak) = peak_of(|| variants(source, &Limits::default(), &[Format::Jpeg]));
    // Several times what it takes on a machine that has nothing else to do.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(peak < 76 * MEGABYTE, "{peak} bytes");
    result.map(|_| ())
}

#[test]
fn wrong_numbers_of_restarts_cost_one_copy() {
    let _alone = alone();
    let options = JpegOptions { restart: 1, ..JpegOptions::default() };
    let mut source = jpeg_with(&corners(3000, 2000), 3000, 2000, &options);
    for at in 1..source.len() {
        if source[at - 1] == 0xFF && (0xD0..=0xD7).contains(&source[at]) {
            source[at] = 0xD3;
        }
    }
    assert_eq!(is_bounded(&source), Ok(()));
}

/// A profile whose colours are a table of `side` steps each way, with as many values as `held` says.
fn table_profile(side: u8, held: usize) -> Vec<u8> {
    let mut table = b"mft1\0\0\0\0\x03\x03".to_vec();
    table.extend([side, 0]);
    for place in 0..9 {
        table.extend((u32::from(place % 4 == 0) << 16).to_be_bytes());
    }
    let ramp = || (0..3).flat_map(|_| 0..=255_u8);
    table.extend(ramp());
    table.extend((0..held).map(|value| value as u8));
    table.extend(ramp());
    icc(b"RGB ", &[(*b"A2B0", table)])
}

#[test]
fn large_profiles_are_bounded() {
    let _alone = alone();
    let (largest, lying) = (table_profile(60, 60 * 60 * 60 * 3), table_profile(255, 1000));
    for profile in [&largest, &lying, &vec![0xFF; 1 << 20], &[&largest[..128], &[0xFF; 900_000]].concat()] {
        for (kind, source) in charts_with_long(profile) {
            assert_eq!(is_bounded(&source), Ok(()), "{kind}");
        }
    }
}

/// The chart with a profile that is too long for two segments of a JPEG.
fn charts_with_long(profile: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (width, height, rgb) = chart();
    let parts: Vec<_> = profile.chunks(60_000).collect();
    let segments: Vec<Vec<u8>> = (1..)
        .zip(&parts)
        .map(|(number, part)| [&b"ICC_PROFILE\0"[..], &[number, parts.len() as u8], part].concat())
        .collect();
    let segments: Vec<(u8, &[u8])> = segments.iter().map(|content| (2, &content[..])).collect();
    let options = JpegOptions { segments: &segments, ..JpegOptions::default() };
    let simple = webp(&rgb, width, height, true);
    vec![
        ("jpeg", jpeg_with(&rgb, width, height, &options)),
        ("png", profiles::png_with_profile(&rgb, width, height, png::ColorType::Rgb, profile)),
        ("webp", profiles::webp_with_profile(&simple, width, height, profile)),
    ]
}

#[test]
fn profiles_which_inflate_are_not_inflated() {
    let _alone = alone();
    let (width, height, rgb) = chart();
    // 100 MB of zeros, which deflate makes small.
    let source =
        profiles::png_with_profile(&rgb, width, height, png::ColorType::Rgb, &vec![0; 100 * MEGABYTE]);
    assert!(source.len() < MEGABYTE);
    let (result, peak) = peak_of(|| variants(&source, &Limits::default(), &[Format::Jpeg]));
    assert!(result.is_ok());
    assert!(peak < 16 * MEGABYTE, "{peak} bytes");
}
