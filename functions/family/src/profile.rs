use api::{Fields, Json, Problem, Rate, Settings};
use axum::{http::header, response::IntoResponse};
use domain::{
    address::{self, Country, Lines, Postcode},
    care::{Skill, Word, names},
    display_name::DisplayName,
    geo::{self, Point, Radius},
    id::UserId,
    language::{Language, MAX_LANGUAGES},
    parent::{EmergencyContact, Profile},
    phone::PhoneNumber,
    sitter::Town,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// More skills than there are.
const MAX_SKILLS: usize = 32;

/// What a parent looks for, and from where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ParentProfileRequest)]
pub struct Request {
    /// Where the family lives. Nobody else sees it.
    address: Address,
    /// The same place on the map. Nobody else sees it; distances are measured from there.
    location: Location,
    /// How far away a sitter may live, in metres: 1 to 50 km; 10 km unless told.
    #[serde(default = "default_radius")]
    #[schema(example = 10_000, minimum = 1000, maximum = 50_000)]
    radius_metres: u32,
    /// That the family speaks, as ISO 639 codes.
    #[serde(default)]
    #[schema(example = json!(["en", "pl"]), max_items = 10)]
    languages: Vec<String>,
    /// What a sitter should be able to do.
    #[serde(default)]
    #[schema(example = json!(["first_aid", "twins"]), max_items = 32)]
    skills: Vec<String>,
    /// The most that an hour may cost.
    #[serde(default)]
    max_rate: Option<Rate>,
    /// Who is told at once when somebody calls for help in a booking.
    #[serde(default)]
    emergency_contact: Option<Contact>,
}

fn default_radius() -> u32 {
    Radius::default().metres()
}

/// As it stands on an envelope.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// House and street.
    #[schema(example = "1 Mill Lane", min_length = 1, max_length = 200)]
    lines: String,
    /// Or a part of one.
    #[schema(example = "Hebden Bridge", min_length = 1, max_length = 80)]
    town: String,
    /// As the country writes it.
    #[schema(example = "HX7 8AD", min_length = 1, max_length = 12)]
    postcode: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "GB", pattern = "^[A-Z]{2}$")]
    country: String,
}

/// Who is told at once when somebody calls for help. Nobody else sees it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmergencyContact)]
pub struct Contact {
    /// How the family calls them.
    #[schema(example = "Grandma Annabella", min_length = 1, max_length = 80)]
    name: String,
    /// A mobile number, which gets a text.
    #[schema(example = "+44 7400 123456", max_length = 32)]
    phone: String,
}

/// In WGS 84.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// In degrees.
    #[schema(example = 53.7416, minimum = -90, maximum = 90)]
    latitude: f64,
    /// In degrees.
    #[schema(example = -2.0133, minimum = -180, maximum = 180)]
    longitude: f64,
}

impl Request {
    /// As the first one.
    pub(crate) fn parse(&self, user_id: UserId, settings: &Settings) -> Result<Profile, Problem> {
        let mut fields = Fields::default();
        let address = self.address.parse(&mut fields);
        let point = self.location.parse(&mut fields);
        let radius = fields.take("/radius_metres", Radius::parse(self.radius_metres));
        let languages = fields.take_all("/languages", &self.languages, MAX_LANGUAGES, Language::parse);
        let skills = fields.take_all("/skills", &self.skills, MAX_SKILLS, Skill::parse);
        let max_rate = match &self.max_rate {
            Some(rate) => rate.parse("/max_rate", &mut fields).map(Some),
            None => Some(None),
        };
        let emergency_contact = match &self.emergency_contact {
            Some(contact) => contact.parse(&mut fields, settings).map(Some),
            None => Some(None),
        };
        let profile = || {
            Some(Profile {
                user_id,
                address: address?,
                point: point?,
                radius: radius?,
                languages: languages?.into_iter().collect(),
                skills: skills?.into_iter().collect(),
                max_rate: max_rate?,
                emergency_contact: emergency_contact?,
                version: 1,
            })
        };
        profile().ok_or_else(|| fields.into_problem())
    }
}

impl Contact {
    fn parse(&self, fields: &mut Fields, settings: &Settings) -> Option<EmergencyContact> {
        let name = fields.take("/emergency_contact/name", DisplayName::parse(&self.name));
        let phone = PhoneNumber::parse(&self.phone).and_then(|phone| settings.served(phone));
        let phone = fields.take("/emergency_contact/phone", phone);
        Some(EmergencyContact { name: name?, phone: phone? })
    }
}

impl Address {
    fn parse(&self, fields: &mut Fields) -> Option<address::Address> {
        let lines = fields.take("/address/lines", Lines::parse(&self.lines));
        let town = fields.take("/address/town", Town::parse(&self.town));
        let postcode = fields.take("/address/postcode", Postcode::parse(&self.postcode));
        let country = fields.take("/address/country", Country::parse(&self.country));
        Some(address::Address { lines: lines?, town: town?, postcode: postcode?, country: country? })
    }
}

impl Location {
    fn parse(&self, fields: &mut Fields) -> Option<Point> {
        let latitude = fields.take("/location/latitude", geo::latitude(self.latitude));
        let longitude = fields.take("/location/longitude", geo::longitude(self.longitude));
        Point::parse(latitude?, longitude?).ok()
    }
}

/// What a parent looks for, and from where.
#[derive(Serialize, ToSchema)]
#[schema(as = ParentProfile)]
pub struct View {
    /// Where the family lives. Nobody else sees it.
    address: Address,
    /// The same place on the map. Nobody else sees it; distances are measured from there.
    location: Location,
    /// How far away a sitter may live, in metres.
    #[schema(example = 10_000)]
    radius_metres: u32,
    /// That the family speaks, as ISO 639 codes.
    #[schema(example = json!(["en", "pl"]))]
    languages: Vec<String>,
    /// What a sitter should be able to do.
    #[schema(example = json!(["first_aid", "twins"]))]
    skills: Vec<String>,
    /// The most that an hour may cost.
    max_rate: Option<Rate>,
    /// Who is told at once when somebody calls for help in a booking.
    emergency_contact: Option<Contact>,
    /// Rises with each change; the `ETag`.
    #[schema(example = 1)]
    version: u64,
}

/// The answer that shows a profile, with its version as the `ETag`.
pub(crate) fn answer(profile: Profile) -> impl IntoResponse {
    let view = View {
        address: Address {
            country: profile.address.country.as_str().to_owned(),
            lines: profile.address.lines.into(),
            town: profile.address.town.into(),
            postcode: profile.address.postcode.into(),
        },
        location: Location { latitude: profile.point.latitude(), longitude: profile.point.longitude() },
        radius_metres: profile.radius.metres(),
        languages: profile.languages.iter().map(ToString::to_string).collect(),
        skills: names(profile.skills),
        max_rate: profile.max_rate.map(Rate::from),
        emergency_contact: profile
            .emergency_contact
            .map(|contact| Contact { name: contact.name.into(), phone: contact.phone.into() }),
        version: profile.version,
    };
    ([(header::ETAG, format!("\"{}\"", profile.version))], Json(view))
}
