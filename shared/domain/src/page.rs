//! Pages of lists.

use crate::Violation;

/// How many items a page has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

const MAX: u8 = 100;
const DEFAULT: u8 = 50;

impl Limit {
    /// Reads what a client asks for.
    pub fn parse(raw: Option<&str>) -> Result<Self, Violation> {
        let Some(raw) = raw else { return Ok(Self(DEFAULT)) };
        match raw.parse() {
            Ok(limit @ 1..=MAX) => Ok(Self(limit)),
            _ => Err(Violation::new("out_of_range", format!("must be a whole number from 1 to {MAX}"))),
        }
    }

    /// For the store.
    pub fn get(self) -> i32 {
        self.0.into()
    }

    /// For comparing with the length of a page.
    pub fn size(self) -> usize {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded() {
        assert_eq!(Limit::parse(None).unwrap().size(), 50);
        assert_eq!(Limit::parse(Some("100")).unwrap().get(), 100);
        for raw in ["", "0", "101", "-1", "1.5", "ten", "256"] {
            assert_eq!(Limit::parse(Some(raw)).unwrap_err().code, "out_of_range", "{raw}");
        }
    }
}
