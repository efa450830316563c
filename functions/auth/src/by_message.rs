//! What endpoints have in common whose real answer is a mail or a text.

use api::Problem;
use domain::email::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRequest {
    /// The account's address.
    #[schema(example = "ada@example.org", format = "email", max_length = 254)]
    email: String,
}

impl AddressRequest {
    pub(crate) fn parse(&self) -> Result<EmailAddress, Problem> {
        EmailAddress::parse(&self.email).map_err(|violation| Problem::invalid_field("/email", violation))
    }
}

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
