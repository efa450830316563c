use api::{App, Limiter, Problem, SignedIn, limits, passwords};
use domain::{Violation, credentials::Credentials, password::Password};

/// The caller's credentials, if they know the password: what opens the account to others is asked of a
/// person, and not of a device that was left signed in.
pub(crate) async fn credentials(
    app: &App,
    limiter: &Limiter,
    caller: SignedIn,
    pointer: &'static str,
    password: &str,
) -> Result<Credentials, Problem> {
    let wrong = |violation| Problem::invalid_field(pointer, violation);
    let password = Password::parse(password).map_err(wrong)?;
    let account = caller.session_id.to_string();
    let guess = limiter.guess(&limits::PASSWORD, &account).await?;
    let found = caller.credentials(app).await?;
    if !passwords::verify(&password, Some(&found.password_hash)) {
        return Err(wrong(Violation::new("wrong_password", "is not your password")));
    }
    guess.was_right().await;
    limiter.admit(&limits::CONFIRMED, &account).await?;
    Ok(found)
}
