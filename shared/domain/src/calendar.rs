//! Days of the calendar.

use jiff::civil::Date;

use crate::Violation;

/// Reads a day in its one form, e.g. `2026-03-01`: the parser knows others, too.
pub fn date(raw: &str) -> Result<Date, Violation> {
    let parsed = raw.parse::<Date>().ok().filter(|date| date.to_string() == raw);
    parsed.ok_or_else(|| Violation::new("invalid_date", "must be a date such as 2026-03-01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_form() {
        assert_eq!(date("2026-03-01").unwrap(), jiff::civil::date(2026, 3, 1));
        for raw in
            ["", "2026-3-1", "20260301", "2026-02-30", "2026-03-01T00:00", "2026-03-01Z", "+002026-03-01"]
        {
            assert_eq!(date(raw).unwrap_err().code, "invalid_date", "{raw}");
        }
    }
}
