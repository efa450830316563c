//! The wall clock a person lives by.

use jiff::{Timestamp, civil::Date};
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

    /// The day that its calendars show at that moment.
    pub fn today(&self, now: Timestamp) -> Date {
        self.rules().to_datetime(now).date()
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
        let now = "2026-11-30T11:00:00Z".parse().unwrap();
        for (zone, today) in [
            ("Pacific/Auckland", "2026-12-01"),
            ("Europe/London", "2026-11-30"),
            ("Pacific/Pago_Pago", "2026-11-30"),
            ("Pacific/Kiritimati", "2026-12-01"),
        ] {
            assert_eq!(TimeZoneName::parse(zone).unwrap().today(now).to_string(), today, "{zone}");
        }
        for raw in ["", "Mars/Olympus", "+01:00", "../../etc/passwd"] {
            assert_eq!(TimeZoneName::parse(raw).unwrap_err().code, "invalid_time_zone", "{raw}");
        }
    }
}
