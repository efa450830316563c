use api::{App, Problem, SignedIn};
use axum::http::StatusCode;
use domain::{
    id::CertificateId,
    vetting::{Certificate, Details, Folder, Kind, MAX_OPEN, Reference, State},
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use storage::certificates::{open_reference, seal_reference};
use utoipa::ToSchema;

/// What a sitter has handed in. The number is in no list.
#[derive(Serialize, ToSchema)]
#[schema(as = Credential)]
pub struct View {
    /// The certificate.
    #[schema(example = "crd_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `background_check`, `first_aid`, `paediatric_first_aid`, `childcare`, `driving` or `food_hygiene`.
    #[schema(value_type = String, example = "first_aid")]
    kind: Kind,
    /// What it is called.
    #[schema(example = "Emergency First Aid at Work")]
    title: String,
    /// Who has issued it.
    #[schema(example = "British Red Cross")]
    issuer: String,
    /// On which day.
    #[schema(value_type = String, format = Date)]
    issued_on: Date,
    /// The last day on which it is good; `null` if it is good for ever.
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
    /// `submitted`, `verified`, `rejected`, `expired`, `revoked`, or `discredited`: whoever checks sitters for us knows
    /// something against the sitter.
    #[schema(value_type = String, example = "verified")]
    state: State,
    /// When it was handed in.
    #[schema(value_type = String, format = DateTime)]
    submitted_at: Timestamp,
}

impl From<Certificate> for View {
    fn from(certificate: Certificate) -> Self {
        let Details { kind, title, issuer, issued_on, expires_on } = certificate.details;
        Self {
            id: certificate.id.to_string(),
            kind,
            title: title.into(),
            issuer: issuer.into(),
            issued_on,
            expires_on,
            state: certificate.state,
            submitted_at: certificate.submitted_at,
        }
    }
}

/// A sitter's background check.
#[derive(Serialize, ToSchema)]
#[schema(as = BackgroundCheck)]
pub struct Check {
    #[serde(flatten)]
    certificate: View,
    /// The number under which its issuer knows it.
    #[schema(example = "001234567890")]
    reference: String,
}

impl Check {
    pub(crate) fn new(certificate: Certificate, reference: Reference) -> Self {
        Self { certificate: certificate.into(), reference: reference.into() }
    }

    /// With the number opened.
    pub(crate) async fn open(app: &App, certificate: Certificate) -> Result<Self, Problem> {
        let key = app.tables().data_key(app.cipher()?, certificate.user_id).await?;
        let reference = open_reference(&key.ok_or_else(Problem::not_found)?, &certificate)?;
        Ok(Self::new(certificate, reference))
    }
}

/// Stores what a sitter hands in, with what they have handed in before.
pub(crate) async fn submit(
    app: &App,
    caller: SignedIn,
    folder: Folder,
    details: Details,
    reference: &Reference,
    now: Timestamp,
) -> Result<Certificate, Problem> {
    let id: CertificateId = domain::id::new(now);
    let user_id = folder.user_id;
    let tables = caller.tables(app);
    let kept = if folder.has_room() { Vec::new() } else { tables.certificates(user_id).await? };
    let (folder, leaves) = folder.make_room(&kept).ok_or_else(too_many)?;
    let folder = folder.with(id, details.kind);
    let key = tables.data_key_or_new(app.cipher()?, user_id).await?;
    let sealed = seal_reference(&key, id, reference)?;
    let certificate = Certificate::submit(id, user_id, details, sealed, now);
    tables.submit_certificate(&certificate, &folder, leaves).await?;
    Ok(certificate)
}

fn too_many() -> Problem {
    let detail = format!("There can be at most {MAX_OPEN} certificates that are submitted or verified.");
    Problem::new(StatusCode::CONFLICT, "too_many_credentials", detail)
}
