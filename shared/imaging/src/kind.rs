//! Telling file types apart by their first bytes.

/// What a file's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Webp,
    /// An image of a type which is not accepted.
    Other,
}

/// How far into a text to look for an `<svg` element: past an XML declaration,
/// a licence comment and a doctype.
const SVG_WINDOW: usize = 4096;

/// Signatures of image types which are recognised only to be refused by name.
const OTHER: &[(usize, &[u8])] = &[
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"II*\0"),              // TIFF and many raw formats
    (0, b"MM\0*"),              // TIFF
    (0, b"II+\0"),              // BigTIFF
    (0, b"MM\0+"),              // BigTIFF
    (0, b"\0\0\x01\0"),         // ICO
    (0, b"8BPS"),               // Photoshop
    (0, b"\xFF\x0A"),           // JPEG XL codestream
    (0, b"\0\0\0\x0CJXL \r\n"), // JPEG XL
    (0, b"\0\0\0\x0CjP  \r\n"), // JPEG 2000
    (0, b"\xFF\x4F\xFF\x51"),   // JPEG 2000 codestream
    (0, b"qoif"),               // QOI
    (0, b"\x76\x2F\x31\x01"),   // OpenEXR
    (0, b"DDS "),               // DirectDraw surface
    (0, b"II\xBC\x01"),         // JPEG XR
    (4, b"ftypheic"),
    (4, b"ftypheix"),
    (4, b"ftyphevc"),
    (4, b"ftyphevx"),
    (4, b"ftypheim"),
    (4, b"ftypheis"),
    (4, b"ftypmif1"),
    (4, b"ftypmif2"),
    (4, b"ftypmsf1"),
    (4, b"ftypavif"),
    (4, b"ftypavis"),
];

pub(crate) fn sniff(bytes: &[u8]) -> Option<Kind> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if at(0, b"\xFF\xD8\xFF") {
        Some(Kind::Jpeg)
    } else if at(0, b"\x89PNG\r\n\x1A\n") {
        Some(Kind::Png)
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some(Kind::Webp)
    } else if OTHER.iter().any(|&(offset, magic)| at(offset, magic))
        // "BM" alone starts many texts; a bitmap's reserved bytes are zero.
        || (at(0, b"BM") && at(6, &[0; 4]))
        || is_svg(bytes)
    {
        Some(Kind::Other)
    } else {
        None
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let head = &text[..text.len().min(SVG_WINDOW)];
    head.starts_with(b"<") && memchr::memmem::find(head, b"<svg").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_about_svg_is_not_svg() {
        assert_eq!(sniff(b"how to write <svg>"), None);
        assert_eq!(sniff(b"<html><body></body></html>"), None);
        assert_eq!(sniff(b" \n<?xml version=\"1.0\"?><svg/>"), Some(Kind::Other));
    }

    #[test]
    fn a_text_starting_like_a_bitmap_is_not_one() {
        assert_eq!(sniff(b"BMW for sale, one owner"), None);
        assert_eq!(sniff(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0"), Some(Kind::Other));
    }
}
