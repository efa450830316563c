//! What a parent tells about their home and what they look for.

use enumset::EnumSet;
use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    care::Skill,
    display_name::DisplayName,
    geo::{Point, Radius},
    id::UserId,
    language::Languages,
    money::HourlyRate,
    phone::PhoneNumber,
};

/// Who is told at once when help is called for. Private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyContact {
    /// How the family calls them.
    pub name: DisplayName,
    /// A text goes there.
    pub phone: PhoneNumber,
}

/// What a parent looks for, and from where. Others see nothing of it: it serves distances and
/// recommendations.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Whose.
    pub user_id: UserId,
    /// Where the family lives. Private.
    pub address: Address,
    /// The same place on the map. Private.
    pub point: Point,
    /// How far away a sitter may live.
    pub radius: Radius,
    /// That the family speaks.
    pub languages: Languages,
    /// What a sitter should be able to do.
    pub skills: EnumSet<Skill>,
    /// The most that an hour may cost, if that is bounded.
    pub max_rate: Option<HourlyRate>,
    /// Who is told when help is called for, if there is somebody.
    pub emergency_contact: Option<EmergencyContact>,
    /// Rises by one with each change; what an `If-Match` names.
    pub version: u64,
}
