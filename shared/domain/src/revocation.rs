//! What ends access tokens before their time.
//!
//! An access token is good by its signature alone, so that no store is asked at each request. What
//! must end sooner, because an account is suspended or a sign-in was ended, is written down as a
//! revocation, which every function learns of within a minute. One needs to be remembered only for
//! as long as the tokens live that it ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{SessionId, UserId};

/// Whose tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Those of one sign-in.
    Session(SessionId),
    /// Those of all sign-ins of a person, except one.
    User {
        /// The person.
        id: UserId,
        /// The sign-in that goes on.
        except: Option<SessionId>,
    },
}

/// Tokens that were made until then are not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose.
    pub subject: Subject,
    /// Since when.
    pub at: Timestamp,
}

impl Revocation {
    /// Whether it ends a token of that person and sign-in that was made at `issued_at`, in seconds
    /// since 1970: tokens know no fractions, so that one of the same second ends as well.
    pub fn ends(&self, user: UserId, session: SessionId, issued_at: i64) -> bool {
        let names = match self.subject {
            Subject::Session(id) => id == session,
            Subject::User { id, except } => id == user && except != Some(session),
        };
        names && issued_at <= self.at.as_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_what_it_names() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let (ada, bob): (UserId, UserId) = (crate::id::new(at), crate::id::new(at));
        let (here, there): (SessionId, SessionId) = (crate::id::new(at), crate::id::new(at));
        let issued = at.as_second();

        let session = Revocation { subject: Subject::Session(here), at };
        assert!(session.ends(ada, here, issued));
        assert!(!session.ends(ada, there, issued));

        let all = Revocation { subject: Subject::User { id: ada, except: None }, at };
        assert!(all.ends(ada, here, issued) && all.ends(ada, there, issued - 900));
        assert!(!all.ends(bob, here, issued));
        assert!(!all.ends(ada, here, issued + 1), "a later sign-in is not meant");

        let others = Revocation { subject: Subject::User { id: ada, except: Some(here) }, at };
        assert!(!others.ends(ada, here, issued) && others.ends(ada, there, issued));
    }
}
