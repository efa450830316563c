//! The wall clock a person lives by.

use serde::{Deserialize, Serialize};

use crate::Violation;

/// The name of a time zone in the IANA database, e.g. `Europe/London`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Reads a name and gives it the database's own spelling.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        jiff::tz::TimeZone::get(raw)
            .ok()
            .and_then(|zone| zone.iana_name().map(|name| Self(name.to_owned())))
            .ok_or_else(|| {
                Violation::new("invalid_time_zone", "must be an IANA time zone such as Europe/London")
            })
    }

    /// The name, for people and for `jiff`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When its clocks show what.
    pub fn rules(&self) -> jiff::tz::TimeZone {
        // The name came from the same database.
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// The zone of the town that NannyRadar starts in.
impl Default for TimeZoneName {
    fn default() -> Self {
        Self("Europe/London".to_owned())
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<TimeZoneName> for String {
    fn from(zone: TimeZoneName) -> Self {
        zone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_database() {
        assert_eq!(TimeZoneName::parse("europe/london").unwrap().as_str(), "Europe/London");
        assert_eq!(TimeZoneName::parse(TimeZoneName::default().as_str()).unwrap(), TimeZoneName::default());
        for raw in ["", "Mars/Olympus", "+01:00", "../../etc/passwd"] {
            assert_eq!(TimeZoneName::parse(raw).unwrap_err().code, "invalid_time_zone", "{raw}");
        }
    }
}
