use api::{App, FieldProblem, Fields, Json, Problem, Rate};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use domain::{
    Violation,
    booking::policy::Policy,
    care::{AgeGroup, Skill, Word, names},
    geo::{Point, Radius, latitude, longitude},
    language::{Language, MAX_LANGUAGES},
    listing::State,
    sitter::{Bio, Draft, Headline, Home, NotYet, Part, Sitter, Town},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a sitter starts from. Others are shown the town, and see distances from a point that all homes of
/// some five square kilometres have in common.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SitterHome)]
pub struct HomeBody {
    /// In degrees, WGS 84.
    #[schema(example = 53.7416, minimum = -90, maximum = 90)]
    latitude: f64,
    /// In degrees, WGS 84.
    #[schema(example = -2.0133, minimum = -180, maximum = 180)]
    longitude: f64,
    /// A town or a part of one.
    #[schema(example = "Hebden Bridge", min_length = 1, max_length = 80)]
    town: String,
}

/// What a sitter tells about themselves. It takes the place of what was told before; what is left out is
/// empty. A profile that is shown, or is to be, must be complete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutSitterProfileRequest)]
pub struct Request {
    /// One line beneath the name.
    #[schema(example = "Patient and playful, ten years of experience", max_length = 100)]
    headline: Option<String>,
    /// Paragraphs about the sitter.
    #[schema(example = "I have looked after children for ten years.", max_length = 2000)]
    bio: Option<String>,
    /// That they speak with children, as ISO 639 codes.
    #[serde(default)]
    #[schema(example = json!(["en", "fr"]), max_items = 10)]
    languages: Vec<String>,
    /// Whom they look after: `infant`, `toddler`, `preschool`, `school`, `teen`.
    #[serde(default)]
    #[schema(example = json!(["toddler", "preschool"]), max_items = 5)]
    age_groups: Vec<String>,
    /// What else they can do, e.g. `first_aid`, `cooking`, `school_run`.
    #[serde(default)]
    #[schema(example = json!(["first_aid", "cooking"]), max_items = 18)]
    skills: Vec<String>,
    /// What an hour costs.
    hourly_rate: Option<Rate>,
    /// Where they start from.
    home: Option<HomeBody>,
    /// How far they go: 1,000 to 50,000; 10,000 unless told.
    #[schema(example = 10_000, minimum = 1_000, maximum = 50_000)]
    travel_radius_metres: Option<u32>,
    /// What families owe who call off: `flexible` (free until a day before, then half), unless told, `moderate` (free until
    /// three days before, then half, on the last day everything), or `strict` (free until a week before, then half,
    /// in the last two days everything).
    #[schema(example = "flexible", pattern = "^(flexible|moderate|strict)$")]
    cancellation_policy: Option<String>,
    /// Whether parents are to find them. The first time, an admin looks at the profile before.
    #[schema(example = true)]
    visible: bool,
}

/// A sitter's own profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SitterProfile)]
pub struct View {
    /// One line beneath the name.
    headline: Option<String>,
    /// Paragraphs about the sitter.
    bio: Option<String>,
    /// That they speak with children, as ISO 639 codes.
    #[schema(example = json!(["en", "fr"]))]
    languages: Vec<String>,
    /// Whom they look after.
    #[schema(example = json!(["toddler", "preschool"]))]
    age_groups: Vec<String>,
    /// What else they can do.
    #[schema(example = json!(["first_aid", "cooking"]))]
    skills: Vec<String>,
    /// What an hour costs.
    hourly_rate: Option<Rate>,
    /// Where they start from.
    home: Option<HomeBody>,
    /// How far they go.
    #[schema(example = 10_000)]
    travel_radius_metres: u32,
    /// What families owe who call off: `flexible`, `moderate` or `strict`.
    #[schema(value_type = String, example = "flexible")]
    cancellation_policy: Policy,
    /// `draft`, `in_review`, `listed`, `paused` or `suspended`.
    #[schema(value_type = String, example = "listed")]
    state: State,
    /// How much of the profile there is.
    completeness: Completeness,
    /// Until when the background check is good, that day included.
    #[schema(value_type = Option<String>, format = Date)]
    background_checked_until: Option<jiff::civil::Date>,
    /// When parents found them for the first time.
    #[schema(value_type = Option<String>, format = DateTime)]
    listed_at: Option<Timestamp>,
    /// Rises with each change; the `ETag`.
    version: u64,
}

/// How much of a profile there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Completeness {
    /// From 0 to 100.
    #[schema(example = 75)]
    percent: usize,
    /// What is missing still, e.g. `picture`.
    #[schema(example = json!(["availability", "picture"]))]
    missing: Vec<String>,
}

