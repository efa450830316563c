use api::{App, Fields, Problem};
use domain::{
    Violation,
    availability::Span,
    care::{AgeGroup, Skill, Word},
    geo::{Point, Radius, latitude, longitude},
    language::{Language, MAX_LANGUAGES},
    money::{Currency, HourlyRate},
    page::Limit,
    search::{Position, Query, Sort, Words},
    sitter::{last_day, today},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// What a parent looks for. Everything that is asked for must be so.
#[derive(Debug, Default, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Words of the name, the headline, the skills and the bio, each of which must be found. Other forms of
    /// a word, accents and one wrong letter are forgiven.
    #[param(example = "french", nullable = false, max_length = 100)]
    q: Option<String>,
    /// Where the children are, in degrees, WGS 84.
    #[param(value_type = f64, required, example = 53.7416, minimum = -90, maximum = 90, nullable = false)]
    latitude: Option<String>,
    /// In degrees, WGS 84.
    #[param(value_type = f64, required, example = -2.0133, minimum = -180, maximum = 180, nullable = false)]
    longitude: Option<String>,
    /// How far away a sitter may live, who must also come that far: 1,000 to 50,000; 10,000 unless told.
    #[param(value_type = Option<u32>, minimum = 1_000, maximum = 50_000, nullable = false)]
    radius_metres: Option<String>,
    /// From when on a sitter is needed, by RFC 3339. With `ends_at`; at most 72 hours.
    #[param(format = DateTime, nullable = false)]
    starts_at: Option<String>,
    /// Until when.
    #[param(format = DateTime, nullable = false)]
    ends_at: Option<String>,
    /// What an hour may cost at most, in minor units of `currency`.
    #[param(value_type = Option<u32>, minimum = 100, maximum = 20_000, nullable = false)]
    max_rate_minor: Option<String>,
    /// Of `max_rate_minor`: GBP, unless told, or EUR.
    #[param(pattern = "^(GBP|EUR)$", nullable = false)]
    currency: Option<String>,
    /// Each must be spoken: ISO 639 codes, with commas between.
    #[param(example = "en,fr", nullable = false)]
    languages: Option<String>,
    /// Each must be looked after: of `infant`, `toddler`, `preschool`, `school`, `teen`, with commas between.
    #[param(example = "toddler", nullable = false)]
    age_groups: Option<String>,
    /// Each must be there, with commas between.
    #[param(example = "first_aid", nullable = false)]
    skills: Option<String>,
    /// On average; those without a review are left out.
    #[param(value_type = Option<f64>, minimum = 1, maximum = 5, nullable = false)]
    min_rating: Option<String>,
    /// What comes first: `relevance` (the nearest, where no words are asked for), unless told, `distance`,
    /// `rating` or `price`.
    #[param(pattern = "^(relevance|distance|rating|price)$", nullable = false)]
    sort: Option<String>,
    /// How many at most, 1 to 100; 20 unless told.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
    /// The `next_cursor` of the page before, of the same question.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Longer than any booking; the hours of a night, or of a weekend away.
const LONGEST: SignedDuration = SignedDuration::from_hours(72);
/// How many a page has unless told.
pub(crate) const PAGE: &str = "20";

impl Parameters {
    /// What they ask for. Nothing has been read when something is wrong with them.
    pub(crate) fn parse(&self, now: Timestamp) -> Result<(Query, Limit), Problem> {
        let mut fields = Fields::default();
        let words = fields.take("q", Words::parse(self.q.as_deref().unwrap_or_default()));
        let near = place(&mut fields, self.latitude.as_deref(), self.longitude.as_deref());
        let radius = number(self.radius_metres.as_deref(), "a whole number of metres")
            .map(|metres| metres.and_then(Radius::parse));
        let radius = fields.take_optional("radius_metres", radius);
        let when = span(&mut fields, self.starts_at.as_deref(), self.ends_at.as_deref(), LONGEST);
        let currency = fields.take_optional("currency", self.currency.as_deref().map(Currency::parse));
        let rate = number(self.max_rate_minor.as_deref(), "a whole number of minor units").map(|amount| {
            amount.and_then(|amount| HourlyRate::parse(amount, currency.flatten().unwrap_or_default()))
        });
        let rate = fields.take_optional("max_rate_minor", rate);
        let languages =
            fields.take_list("languages", self.languages.as_deref(), MAX_LANGUAGES, Language::parse);
        let ages = fields.take_list("age_groups", self.age_groups.as_deref(), 5, AgeGroup::parse);
        let skills = fields.take_list("skills", self.skills.as_deref(), 18, Skill::parse);
        let min_rating = fields.take_optional("min_rating", self.min_rating.as_deref().map(stars));
        let sort = fields.take_optional("sort", self.sort.as_deref().map(Sort::parse));
        let limit = fields.take("limit", Limit::parse(Some(self.limit.as_deref().unwrap_or(PAGE))));
        let parsed = (|| {
            let query = Query {
                words: words?,
                near: near?,
                radius: radius?.unwrap_or_default(),
                when: when?,
                rate: rate?.map(HourlyRate::money),
                languages: languages?.into_iter().collect(),
                ages: ages?.into_iter().collect(),
                skills: skills?.into_iter().collect(),
                min_rating: min_rating?,
                sort: sort?.unwrap_or_default(),
                today: when.flatten().map_or(today(now), |span| last_day(span).max(today(now))),
            };
            currency?;
            Some((query, limit?))
        })();
        parsed.ok_or_else(|| fields.into_problem())
    }

    /// The question that a cursor belongs to: all of it but which page.
    pub(crate) fn question(&self) -> Result<String, Problem> {
        let asked = Self { limit: None, cursor: None, ..self.clone() };
        let asked = serde_json::to_string(&asked).map_err(|_| Problem::internal())?;
        Ok(format!("sitters/search {asked}"))
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// Where the page before has ended.
pub(crate) async fn position(
    app: &App,
    question: &str,
    cursor: Option<&str>,
) -> Result<Option<Position>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let opened = app.cursors().await?.open(question, cursor);
    let opened = opened.map_err(|violation| Problem::invalid_field("cursor", violation))?;
    Position::decode(&opened).map(Some).ok_or_else(Problem::internal)
}

/// A place that must be given.
pub(crate) fn place(fields: &mut Fields, north: Option<&str>, east: Option<&str>) -> Option<Point> {
    let degrees = |raw: Option<&str>| {
        let raw = raw.ok_or_else(|| Violation::new("required", "must be given"))?;
        raw.parse().map_err(|_| Violation::new("wrong_type", "must be a number of degrees"))
    };
    let north = fields.take("latitude", degrees(north).and_then(latitude));
    let east = fields.take("longitude", degrees(east).and_then(longitude));
    Point::parse(north?, east?).ok()
}

fn number(raw: Option<&str>, what: &str) -> Option<Result<u32, Violation>> {
    raw.map(|raw| raw.parse().map_err(|_| Violation::new("wrong_type", format!("must be {what}"))))
}

/// Hundredths of a star.
fn stars(raw: &str) -> Result<u32, Violation> {
    let invalid = || Violation::new("out_of_range", "must be from 1 to 5, with at most two places");
    let (whole, places) = raw.split_once('.').unwrap_or((raw, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 1) || !digits(places, 2) {
        return Err(invalid());
    }
    let hundredths = format!("{whole}{places:0<2}").parse().map_err(|_| invalid())?;
    if (100..=500).contains(&hundredths) { Ok(hundredths) } else { Err(invalid()) }
}

/// Time on end, of which both moments are given or neither.
pub(crate) fn span(
    fields: &mut Fields,
    start: Option<&str>,
    end: Option<&str>,
    longest: SignedDuration,
) -> Option<Option<Span>> {
    let moment = |raw: Option<&str>| -> Result<Timestamp, Violation> {
        let raw = raw.ok_or_else(|| Violation::new("required", "must be given with the other"))?;
        let message = "must be a time by RFC 3339 such as 2026-12-24T18:00:00Z";
        // Years with a sign are of another standard, and do not sort as text.
        let parsed = raw.parse().ok().filter(|_| raw.starts_with(|first: char| first.is_ascii_digit()));
        parsed.ok_or_else(|| Violation::new("invalid_time", message))
    };
    if start.is_none() && end.is_none() {
        return Some(None);
    }
    let start = fields.take("starts_at", moment(start));
    let end = fields.take("ends_at", moment(end));
    fields.take("ends_at", Span::parse(start?, end?, longest)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_check_must_be_good_on_the_last_day_that_is_asked_for() {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let day = |starts_at: Option<&str>, ends_at: Option<&str>| {
            let asked = serde_json::json!({
                "latitude": "53.74", "longitude": "-2.01", "starts_at": starts_at, "ends_at": ends_at,
            });
            serde_json::from_value::<Parameters>(asked).unwrap().parse(now).unwrap().0.today
        };
        assert_eq!(day(None, None), date(2026, 11, 25));
        let evening = |end| day(Some("2026-12-24T18:00:00Z"), Some(end));
        assert_eq!(evening("2026-12-25T00:00:00Z"), date(2026, 12, 24));
        assert_eq!(evening("2026-12-25T00:00:01Z"), date(2026, 12, 25));
        let past = day(Some("2026-11-20T18:00:00Z"), Some("2026-11-20T22:00:00Z"));
        assert_eq!(past, date(2026, 11, 25));
    }

    #[test]
    fn stars_have_two_places() {
        assert_eq!(["1", "4.5", "4.55", "5.0"].map(|raw| stars(raw).unwrap()), [100, 450, 455, 500]);
        for raw in ["", "0.99", "5.01", "4.555", "-1", "+4", "4.", ".5", "NaN", "1e0"] {
            assert_eq!(stars(raw).unwrap_err().code, "out_of_range", "{raw}");
        }
    }
}
