//! What endpoints have in common that take the token from a link in a mail.

use api::{App, Limiter, Problem, limits, secrets::LinkToken};
use domain::{
    Violation,
    mail_link::{MailLink, Purpose},
    user::User,
};
use jiff::Timestamp;

/// The link that a token opens, and whose it is.
pub(crate) async fn open(
    app: &App,
    limiter: &Limiter,
    purpose: Purpose,
    raw: &str,
    now: Timestamp,
) -> Result<(MailLink, User), Problem> {
    let token = LinkToken::decode(raw).ok_or_else(invalid)?;
    let link = app.tables().link(token.user_id, purpose).await?;
    let user = match &link {
        Some(link) => app.tables().user(link.user_id).await?,
        None => None,
    };
    match (link, user) {
        (Some(link), Some(user)) if link.opens(&token.secret.hash(), &user, now) => Ok((link, user)),
        _ => {
            limiter.admit(&limits::LINK, "").await?;
            Err(invalid())
        }
    }
}

/// A link that was never made, was used, was replaced by a later one, was made in another epoch or has expired:
/// the problem does not tell which.
pub(crate) fn invalid() -> Problem {
    let violation = Violation::new("invalid_token", "is not good any more; ask for another mail");
    Problem::invalid_field("/token", violation)
}
