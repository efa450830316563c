//! What comes out of good pictures.

#![allow(clippy::unwrap_used, reason = "a good picture which is refused fails its test")]

mod common;

use common::*;
use imaging::{Format, Limits, Size, Variant, variants};
use jpeg_encoder::ColorType;

const BOTH: &[Format] = &[Format::Jpeg, Format::Webp];

fn make(bytes: &[u8]) -> Vec<Variant> {
    variants(bytes, &Limits::default(), BOTH).unwrap()
}

fn make_jpegs(bytes: &[u8]) -> Vec<Variant> {
    variants(bytes, &Limits::default(), &[Format::Jpeg]).unwrap()
}

fn only(bytes: &[u8], size: Size) -> Variant {
    make_jpegs(bytes).into_iter().find(|variant| variant.size == size).unwrap()
}

/// Which of [`CORNERS`] each quarter of a picture has.
fn quarters(image: &(u32, u32, Vec<u8>)) -> [usize; 4] {
    let (w, h) = (image.0, image.1);
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let found = pixel(image, x * w / 4, y * h / 4);
        let close = |&corner: &[u8; 3]| is_close(found, corner);
        CORNERS.iter().position(close).expect("a corner's colour")
    })
}

/// Where the stored corners belong for each EXIF orientation, read row by row.
const UPRIGHT: [(u8, [usize; 4]); 8] = [
    (1, [0, 1, 2, 3]),
    (2, [1, 0, 3, 2]),
    (3, [3, 2, 1, 0]),
    (4, [2, 3, 0, 1]),
    (5, [0, 2, 1, 3]),
    (6, [2, 0, 3, 1]),
    (7, [3, 1, 2, 0]),
    (8, [1, 3, 0, 2]),
];

#[test]
fn every_orientation_of_every_type_is_applied() {
    let (width, height) = (96, 64);
    let rgb = corners(width, height);
    for (orientation, expected) in UPRIGHT {
        let segment = exif_segment(orientation);
        let block = exif(orientation);
        let sources = [
            jpeg_with(
                &rgb,
                width,
                height,
                &JpegOptions { segments: &[(1, &segment)], ..JpegOptions::default() },
            ),
            png_with(&rgb, width, height, &PngOptions { exif: Some(&block), ..PngOptions::default() }),
            webp_with_exif(&webp(&rgb, width, height, true), width, height, &block),
        ];
        for source in sources {
            for variant in make(&source) {
                let image = pixels(&variant.bytes);
                assert_eq!((image.0, image.1), (variant.width, variant.height));
                assert_eq!(quarters(&image), expected, "{orientation} {variant:?}");
                if variant.size == Size::Full {
                    let turned = orientation >= 5;
                    let size = if turned { (64, 96) } else { (96, 64) };
                    assert_eq!((image.0, image.1), size);
                }
            }
        }
    }
}

