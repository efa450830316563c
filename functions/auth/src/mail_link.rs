//! What endpoints have in common that take the token from a link in a mail.

use api::{App, Limiter, Problem, limits, secrets::LinkToken};
use domain::{
    Violation,
    mail_link::{MailLink, Purpose},
};
use jiff::Timestamp;

/// The link that a token opens.
pub(crate) async fn open(
    app: &App,
    limiter: &Limiter,
    purpose: Purpose,
    raw: &str,
    now: Timestamp,
) -> Result<MailLink, Problem> {
    let token = LinkToken::decode(raw).ok_or_else(invalid)?;
    limiter.admit(&limits::LINK, "").await?;
    let link = app.tables().link(token.user_id, purpose).await?;
    link.filter(|link| link.opens(&token.secret.hash(), now)).ok_or_else(invalid)
}

/// A link that was never made, was used, was replaced by a later one, or has ended: which, is not told.
pub(crate) fn invalid() -> Problem {
    let violation = Violation::new("invalid_token", "is not good any more; ask for another mail");
    Problem::invalid_field("/token", violation)
}
