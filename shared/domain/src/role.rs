//! What people may do.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumString};

use crate::Violation;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, Display, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Books sitters.
    Parent,
    /// Is booked.
    Sitter,
    /// Operates the marketplace. Nobody can register as one.
    Admin,
}

impl Role {
    /// Reads a role that a stranger may choose.
    pub fn parse_registrable(raw: &str) -> Result<Self, Violation> {
        match raw.parse() {
            Ok(role @ (Self::Parent | Self::Sitter)) => Ok(role),
            Ok(Self::Admin) | Err(_) => Err(Violation::new("invalid_role", "must be parent or sitter")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_registers_as_admin() {
        assert_eq!(Role::parse_registrable("sitter").unwrap(), Role::Sitter);
        for raw in ["admin", "Parent", "", "root"] {
            assert_eq!(Role::parse_registrable(raw).unwrap_err().code, "invalid_role", "{raw}");
        }
    }
}
