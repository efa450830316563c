//! Codes from an app (RFC 6238): six digits, thirty seconds, SHA-1, because that is what all apps do.

use domain::{email::EmailAddress, one_time_code::Code};
use jiff::Timestamp;
use rand::RngExt;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::Problem;

/// RFC 4226, 4: 160 bits are recommended.
pub const SECRET_BYTES: usize = 20;
/// The name of the field that a secret is encrypted for.
pub const FIELD: &str = "totp_secret";
const ISSUER: &str = "NannyRadar";

/// A new secret for an app to share.
pub fn generate_secret() -> [u8; SECRET_BYTES] {
    rand::rng().random()
}

/// What an app reads: the secret in base 32, and the `otpauth` URI that goes into a QR code.
pub fn enrolment(secret: &[u8], account: &EmailAddress) -> Result<(String, String), Problem> {
    let totp = totp(secret, account.as_str())?;
    let uri = totp.to_url().map_err(|error| {
        tracing::error!(%error, "no otpauth URI");
        Problem::internal()
    })?;
    Ok((Secret::new(secret.into()).to_base32(), uri))
}

/// The time step that a code belongs to, if it is one of now: a step to either side is forgiven.
pub fn check(secret: &[u8], code: &Code, now: Timestamp) -> Option<u64> {
    let seconds = u64::try_from(now.as_second()).ok()?;
    totp(secret, "").ok()?.check(code.expose(), seconds)
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, Problem> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_secret(Secret::new(secret.into()))
        .with_account_name(account)
        .with_issuer(Some(ISSUER))
        .build()
        .map_err(|error| {
            tracing::error!(%error, "a secret that no app could use");
            Problem::internal()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codes_of_the_standard() {
        // RFC 6238, appendix B, in six digits.
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let code = Code::parse(code).unwrap();
            let at = |seconds| Timestamp::from_second(seconds).unwrap();
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(check(secret, &code, at(seconds)), Some(step));
            assert_eq!(check(secret, &code, at(seconds + 30)), Some(step), "typed slowly");
            assert_eq!(check(secret, &code, at(seconds + 90)), None);
        }
    }

    #[test]
    fn apps_can_read_it() {
        let email = EmailAddress::parse("ada@example.org").unwrap();
        let (secret, uri) = enrolment(b"12345678901234567890", &email).unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            uri,
            "otpauth://totp/NannyRadar:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=NannyRadar"
        );
    }
}
