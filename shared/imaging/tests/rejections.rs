//! What happens to everything else.

mod common;

use common::*;
use imaging::{Format, Limits, Rejection, variants};

fn reject(bytes: &[u8]) -> Rejection {
    variants(bytes, &Limits::default(), &[Format::Jpeg]).expect_err("a rejection")
}

#[test]
fn what_is_no_image() {
    assert_eq!(reject(b""), Rejection::Empty);
    for bytes in [
        &b"hello"[..],
        b"\xFF",
        b"\xFF\xD8",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"<html><body>hi</body></html>",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        &[0; 4096],
    ] {
        assert_eq!(reject(bytes), Rejection::NotAnImage, "{}", bytes.escape_ascii());
    }
}

#[test]
fn images_of_other_types() {
    for bytes in [
        &b"GIF89a\x01\0\x01\0\x80\0\0"[..],
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg></svg>",
        b"\0\0\x01\0\x01\0",
        // A lossless JPEG, and one of twelve bits.
        b"\xFF\xD8\xFF\xC3\0\x0B\x08\0\x10\0\x10\x01\x01\x11\0",
        b"\xFF\xD8\xFF\xC1\0\x0B\x0C\0\x10\0\x10\x01\x01\x11\0",
    ] {
        assert_eq!(reject(bytes), Rejection::UnsupportedType, "{}", bytes.escape_ascii());
    }
    let animated = extended_webp_header(100, 100, 0x02);
    assert_eq!(reject(&animated), Rejection::UnsupportedType);
}

#[test]
fn too_many_bytes() {
    let limits = Limits { max_bytes: 100, ..Limits::default() };
    let source = jpeg(&texture(64, 64), 64, 64);
    let rejection = variants(&source, &limits, &[]).unwrap_err();
    assert_eq!(rejection, Rejection::TooManyBytes);
}

#[test]
fn headers_without_pixels_are_corrupt() {
    for bytes in [
        jpeg_header(100, 100),
        jpeg_header(0, 100),
        jpeg_header(100, 0),
        [&jpeg_header(100, 100)[..], b"\xFF\xD9"].concat(),
        b"\xFF\xD8\xFF\xD9".to_vec(),
        png_of(100, 100, false, &[]),
        png_of(0, 100, false, &[]),
        png_of(100, 100, false, &[(b"IEND", b"")]),
        png_of(100, 100, false, &[(b"IDAT", &zlib_stored(50)), (b"IEND", b"")]),
        lossless_webp_header(100, 100),
        extended_webp_header(100, 100, 0),
        riff(&[]),
    ] {
        assert_eq!(reject(&bytes), Rejection::Corrupt, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_jpeg_of_endless_scans_is_refused() {
    let options = JpegOptions { progressive: true, ..JpegOptions::default() };
    let source = jpeg_with(&texture(64, 64), 64, 64, &options);
    let start = source.windows(2).position(|bytes| bytes == b"\xFF\xDA").unwrap();
    let header = &source[start..start + 2 + usize::from(source[start + 3])];
    let mut bomb = source[..start].to_vec();
    for _ in 0..1000 {
        bomb.extend(header);
        bomb.extend([0; 16]);
    }
    bomb.extend(b"\xFF\xD9");
    assert_eq!(reject(&bomb), Rejection::UnsupportedType);
}

/// Good files of every type, small enough to cut in many places.
fn specimens() -> Vec<Vec<u8>> {
    let (width, height) = (90, 70);
    let rgb = texture(width, height);
    let rgba: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], p[0]]).collect();
    let progressive = JpegOptions { progressive: true, ..JpegOptions::default() };
    let restarting = JpegOptions { restart: 3, ..JpegOptions::default() };
    let lossy = webp(&rgb, width, height, false);
    vec![
        jpeg(&rgb, width, height),
        jpeg_with(&rgb, width, height, &progressive),
        jpeg_with(&rgb, width, height, &restarting),
        png(&rgb, width, height),
        webp_with_exif(&lossy, width, height, &exif(6)),
        lossy,
        webp(&rgb, width, height, true),
        webp_alpha(&rgba, width, height, false),
    ]
}

#[test]
fn files_which_end_early_are_corrupt() {
    for specimen in specimens() {
        assert!(variants(&specimen, &Limits::default(), &[]).is_ok());
        // Twelve bytes tell each type.
        let cuts = (12..specimen.len()).step_by(37);
        for cut in cuts.chain(specimen.len().saturating_sub(20)..specimen.len()) {
            assert_eq!(reject(&specimen[..cut]), Rejection::Corrupt, "{cut} of {}", specimen.len());
        }
    }
}

#[test]
fn a_cut_jpeg_with_an_end_put_on_is_corrupt() {
    for specimen in &specimens()[..3] {
        let scan = specimen.windows(2).rposition(|bytes| bytes == b"\xFF\xDA").unwrap();
        for cut in (scan + 20..specimen.len() - 40).step_by(61) {
            let mended = [&specimen[..cut], b"\xFF\xD9"].concat();
            assert_eq!(reject(&mended), Rejection::Corrupt, "{cut}");
        }
    }
}

#[test]
fn codes_are_stable() {
    let codes = [
        (Rejection::Empty, "empty"),
        (Rejection::TooManyBytes, "too_many_bytes"),
        (Rejection::NotAnImage, "not_an_image"),
        (Rejection::UnsupportedType, "unsupported_type"),
        (Rejection::TooManyPixels, "too_many_pixels"),
        (Rejection::Corrupt, "corrupt"),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code(), code);
    }
}
