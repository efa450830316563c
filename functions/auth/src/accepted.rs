use serde::Serialize;
use utoipa::ToSchema;

/// The request was taken; a message says the rest. The same whoever asks for whatever.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
}

impl Accepted {
    pub(crate) const BODY: Self = Self { status: "accepted" };
}
