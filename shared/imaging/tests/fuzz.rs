//! No input panics. Panics are caught inside the crate, so this counts them
//! where they cannot hide: in the panic hook.

mod common;

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use imaging::{Format, Limits, variants};
use proptest::prelude::*;

static PANICS: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

fn feed(bytes: &[u8]) {
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            print(info);
        }));
    });
    // Flipped bits may ask for large pictures; a test need not make them.
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    if let Ok(made) = variants(bytes, &limits, &[Format::Jpeg]) {
        assert_eq!(made.len(), 3);
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

fn specimen() -> impl Strategy<Value = Vec<u8>> {
    let (width, height) = (50, 40);
    let rgb = texture(width, height);
    let rgba: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], p[0]]).collect();
    let segment = exif_segment(5);
    let progressive = JpegOptions { progressive: true, segments: &[(1, &segment)], ..JpegOptions::default() };
    let lossy = webp(&rgb, width, height, false);
    let specimens = vec![
        jpeg(&rgb, width, height),
        jpeg_with(&rgb, width, height, &progressive),
        png(&rgb, width, height),
        webp_with_exif(&lossy, width, height, &exif(7)),
        lossy,
        webp(&rgb, width, height, true),
        webp_alpha(&rgba, width, height, false),
    ];
    prop::sample::select(specimens)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes(
        magic in prop::sample::select(vec![
            &b""[..],
            b"\xFF\xD8\xFF",
            b"\xFF\xD8\xFF\xC0\0\x11\x08",
            b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x10\0\0\0\x10",
            b"RIFF\x40\0\0\0WEBP",
            b"RIFF\x40\0\0\0WEBPVP8L\x30\0\0\0\x2F\x0F\xC0\x03\0",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        feed(&[magic, &rest].concat());
    }

    #[test]
    fn flipped_bits(
        mut bytes in specimen(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..12),
    ) {
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        feed(&bytes);
    }

    #[test]
    fn spliced_files(left in specimen(), right in specimen(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(left.len().min(right.len()));
        feed(&[&left[..cut], &right[cut..]].concat());
    }
}
