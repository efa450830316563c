//! Pictures made in code, so that no binary fixture has to be trusted.

#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a fixture which cannot be made fails its test")]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

pub mod profiles;

/// Corners of [`corners`]: top left, top right, bottom left, bottom right.
pub const CORNERS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 40]];

/// A picture whose quarters have four different colours.
pub fn corners(width: u32, height: u32) -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let index = usize::from(2 * y >= height) * 2 + usize::from(2 * x >= width);
            rgb.extend_from_slice(&CORNERS[index]);
        }
    }
    rgb
}

/// A picture with some detail everywhere.
pub fn texture(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state >> 27;
            rgb.extend([x + noise, y + noise, x + y].map(|value| value as u8));
        }
    }
    rgb
}

pub struct JpegOptions<'a> {
    pub color: ColorType,
    pub progressive: bool,
    pub restart: u16,
    pub segments: &'a [(u8, &'a [u8])],
}

impl Default for JpegOptions<'_> {
    fn default() -> Self {
        Self { color: ColorType::Rgb, progressive: false, restart: 0, segments: &[] }
    }
}

pub fn jpeg_with(pixels: &[u8], width: u32, height: u32, options: &JpegOptions<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 92);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(options.progressive);
    encoder.set_restart_interval(options.restart);
    for &(number, content) in options.segments {
        encoder.add_app_segment(number, content.to_vec()).unwrap();
    }
    encoder.encode(pixels, width as u16, height as u16, options.color).unwrap();
    bytes
}

pub fn jpeg(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    jpeg_with(rgb, width, height, &JpegOptions::default())
}

pub struct PngOptions<'a> {
    pub color: png::ColorType,
    pub depth: png::BitDepth,
    pub palette: Option<&'a [u8]>,
    pub transparency: Option<&'a [u8]>,
    pub exif: Option<&'a [u8]>,
}

impl Default for PngOptions<'_> {
    fn default() -> Self {
        Self {
            color: png::ColorType::Rgb,
            depth: png::BitDepth::Eight,
            palette: None,
            transparency: None,
            exif: None,
        }
    }
}

pub fn png_with(pixels: &[u8], width: u32, height: u32, options: &PngOptions<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(width, height);
    info.color_type = options.color;
    info.bit_depth = options.depth;
    info.palette = options.palette.map(|palette| palette.to_vec().into());
    info.trns = options.transparency.map(|values| values.to_vec().into());
    info.exif_metadata = options.exif.map(|block| block.to_vec().into());
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

pub fn png(rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
    png_with(rgb, width, height, &PngOptions::default())
}

/// A PNG of given header and chunks, with right checksums.
pub fn png_of(width: u32, height: u32, interlaced: bool, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, u8::from(interlaced)]);
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    for (name, content) in [(b"IHDR", &header[..])].iter().chain(chunks) {
        bytes.extend((content.len() as u32).to_be_bytes());
        let start = bytes.len();
        bytes.extend(*name);
        bytes.extend(*content);
        let checksum = crc32(&bytes[start..]);
        bytes.extend(checksum.to_be_bytes());
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Zlib data of nothing but zeros, without compression.
pub fn zlib_stored(length: usize) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let mut left = length;
    while left > 0 {
        let block = left.min(65_535);
        left -= block;
        bytes.push(u8::from(left == 0));
        bytes.extend((block as u16).to_le_bytes());
        bytes.extend((!(block as u16)).to_le_bytes());
        bytes.resize(bytes.len() + block, 0);
    }
    let high = (length % 65_521) as u32;
    bytes.extend(((high << 16) | 1).to_be_bytes());
    bytes
}

pub fn webp(rgb: &[u8], width: u32, height: u32, lossless: bool) -> Vec<u8> {
    webp::Encoder::from_rgb(rgb, width, height).encode_simple(lossless, 90.0).unwrap().to_vec()
}

pub fn webp_alpha(rgba: &[u8], width: u32, height: u32, lossless: bool) -> Vec<u8> {
    webp::Encoder::from_rgba(rgba, width, height).encode_simple(lossless, 90.0).unwrap().to_vec()
}

/// Wraps a simple WebP into an extended one with an EXIF chunk.
pub fn webp_with_exif(simple: &[u8], width: u32, height: u32, exif: &[u8]) -> Vec<u8> {
    let mut chunks = vec![0x08, 0, 0, 0];
    chunks.extend(&(width - 1).to_le_bytes()[..3]);
    chunks.extend(&(height - 1).to_le_bytes()[..3]);
    let mut body = riff_chunk(b"VP8X", &chunks);
    body.extend(&simple[12..]);
    body.extend(riff_chunk(b"EXIF", exif));
    riff(&body)
}

pub fn riff(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32 + 4).to_le_bytes());
    bytes.extend(b"WEBP");
    bytes.extend(body);
    bytes
}

pub fn riff_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len() + content.len() % 2, 0);
    bytes
}

/// A TIFF block with an orientation and, behind it, what looks like a position.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block.extend(b"GPS 52.5163 N 13.3777 E");
    block
}

/// The content of a JPEG's EXIF segment.
pub fn exif_segment(orientation: u8) -> Vec<u8> {
    [&b"Exif\0\0"[..], &exif(orientation)].concat()
}

/// Decodes an output, by decoders other than those under test where possible.
pub fn pixels(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    if bytes.starts_with(b"RIFF") {
        let image = webp::Decoder::new(bytes).decode().unwrap();
        assert!(!image.is_alpha());
        return (image.width(), image.height(), image.to_vec());
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let rgb = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    assert_eq!(info.pixel_format, jpeg_decoder::PixelFormat::RGB24);
    (info.width.into(), info.height.into(), rgb)
}

pub fn pixel(image: &(u32, u32, Vec<u8>), x: u32, y: u32) -> [u8; 3] {
    let at = 3 * (y * image.0 + x) as usize;
    image.2[at..at + 3].try_into().unwrap()
}

/// Lossy formats do not keep colours exactly.
pub fn is_close(left: [u8; 3], right: [u8; 3]) -> bool {
    left.iter().zip(right).all(|(&a, b)| a.abs_diff(b) <= 14)
}

pub fn jpeg_header(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"\xFF\xD8\xFF\xC0\0\x11\x08".to_vec();
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
    bytes
}

pub fn lossless_webp_header(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | ((height - 1) << 14);
    let content = [&[0x2F][..], &bits.to_le_bytes(), &[0; 20]].concat();
    riff(&riff_chunk(b"VP8L", &content))
}

pub fn extended_webp_header(width: u32, height: u32, flags: u8) -> Vec<u8> {
    let (width, height) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
    let content = [&[flags, 0, 0, 0][..], &width[..3], &height[..3]].concat();
    riff(&riff_chunk(b"VP8X", &content))
}