#[test]
fn metadata_is_gone() {
    let rgb = texture(400, 300);
    let segment = exif_segment(6);
    let source = jpeg_with(
        &rgb,
        400,
        300,
        &JpegOptions {
            segments: &[
                (1, &segment),
                (1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>secret</x:xmpmeta>"),
                (2, b"ICC_PROFILE\0\x01\x01secret"),
                (13, b"Photoshop 3.0\08BIMsecret"),
            ],
            ..JpegOptions::default()
        },
    );
    let mut source = source;
    source.splice(2..2, *b"\xFF\xFE\0\x10a secret note");
    let webp = webp_with_exif(&webp(&rgb, 400, 300, false), 400, 300, &exif(3));
    let png = png_with(&rgb, 400, 300, &PngOptions { exif: Some(&exif(3)), ..PngOptions::default() });
    for source in [source, webp, png] {
        for variant in make(&source) {
            for trace in [
                &b"Exif"[..],
                b"EXIF",
                b"GPS",
                b"http://ns.adobe.com",
                b"XMP ",
                b"ICC",
                b"secret",
                b"8BIM",
                b"II*\0",
            ] {
                let found = variant.bytes.windows(trace.len()).any(|bytes| bytes == trace);
                assert!(!found, "{:?} in {variant:?}", trace.escape_ascii().to_string());
            }
        }
    }
}

#[test]
fn sizes_are_as_promised() {
    let cases = [
        ((1200, 900), (1024, 768)),
        ((900, 1200), (768, 1024)),
        ((1024, 400), (1024, 400)),
        ((1025, 300), (1024, 300)),
        ((200, 100), (200, 100)),
        ((1, 1), (1, 1)),
        ((3000, 310), (1024, 106)),
        ((1, 5000), (1, 1024)),
        ((5000, 1), (1024, 1)),
    ];
    for ((width, height), full) in cases {
        let rgb = texture(width, height);
        for source in [jpeg(&rgb, width, height), png(&rgb, width, height), webp(&rgb, width, height, false)]
        {
            let made = make_jpegs(&source);
            assert_eq!(made.len(), 3);
            for variant in made {
                let expected = match variant.size {
                    Size::Thumbnail => (128, 128),
                    Size::Card => (300, 300),
                    Size::Full => full,
                };
                let image = pixels(&variant.bytes);
                assert_eq!((image.0, image.1), expected, "{width}x{height}");
                assert_eq!((variant.width, variant.height), expected);
            }
        }
    }
}

#[test]
fn the_picture_stays_the_same_at_every_scale() {
    // Passes through each of libjpeg's eight scales and several box sizes.
    for width in [1100, 1300, 1500, 1700, 2100, 2800, 4200, 8200] {
        // As flat as can be without the card deciding the scale.
        let height = width * 3 / 10;
        let rgb = corners(width, height);
        for source in [jpeg(&rgb, width, height), png(&rgb, width, height)] {
            for variant in make_jpegs(&source) {
                let image = pixels(&variant.bytes);
                assert_eq!(quarters(&image), [0, 1, 2, 3]);
                // The border between quarters stays in the middle.
                let (x, y) = (image.0 / 2, image.1 / 4);
                assert!(is_close(pixel(&image, x - 6, y), CORNERS[0]));
                assert!(is_close(pixel(&image, x + 6, y), CORNERS[1]));
            }
        }
    }
}

#[test]
fn a_narrow_pictures_card_keeps_its_detail() {
    // The full size is 44 pixels high, but the file has 300 for the card:
    // stripes 20 pixels wide, which 44 would turn to grey.
    let (width, height) = (7000, 300);
    let rgb: Vec<u8> = (0..height)
        .flat_map(|_| (0..width).flat_map(|x| [if (x / 20) % 2 == 0 { 0 } else { 255 }; 3]))
        .collect();
    for source in [jpeg(&rgb, width, height), png(&rgb, width, height)] {
        let card = pixels(&only(&source, Size::Card).bytes);
        let row: Vec<u8> = (0..300).map(|x| pixel(&card, x, 150)[0]).collect();
        assert!(row.iter().filter(|&&value| value < 40).count() > 100);
        assert!(row.iter().filter(|&&value| value > 215).count() > 100);
    }
}

#[test]
fn every_kind_of_jpeg() {
    let (width, height) = (400, 300);
    let rgb = corners(width, height);
    for (progressive, restart) in [(false, 0), (true, 0), (false, 7), (true, 5)] {
        let options = JpegOptions { progressive, restart, ..JpegOptions::default() };
        let image = pixels(&only(&jpeg_with(&rgb, width, height, &options), Size::Full).bytes);
        assert_eq!(quarters(&image), [0, 1, 2, 3]);
    }

    let gray: Vec<u8> = (0..width * height).map(|at| if at % width < 200 { 40 } else { 190 }).collect();
    let options = JpegOptions { color: ColorType::Luma, ..JpegOptions::default() };
    let image = pixels(&only(&jpeg_with(&gray, width, height, &options), Size::Full).bytes);
    assert!(is_close(pixel(&image, 50, 150), [40; 3]));
    assert!(is_close(pixel(&image, 350, 150), [190; 3]));

    for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        // No cyan, full magenta and yellow: red; then half black on top of it.
        let cmyk: Vec<u8> = (0..width * height)
            .flat_map(|at| if at % width < 200 { [0, 255, 255, 0] } else { [0, 255, 255, 128] })
            .collect();
        let options = JpegOptions { color, ..JpegOptions::default() };
        let image = pixels(&only(&jpeg_with(&cmyk, width, height, &options), Size::Full).bytes);
        assert!(is_close(pixel(&image, 50, 150), [255, 0, 0]), "{color:?} {:?}", pixel(&image, 50, 150));
        assert!(is_close(pixel(&image, 350, 150), [127, 0, 0]), "{color:?}");
    }
}

