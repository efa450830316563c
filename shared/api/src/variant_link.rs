use domain::{id::UploadId, upload::Variant};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, Problem};

/// One rendering of an image, and where it can be fetched for at least an hour.
#[derive(Debug, Serialize, ToSchema)]
pub struct VariantLink {
    /// `thumbnail` (128 × 128), `card` (300 × 300) or `full` (within 1024 × 1024).
    #[schema(example = "card")]
    size: String,
    /// `jpeg` or `webp`.
    #[schema(example = "webp")]
    format: String,
    /// In pixels.
    #[schema(example = 300)]
    width: u32,
    /// In pixels.
    #[schema(example = 300)]
    height: u32,
    /// The same for everybody who asks within an hour, so that it can be cached.
    url: String,
}

impl VariantLink {
    /// Links to every variant of an upload.
    pub async fn all(app: &App, id: UploadId, variants: &[Variant]) -> Result<Vec<Self>, Problem> {
        let urls = app.files()?.links(id, variants, app.now()).await?;
        let link = |(variant, url): (&Variant, String)| Self {
            size: variant.size.clone(),
            format: variant.format.clone(),
            width: variant.width,
            height: variant.height,
            url,
        };
        Ok(variants.iter().zip(urls).map(link).collect())
    }
}