impl Request {
    pub(crate) fn parse(self) -> Result<(Draft, bool), Problem> {
        let mut fields = Fields::default();
        let headline = fields.take_optional("/headline", self.headline.as_deref().map(Headline::parse));
        let bio = fields.take_optional("/bio", self.bio.as_deref().map(Bio::parse));
        let languages = fields.take_all("/languages", &self.languages, MAX_LANGUAGES, Language::parse);
        let ages = fields.take_all("/age_groups", &self.age_groups, 5, AgeGroup::parse);
        let skills = fields.take_all("/skills", &self.skills, 18, Skill::parse);
        let rate = self.hourly_rate.map(|rate| rate.parse("/hourly_rate", &mut fields));
        let home = self.home.map(|home| home.parse(&mut fields));
        let policy = self.cancellation_policy.as_deref().map(Policy::parse);
        let policy = fields.take_optional("/cancellation_policy", policy);
        let travels =
            fields.take_optional("/travel_radius_metres", self.travel_radius_metres.map(Radius::parse));
        let parsed = (|| {
            Some(Draft {
                headline: headline?,
                bio: bio?,
                languages: languages?.into_iter().collect(),
                ages: ages?.into_iter().collect(),
                skills: skills?.into_iter().collect(),
                rate: match rate {
                    Some(rate) => Some(rate?),
                    None => None,
                },
                home: match home {
                    Some(home) => Some(home?),
                    None => None,
                },
                travels: travels?.unwrap_or_default(),
                policy: policy?.unwrap_or_default(),
            })
        })();
        parsed.map(|draft| (draft, self.visible)).ok_or_else(|| fields.into_problem())
    }
}

impl HomeBody {
    fn parse(&self, fields: &mut Fields) -> Option<Home> {
        let latitude = fields.take("/home/latitude", latitude(self.latitude));
        let longitude = fields.take("/home/longitude", longitude(self.longitude));
        let town = fields.take("/home/town", Town::parse(&self.town));
        Some(Home { point: Point::parse(latitude?, longitude?).ok()?, town: town? })
    }
}

impl From<Home> for HomeBody {
    fn from(home: Home) -> Self {
        Self { latitude: home.point.latitude(), longitude: home.point.longitude(), town: home.town.into() }
    }
}

impl From<Sitter> for View {
    fn from(sitter: Sitter) -> Self {
        let completeness = sitter.completeness();
        let completeness =
            Completeness { percent: completeness.percent(), missing: part_names(&completeness.missing) };
        let profile = sitter.profile;
        Self {
            headline: profile.headline.map(String::from),
            bio: profile.bio.map(String::from),
            languages: profile.languages.into_iter().map(String::from).collect(),
            age_groups: names(profile.ages),
            skills: names(profile.skills),
            hourly_rate: profile.rate.map(Rate::from),
            home: profile.home.map(HomeBody::from),
            travel_radius_metres: profile.travels.metres(),
            cancellation_policy: profile.policy,
            state: profile.state,
            completeness,
            background_checked_until: sitter.record.checked_until,
            listed_at: profile.listed_at,
            version: profile.version,
        }
    }
}

fn part_names(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| part.as_ref().to_owned()).collect()
}

/// The answer that shows a profile, with its version as the `ETag`.
pub(crate) fn answer(sitter: Sitter) -> impl IntoResponse {
    (etag(sitter.profile.version), Json(View::from(sitter)))
}

/// A version as the `ETag`.
pub(crate) fn etag(version: u64) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("\"{version}\"")).ok();
    value.map(|value| (header::ETAG, value)).into_iter().collect()
}

/// The sitter who calls, as a whole.
pub(crate) async fn own(app: &App, caller: api::SignedIn) -> Result<Sitter, Problem> {
    app.tables().sitter(caller.user_id).await?.ok_or_else(Problem::unauthenticated)
}

/// 409: why a profile cannot become what was wished.
pub(crate) fn not_yet(reason: NotYet) -> Problem {
    let conflict = |code, detail: &'static str| Problem::new(StatusCode::CONFLICT, code, detail);
    match reason {
        NotYet::Incomplete(missing) => {
            let violation = || Violation::new("required", "must be there before parents see the profile");
            let errors = missing.iter().map(|part| FieldProblem::new(pointer(*part), violation()));
            conflict("profile_incomplete", "The profile is not complete; see errors.")
                .with_errors(errors.collect())
        }
        NotYet::Unverified => Problem::email_unverified(),
        NotYet::Unchecked => conflict("not_checked", "There is no valid background check."),
        NotYet::Refused(refused) => Problem::new(StatusCode::CONFLICT, "wrong_state", refused.to_string()),
    }
}

/// Where a part is written: some of them by other requests.
fn pointer(part: Part) -> &'static str {
    match part {
        Part::Headline => "/headline",
        Part::Bio => "/bio",
        Part::Languages => "/languages",
        Part::Ages => "/age_groups",
        Part::Rate => "/hourly_rate",
        Part::Home => "/home",
        Part::Availability => "/availability",
        Part::Picture => "/picture",
    }
}
