use api::{App, Json, Problem, VariantLink};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::IntoResponse,
};
use domain::{role::Role, user::User};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The caller's own account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    /// The account.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What the caller may do.
    #[schema(value_type = String, example = "parent")]
    role: Role,
    /// Where mail goes to.
    #[schema(example = "ada@example.org")]
    email: String,
    /// Whether the caller has proved to read mail sent there.
    email_verified: bool,
    /// The address that takes the place of `email` once it is proved.
    pending_email: Option<String>,
    /// A number that the caller has proved to read texts at.
    #[schema(example = "+447400123456")]
    phone: Option<String>,
    /// What others see.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// A BCP 47 language tag.
    #[schema(example = "en-GB")]
    locale: String,
    /// An IANA time zone.
    #[schema(example = "Europe/London")]
    time_zone: String,
    /// The caller's picture.
    avatar: Option<Avatar>,
    /// When the account was opened.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Rises with each change; the `ETag`.
    #[schema(example = 1)]
    version: u64,
}

/// A picture in its sizes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Avatar {
    /// The upload that it comes from.
    upload_id: String,
    /// Three sizes, each as JPEG and as WebP.
    variants: Vec<VariantLink>,
}

/// The answer that shows an account: the profile and its version as the `ETag`.
pub(crate) async fn answer(app: &App, user: User) -> Result<impl IntoResponse + use<>, Problem> {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", user.version)) {
        headers.insert(header::ETAG, etag);
    }
    Ok((headers, Json(profile(app, user).await?)))
}

async fn profile(app: &App, user: User) -> Result<Profile, Problem> {
    let avatar = match &user.avatar {
        Some(picture) => Some(Avatar {
            upload_id: picture.upload.to_string(),
            variants: VariantLink::all(app, picture.upload, &picture.variants).await?,
        }),
        None => None,
    };
    Ok(Profile {
        id: user.id.to_string(),
        role: user.role,
        email: user.email.as_str().to_owned(),
        email_verified: user.email_verified,
        pending_email: user.pending_email.map(String::from),
        phone: user.phone.map(String::from),
        name: user.name.as_str().to_owned(),
        locale: user.locale.to_string(),
        time_zone: user.time_zone.as_str().to_owned(),
        avatar,
        created_at: user.created_at,
        version: user.version,
    })
}
