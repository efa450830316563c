//! What ends access tokens before their time.
//!
//! An access token is good by its signature alone, so that no store is asked at each request. What
//! must end sooner, because an account is suspended or a sign-in was ended, is written down as a
//! revocation, which every function learns of within a minute. One needs to be remembered only for
//! as long as the tokens live that it ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    epoch::Epoch,
    id::{SessionId, UserId},
};

/// Whose tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Those of one sign-in.
    Session(SessionId),
    /// Those of all sessions of a user that were issued before an epoch, except those of one session.
    User {
        /// The user.
        id: UserId,
        /// The epoch that begins.
        epoch: Epoch,
        /// The session that goes on.
        except: Option<SessionId>,
    },
}

/// The end of what was begun until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose.
    pub subject: Subject,
    /// When it was decided.
    pub at: Timestamp,
}

impl Revocation {
    /// Whether it ends the tokens of that user, session and epoch. A session of the new epoch is not
    /// meant, however close in time they are.
    pub fn ends(&self, user: UserId, session: SessionId, epoch: Epoch) -> bool {
        match self.subject {
            Subject::Session(id) => id == session,
            Subject::User { id, epoch: begun, except } => {
                id == user && except != Some(session) && epoch < begun
            }
        }
    }

    /// Whether it takes the place of another one of the same subject.
    pub fn supersedes(&self, other: &Self) -> bool {
        match (self.subject, other.subject) {
            (Subject::User { epoch, .. }, Subject::User { epoch: other, .. }) => epoch >= other,
            _ => self.at >= other.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id;

    #[test]
    fn ends_what_it_names() {
        let at = Timestamp::from_millisecond(1_800_000_000_500).unwrap();
        let (ada, bob): (UserId, UserId) = (id::new(at), id::new(at));
        let (here, there): (SessionId, SessionId) = (id::new(at), id::new(at));
        let (first, second) = (Epoch::FIRST, Epoch::FIRST.next());

        let session = Revocation { subject: Subject::Session(here), at };
        assert!(session.ends(ada, here, first));
        assert!(!session.ends(ada, there, first));

        let all = Revocation { subject: Subject::User { id: ada, epoch: second, except: None }, at };
        assert!(all.ends(ada, here, first) && all.ends(ada, there, first));
        assert!(!all.ends(bob, here, first));
        assert!(!all.ends(ada, here, second), "it was begun afterwards");

        let others = Revocation { subject: Subject::User { id: ada, epoch: second, except: Some(here) }, at };
        assert!(!others.ends(ada, here, first) && others.ends(ada, there, first));
        assert!(others.supersedes(&others) && others.supersedes(&all));
        let next = Revocation { subject: Subject::User { id: ada, epoch: second.next(), except: None }, at };
        assert!(next.supersedes(&others) && !others.supersedes(&next));
    }
}
