use api::{Fields, Json, Problem};
use axum::{http::header, response::IntoResponse};
use domain::{
    care::AgeGroup,
    child::{Allergies, BirthMonth, Child, Details, Name, Needs},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is told of a child.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChildRequest)]
pub struct Request {
    /// What it is called.
    #[schema(example = "Byron", min_length = 1, max_length = 80)]
    name: String,
    /// The month that it was born in: at most 18 years ago.
    #[schema(example = "2022-03", pattern = r"^\d{4}-\d{2}$")]
    birth_month: String,
    /// What it must not eat or touch.
    #[serde(default)]
    #[schema(example = "Peanuts", max_length = 500)]
    allergies: Option<String>,
    /// What else a sitter must know.
    #[serde(default)]
    #[schema(example = "Sleeps with a lamp", max_length = 1000)]
    needs: Option<String>,
}

impl Request {
    pub(crate) fn parse(&self, today: Date) -> Result<Details, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", Name::parse(&self.name));
        let birth_month = fields.take("/birth_month", BirthMonth::parse(&self.birth_month, today));
        let allergies = fields.take_optional("/allergies", self.allergies.as_deref().map(Allergies::parse));
        let needs = fields.take_optional("/needs", self.needs.as_deref().map(Needs::parse));
        match (name, birth_month, allergies, needs) {
            (Some(name), Some(birth_month), Some(allergies), Some(needs)) => {
                Ok(Details { name, birth_month, allergies, needs })
            }
            _ => Err(fields.into_problem()),
        }
    }
}

/// A child.
#[derive(Serialize, ToSchema)]
#[schema(as = Child)]
pub struct View {
    /// The child.
    #[schema(example = "kid_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What it is called.
    #[schema(example = "Byron")]
    name: String,
    /// The month that it was born in.
    #[schema(example = "2022-03")]
    birth_month: String,
    /// How old it is; `null` when it has grown up.
    #[schema(value_type = Option<String>, example = "preschool")]
    age_group: Option<AgeGroup>,
    /// What it must not eat or touch.
    #[schema(example = "Peanuts")]
    allergies: Option<String>,
    /// What else a sitter must know.
    #[schema(example = "Sleeps with a lamp")]
    needs: Option<String>,
    /// Rises with each change; the `ETag`.
    #[schema(example = 1)]
    version: u64,
}

/// The answer that shows a child, with its version as the `ETag`.
pub(crate) fn answer(child: Child, today: Date) -> impl IntoResponse {
    let Details { name, birth_month, allergies, needs } = child.details;
    let view = View {
        id: child.id.to_string(),
        name: name.into(),
        birth_month: birth_month.to_string(),
        age_group: birth_month.age_group(today),
        allergies: allergies.map(String::from),
        needs: needs.map(String::from),
        version: child.version,
    };
    ([(header::ETAG, format!("\"{}\"", child.version))], Json(view))
}
