use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::Violation;
use secrecy::{ExposeSecret, SecretString};

/// Seals and opens the cursors of lists.
///
/// A cursor says where the next page begins. It is authenticated together with the question that it
/// belongs to, so that neither a forged one nor one of another list is followed.
pub struct Cursors(hmac::Key);

const TAG_BYTES: usize = 16;
/// Far more than any position takes.
const MAX_CHARS: usize = 1024;

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// With that key.
    pub fn new(key: &SecretString) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes()))
    }

    /// The cursor for a position in the answer to a question.
    pub fn seal(&self, question: &str, position: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode([&self.tag(question, position)[..], position.as_bytes()].concat())
    }

    /// The position that a cursor of that question holds.
    pub fn open(&self, question: &str, cursor: &str) -> Result<String, Violation> {
        let invalid = || Violation::new("invalid_cursor", "must be a next_cursor of this same list");
        if cursor.len() > MAX_CHARS {
            return Err(invalid());
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
        let position = str::from_utf8(position).map_err(|_| invalid())?;
        aws_lc_rs::constant_time::verify_slices_are_equal(tag, &self.tag(question, position))
            .map_err(|_| invalid())?;
        Ok(position.to_owned())
    }

    /// One of 256 groups for a name: always the same, and without the key nobody can tell which names are in it.
    pub fn group(&self, name: &str) -> u8 {
        self.tag("group", name)[0]
    }

    fn tag(&self, question: &str, position: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        // The length keeps the two apart.
        context.update(&u64::try_from(question.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(question.as_bytes());
        context.update(position.as_bytes());
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursors() -> Cursors {
        Cursors::new(&SecretString::from("k".repeat(32)))
    }

    #[test]
    fn belongs_to_its_question() {
        let cursor = cursors().seal("audit?subject=a", "aud_1");
        assert_eq!(cursors().open("audit?subject=a", &cursor).unwrap(), "aud_1");
        assert_eq!(cursors().open("audit?subject=b", &cursor).unwrap_err().code, "invalid_cursor");
        let other = Cursors::new(&SecretString::from("x".repeat(32)));
        assert!(other.open("audit?subject=a", &cursor).is_err());
        assert!(cursors().open("audit?subject=aaud", &cursors().seal("audit?subject=a", "aud_1")).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_cursor_is_refused(position in ".{0,40}", at in 0usize..80, with in "[A-Za-z0-9_-]") {
            let cursor = cursors().seal("q", &position);
            prop_assert_eq!(cursors().open("q", &cursor).unwrap(), position);
            let at = at % cursor.len();
            let forged = format!("{}{with}{}", &cursor[..at], &cursor[at + 1..]);
            prop_assert!(forged == cursor || cursors().open("q", &forged).is_err());
        }

        #[test]
        fn nonsense_is_refused(raw in ".{0,60}") {
            prop_assert!(cursors().open("q", &raw).is_err());
        }
    }
}
