//! The one thing wanted from EXIF: which way up the picture is.

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
/// Length of one directory entry: tag, type, count, value.
const ENTRY_LENGTH: usize = 12;

/// How stored pixels relate to the picture as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Orientation {
    #[default]
    Upright,
    MirroredHorizontally,
    UpsideDown,
    MirroredVertically,
    Transposed,
    /// To be turned a quarter clockwise.
    Clockwise,
    Transversed,
    /// To be turned a quarter counter-clockwise.
    CounterClockwise,
}

impl Orientation {
    fn from_exif(value: u16) -> Option<Self> {
        Some(match value {
            1 => Self::Upright,
            2 => Self::MirroredHorizontally,
            3 => Self::UpsideDown,
            4 => Self::MirroredVertically,
            5 => Self::Transposed,
            6 => Self::Clockwise,
            7 => Self::Transversed,
            8 => Self::CounterClockwise,
            _ => return None,
        })
    }

    /// Reads it from an EXIF block, with or without the `Exif\0\0` in front.
    /// Anything unreadable counts as upright: a broken EXIF block is no reason
    /// to refuse a good photo.
    pub(crate) fn from_block(block: &[u8]) -> Self {
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        find(tiff).and_then(Self::from_exif).unwrap_or_default()
    }
}

fn find(tiff: &[u8]) -> Option<u16> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let raw = tiff.get(at..)?.first_chunk::<2>()?;
        Some(if little { u16::from_le_bytes(*raw) } else { u16::from_be_bytes(*raw) })
    };
    let offset = tiff.get(4..)?.first_chunk::<4>()?;
    let directory = if little { u32::from_le_bytes(*offset) } else { u32::from_be_bytes(*offset) } as usize;
    let entries = directory.checked_add(2)?;
    (0..usize::from(short(directory)?))
        .map_while(|index| {
            let at = entries.checked_add(index * ENTRY_LENGTH)?;
            Some((at, short(at)?, short(at + 2)?))
        })
        .find(|&(_, tag, kind)| tag == ORIENTATION_TAG && kind == TYPE_SHORT)
        .and_then(|(at, ..)| short(at + 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_byte_orders() {
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(Orientation::from_block(little), Orientation::Clockwise);
        assert_eq!(Orientation::from_block(big), Orientation::CounterClockwise);
    }

    #[test]
    fn damage_counts_as_upright() {
        let block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        for length in 0..19 {
            assert_eq!(Orientation::from_block(&block[..length]), Orientation::Upright);
        }
        let mut far = *block;
        far[4..8].copy_from_slice(&[0xFF; 4]);
        assert_eq!(Orientation::from_block(&far), Orientation::Upright);
        let mut nonsense = *block;
        nonsense[18] = 9;
        assert_eq!(Orientation::from_block(&nonsense), Orientation::Upright);
    }
}
