//! Hashing passwords: Argon2id with the parameters that OWASP asks for (19 MiB, 2 passes, 1 lane).

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::password::Password;

use crate::Problem;

/// The hash of a new password, in the PHC string format, which names the parameters.
pub fn hash(password: &Password) -> Result<String, Problem> {
    Argon2::default().hash_password(password.expose().as_bytes()).map(|hash| hash.to_string()).map_err(
        |error| {
            tracing::error!(%error, "a password could not be hashed");
            Problem::internal()
        },
    )
}

/// Whether a password is the one that was hashed. Without a hash, because there is no such account,
/// it takes as long and is not, so that nobody learns from the time who has an account.
pub fn verify(password: &Password, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODYS)) else {
        tracing::error!("a stored password hash cannot be read");
        return false;
    };
    Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok() && known
}

/// The hash of 32 random bytes that were thrown away, with the parameters of all others.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Xw0rTqZ1zvFqgN0Z3b4mKqv0m3uYgk1m0g3o8l2tWcU";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_password_again() {
        let password = Password::parse("correct horse battery staple").unwrap();
        let stored = hash(&password).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify(&password, Some(&stored)));
        assert!(!verify(&Password::parse("another").unwrap(), Some(&stored)));
        assert!(!verify(&password, Some("not a hash")));
        assert_ne!(stored, hash(&password).unwrap(), "each has a salt of its own");
    }

    #[test]
    fn nobody_has_the_same_parameters_as_everybody() {
        let password = Password::parse("correct horse battery staple").unwrap();
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(NOBODYS), parameters(&hash(&password).unwrap()));
        assert!(PasswordHash::new(NOBODYS).is_ok());
        assert!(!verify(&password, None));
    }
}