#[test]
fn what_cameras_append_or_leave_is_no_damage() {
    let mut source = jpeg(&texture(400, 300), 400, 300);
    source.splice(source.len() - 2..source.len() - 2, [0, 0, 0]);
    source.extend(jpeg(&texture(40, 30), 40, 30));
    source.extend(b"ftypmp42 and a film");
    make(&source);
}

#[test]
fn every_kind_of_png() {
    use png::{BitDepth, ColorType};
    let (width, height) = (300, 300);
    let cases: [(PngOptions<'_>, Vec<u8>, [u8; 3]); 7] = [
        (
            PngOptions { color: ColorType::Rgba, ..PngOptions::default() },
            [200, 0, 0, 0].repeat(300 * 300),
            [255, 255, 255],
        ),
        (
            PngOptions { color: ColorType::Rgba, ..PngOptions::default() },
            [0, 0, 200, 128].repeat(300 * 300),
            [127, 127, 227],
        ),
        (
            PngOptions { color: ColorType::GrayscaleAlpha, ..PngOptions::default() },
            [0, 55].repeat(300 * 300),
            [200; 3],
        ),
        (
            PngOptions { depth: BitDepth::Sixteen, ..PngOptions::default() },
            [200, 1, 100, 2, 50, 3].repeat(300 * 300),
            [200, 100, 50],
        ),
        (
            PngOptions { color: ColorType::Grayscale, depth: BitDepth::One, ..PngOptions::default() },
            vec![0xFF; 38 * 300],
            [255; 3],
        ),
        (
            PngOptions {
                color: ColorType::Indexed,
                palette: Some(&[10, 20, 30, 200, 100, 50]),
                ..PngOptions::default()
            },
            vec![1; 300 * 300],
            [200, 100, 50],
        ),
        (
            PngOptions {
                color: ColorType::Indexed,
                palette: Some(&[10, 20, 30, 200, 100, 50]),
                transparency: Some(&[255, 0]),
                ..PngOptions::default()
            },
            vec![1; 300 * 300],
            [255; 3],
        ),
    ];
    for (options, data, expected) in cases {
        for variant in make(&png_with(&data, width, height, &options)) {
            let image = pixels(&variant.bytes);
            let found = pixel(&image, image.0 / 2, image.1 / 2);
            assert!(is_close(found, expected), "{found:?} {expected:?} {:?}", options.color);
        }
    }

    // Black, in the seven passes of an interlaced file of one pixel each way.
    let pass = zlib_stored(4);
    let interlaced = png_of(1, 1, true, &[(b"IDAT", &pass), (b"IEND", b"")]);
    let image = pixels(&only(&interlaced, Size::Card).bytes);
    assert!(is_close(pixel(&image, 100, 100), [0; 3]));
}

#[test]
fn every_kind_of_webp() {
    let (width, height) = (400, 300);
    let rgb = corners(width, height);
    let rgba: Vec<u8> = [0, 0, 200, 128].repeat(400 * 300);
    for lossless in [false, true] {
        let image = pixels(&only(&webp(&rgb, width, height, lossless), Size::Full).bytes);
        assert_eq!(quarters(&image), [0, 1, 2, 3]);
        let see_through = webp_alpha(&rgba, width, height, lossless);
        let image = pixels(&only(&see_through, Size::Full).bytes);
        assert!(is_close(pixel(&image, 200, 150), [127, 127, 227]));
    }
}

#[test]
fn the_same_input_gives_the_same_output() {
    let source = jpeg(&texture(1500, 1000), 1500, 1000);
    assert_eq!(make(&source), make(&source));
}

#[test]
fn formats_are_those_asked_for() {
    let source = jpeg(&texture(20, 20), 20, 20);
    assert!(variants(&source, &Limits::default(), &[]).unwrap().is_empty());
    let made = variants(&source, &Limits::default(), &[Format::Webp]).unwrap();
    assert!(made.iter().all(|variant| variant.bytes.starts_with(b"RIFF")));
    assert_eq!(made.len(), 3);
}
