//! What a parent tells about their home and what they look for.

use enumset::EnumSet;

use crate::{
    address::Address,
    care::Skill,
    geo::{Point, Radius},
    id::UserId,
    language::Languages,
    money::HourlyRate,
};

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
    /// Rises by one with each change; what an `If-Match` names.
    pub version: u64,
}
