//! What ends access tokens before their time.
//!
//! An access token is good by its signature alone, so that no store is asked at each request. What
//! must end sooner, because an account is suspended or a sign-in was ended, is written down as a
//! revocation, which every function learns of within a minute. One needs to be remembered only for
//! as long as the tokens live that it ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{self, SessionId, UserId};

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

/// The end of what was begun until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose.
    pub subject: Subject,
    /// Since when.
    pub at: Timestamp,
}

impl Revocation {
    /// Whether it ends the tokens of that person and sign-in. One that was begun afterwards is not
    /// meant, even within the same second: it is the sign-in's own beginning that counts, since
    /// tokens know no fractions of seconds.
    pub fn ends(&self, user: UserId, session: SessionId) -> bool {
        match self.subject {
            Subject::Session(id) => id == session,
            Subject::User { id, except } => {
                id == user && except != Some(session) && id::created_at(&session) <= self.at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn ends_what_it_names() {
        let at = Timestamp::from_millisecond(1_800_000_000_500).unwrap();
        let (ada, bob): (UserId, UserId) = (id::new(at), id::new(at));
        let (here, there): (SessionId, SessionId) = (id::new(at), id::new(at - SignedDuration::from_secs(9)));
        let later: SessionId = id::new(at + SignedDuration::from_millis(1));

        let session = Revocation { subject: Subject::Session(here), at };
        assert!(session.ends(ada, here));
        assert!(!session.ends(ada, there));

        let all = Revocation { subject: Subject::User { id: ada, except: None }, at };
        assert!(all.ends(ada, here) && all.ends(ada, there));
        assert!(!all.ends(bob, here));
        assert!(!all.ends(ada, later), "a later sign-in is not meant");

        let others = Revocation { subject: Subject::User { id: ada, except: Some(here) }, at };
        assert!(!others.ends(ada, here) && others.ends(ada, there));
    }
}
