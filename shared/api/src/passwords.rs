//! Hashing what people remember or type in: Argon2id with the parameters that OWASP asks for
//! (19 MiB, 2 passes, 1 lane).

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::{one_time_code::Code, password::Password};

use crate::Problem;

/// The hash of a new password, in the PHC string format, which names the parameters.
pub fn hash(password: &Password) -> Result<String, Problem> {
    hash_text(password.expose())
}

/// The hash of a password that nobody knows, for an account whose password has yet to be chosen.
pub fn unknown_hash() -> String {
    NOBODYS.to_owned()
}

/// The hash of a code of six digits. There are only a million of them: the slow hash makes going
/// through all take hours, and a code lives for minutes.
pub fn hash_code(code: &Code) -> Result<String, Problem> {
    hash_text(code.expose())
}

/// Whether a code is the one that was hashed.
pub fn verify_code(code: &Code, hash: &str) -> bool {
    verify_text(code.expose(), hash)
}

/// Whether a hash was made with other parameters than those of today, so that it has to be made anew
/// when its password comes by.
pub fn is_outdated(hash: &str) -> bool {
    let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
    parameters(hash) != parameters(NOBODYS)
}

fn hash_text(text: &str) -> Result<String, Problem> {
    Argon2::default().hash_password(text.as_bytes()).map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Problem::internal()
    })
}

/// Whether a password is the one that was hashed. Without a hash, because there is no such account,
/// it takes as long and is not, so that nobody learns from the time who has an account.
pub fn verify(password: &Password, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    verify_text(password.expose(), hash.unwrap_or(NOBODYS)) && known
}

fn verify_text(text: &str, hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else {
        tracing::error!("a stored hash cannot be read");
        return false;
    };
    // With the parameters of the hash, which may be older ones.
    Argon2::default().verify_password(text.as_bytes(), &parsed).is_ok()
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
        assert!(!is_outdated(&hash(&password).unwrap()));
        assert!(is_outdated("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$Xw0rTqZ1"));
        assert!(PasswordHash::new(NOBODYS).is_ok());
        assert!(!verify(&password, None));
    }
}
