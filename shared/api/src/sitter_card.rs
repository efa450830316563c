use domain::{
    care::names,
    geo::Distance,
    rating::Rating,
    search::{Card, Hit, Picture},
    sitter::today,
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, Problem, Rate, VariantLink};

/// What a list shows of a sitter.
#[derive(Debug, Serialize, ToSchema)]
pub struct SitterCard {
    /// The sitter.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// As others see it.
    #[schema(example = "Beth Ackroyd")]
    name: String,
    /// One line beneath the name.
    #[schema(example = "Patient and playful, ten years of experience")]
    headline: String,
    /// A town or a part of one.
    #[schema(example = "Hebden Bridge")]
    town: String,
    /// From the place that was asked for, up to the next 500 m. It is that of a point which all homes of some
    /// five square kilometres have in common, so that no number of questions tells where a sitter lives.
    #[schema(example = 1500)]
    distance_metres: Option<u32>,
    /// What an hour costs.
    hourly_rate: Rate,
    /// As ISO 639 codes.
    #[schema(example = json!(["en", "fr"]))]
    languages: Vec<String>,
    /// Whom they look after: `infant`, `toddler`, `preschool`, `school`, `teen`.
    #[schema(example = json!(["toddler", "preschool"]))]
    age_groups: Vec<String>,
    /// What else they can do.
    #[schema(example = json!(["first_aid", "cooking"]))]
    skills: Vec<String>,
    /// By families.
    rating: RatingView,
    /// Whether the background check is good today.
    background_checked: bool,
    /// In the size of a card.
    picture: Vec<VariantLink>,
    /// When parents found the sitter for the first time.
    #[schema(value_type = String, format = DateTime)]
    listed_at: Timestamp,
}

/// All reviews summed up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rating)]
pub struct RatingView {
    /// 1 to 5, to two places; none without a review.
    #[schema(example = 4.87)]
    average: Option<f64>,
    /// How many reviews there are.
    #[schema(example = 31)]
    count: u32,
}

impl SitterCard {
    /// Shows a card, with how far away it is where a place was asked for.
    pub async fn new(app: &App, card: Card, distance: Option<Distance>) -> Result<Self, Problem> {
        let background_checked = card.is_checked(today(app.now()));
        Ok(Self {
            id: card.id.to_string(),
            name: card.name,
            headline: card.headline,
            town: card.town,
            distance_metres: distance.map(Distance::shown),
            hourly_rate: card.rate.into(),
            languages: card.languages.into_iter().map(String::from).collect(),
            age_groups: names(card.ages),
            skills: names(card.skills),
            rating: card.rating.into(),
            background_checked,
            picture: links(app, card.picture.as_ref()).await?,
            listed_at: card.listed_at,
        })
    }

    /// Shows those who were found.
    pub async fn all(app: &App, hits: Vec<Hit>) -> Result<Vec<Self>, Problem> {
        let mut cards = Vec::with_capacity(hits.len());
        for hit in hits {
            cards.push(Self::new(app, hit.card, hit.distance).await?);
        }
        Ok(cards)
    }
}

impl From<Rating> for RatingView {
    fn from(rating: Rating) -> Self {
        Self { average: rating.hundredths().map(|mean| f64::from(mean) / 100.0), count: rating.count }
    }
}

/// Links to a picture that end by themselves, or none where there is no picture.
pub async fn links(app: &App, picture: Option<&Picture>) -> Result<Vec<VariantLink>, Problem> {
    match picture {
        Some(picture) => VariantLink::all(app, picture.upload, &picture.variants).await,
        None => Ok(Vec::new()),
    }
}
