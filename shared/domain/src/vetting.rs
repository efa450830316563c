//! Sitters' certificates, background checks among them: what they hand in, and what admins make of it.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, EnumString, IntoEnumIterator};

use State::{Discredited, Expired, Rejected, Revoked, Submitted, Verified};

use crate::{
    Violation,
    calendar::date,
    event::Fact,
    id::{CertificateId, UserId},
    sitter::Record,
    text::text_type,
};

text_type! {
    /// What a certificate is called: one line of 1 to 100 characters.
    Title = line(100)
}

text_type! {
    /// Who has issued a certificate: one line of 1 to 100 characters.
    Issuer = line(100)
}

text_type! {
    /// The number under which its issuer knows a certificate: one line of 1 to 64 characters.
    Reference = line(64)
}

/// How many open certificates a sitter can have: those that wait for an admin, and those that are good.
pub const MAX_OPEN: usize = 30;

/// How many certificates are kept of a sitter. Beyond, the oldest closed one makes room.
pub const MAX_KEPT: usize = 100;

/// So many days before its end a background check may be handed in anew: a new one takes weeks.
const RENEWAL: i64 = 60;

/// So many years after it was issued a background check is good at most: what it says is of the day of its issue.
const CHECK_YEARS: i64 = 3;

/// What a certificate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// That nothing is known against the sitter. Nobody is listed without.
    BackgroundCheck,
    /// First aid.
    FirstAid,
    /// First aid for children.
    PaediatricFirstAid,
    /// A qualification in childcare.
    Childcare,
    /// A driving licence.
    Driving,
    /// Food hygiene.
    FoodHygiene,
}

impl Kind {
    /// Reads any kind but that of a background check, which is handed in by itself.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let known = raw.parse().ok().filter(|kind| *kind != Self::BackgroundCheck);
        known.ok_or_else(|| {
            let others = Self::iter().filter(|kind| *kind != Self::BackgroundCheck);
            let all: Vec<_> = others.map(|kind| kind.as_ref().to_owned()).collect();
            Violation::new("unknown_kind", format!("must be one of {}", all.join(", ")))
        })
    }
}

/// Reads the day on which a certificate was issued: none that is to come.
pub fn issued_on(raw: &str, today: Date) -> Result<Date, Violation> {
    let issued = date(raw)?;
    if issued <= today {
        Ok(issued)
    } else {
        Err(Violation::new("in_the_future", "must not be in the future"))
    }
}

/// Reads the last day on which a certificate is good: none that is past.
pub fn expires_on(raw: &str, today: Date) -> Result<Date, Violation> {
    let expires = date(raw)?;
    if expires >= today { Ok(expires) } else { Err(Violation::new("expired", "must not be past")) }
}

/// Reads the last day on which a background check is good: none that is past, and, if the day of its issue could be
/// read, one within three years after that. The sitter says so, and the provider who verifies it does not tell.
pub fn check_expires_on(raw: &str, issued: Option<Date>, today: Date) -> Result<Date, Violation> {
    let expires = expires_on(raw, today)?;
    let is_within = |issued: Date| issued < expires && expires <= issued.saturating_add(CHECK_YEARS.years());
    if issued.is_none_or(is_within) {
        return Ok(expires);
    }
    let message = format!("must be after issued_on, and at most {CHECK_YEARS} years later");
    Err(Violation::new("out_of_range", message))
}

/// Where a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// An admin is to look at it.
    Submitted,
    /// An admin has found it to be true.
    Verified,
    /// An admin has not.
    Rejected,
    /// It was good until its last day.
    Expired,
    /// An admin has found that it is good no more.
    Revoked,
    /// Whoever checks sitters for us knows something against this one.
    Discredited,
}

impl State {
    /// Whether it waits for an admin or is good. A closed certificate never opens again.
    pub fn is_open(self) -> bool {
        matches!(self, Submitted | Verified)
    }
}

/// What happens to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// An admin finds it to be true. It must not have expired.
    Verify,
    /// An admin does not.
    Reject,
    /// An admin finds that it is good no more.
    Revoke,
    /// Its last day is past.
    Expire,
    /// Whoever checks sitters for us knows something against this one: whatever had become of it, and of others.
    Discredit,
}

/// Every transition that there is: from, event, to.
pub const TABLE: &[(State, Event, State)] = &[
    (Submitted, Event::Verify, Verified),
    (Submitted, Event::Reject, Rejected),
    (Verified, Event::Revoke, Revoked),
    (Verified, Event::Expire, Expired),
    (Submitted, Event::Discredit, Discredited),
    (Verified, Event::Discredit, Discredited),
    (Rejected, Event::Discredit, Discredited),
    (Expired, Event::Discredit, Discredited),
    (Revoked, Event::Discredit, Discredited),
];

/// What an admin decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Decision {
    /// See [`Event::Verify`].
    Verify,
    /// See [`Event::Reject`].
    Reject,
    /// See [`Event::Revoke`].
    Revoke,
}

impl Decision {
    /// Reads a decision.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse().map_err(|_| Violation::new("invalid_decision", "must be verify, reject or revoke"))
    }
}

impl From<Decision> for Event {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Verify => Self::Verify,
            Decision::Reject => Self::Reject,
            Decision::Revoke => Self::Revoke,
        }
    }
}

/// Why an event cannot happen to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its state does not know the event.
    #[error("a certificate that is {} cannot {}", .from.as_ref(), .event.as_ref())]
    WrongState {
        /// Where it stands.
        from: State,
        /// What was to happen.
        event: Event,
    },
    /// Its last day is past, so it cannot be verified.
    #[error("the certificate has expired")]
    Past,
    /// It is good still, so it cannot expire.
    #[error("the certificate has not expired yet")]
    StillGood,
}

/// What a sitter tells of a certificate, but for the number.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// What it is about.
    pub kind: Kind,
    /// What it is called.
    pub title: Title,
    /// Who has issued it.
    pub issuer: Issuer,
    /// On which day.
    pub issued_on: Date,
    /// The last day on which it is good. A background check has one; without, it is good for ever.
    pub expires_on: Option<Date>,
}

/// What a sitter has handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// Never reused.
    pub id: CertificateId,
    /// Whose.
    pub user_id: UserId,
    /// What its sitter tells of it.
    pub details: Details,
    /// Its [`Reference`], encrypted: it is personal, and only its sitter and admins ask for it.
    pub sealed_reference: String,
    /// Where it stands.
    pub state: State,
    /// When it was handed in.
    pub submitted_at: Timestamp,
    /// Rises by one with each change.
    pub version: u64,
}

impl Certificate {
    /// One that is handed in. Whoever seals the number needs the identifier, so that it comes from there.
    pub fn submit(
        id: CertificateId,
        user_id: UserId,
        details: Details,
        sealed_reference: String,
        now: Timestamp,
    ) -> Self {
        Self { id, user_id, details, sealed_reference, state: Submitted, submitted_at: now, version: 1 }
    }

    /// The certificate after an event, with its guards.
    pub fn after(self, event: Event, today: Date) -> Result<Self, Refused> {
        let row = TABLE.iter().find(|(from, on, _)| (*from, *on) == (self.state, event));
        let (.., state) = *row.ok_or(Refused::WrongState { from: self.state, event })?;
        let is_past = self.details.expires_on.is_some_and(|last| last < today);
        match event {
            Event::Verify if is_past => Err(Refused::Past),
            Event::Expire if !is_past => Err(Refused::StillGood),
            _ => Ok(Self { state, version: self.version + 1, ..self }),
        }
    }

    /// From when on it has expired: midnight in Greenwich after its last day. `None` while that would
    /// change nothing.
    pub fn due(&self) -> Option<Timestamp> {
        let last = self.details.expires_on.filter(|_| self.state == Verified)?;
        let midnight = last.tomorrow().and_then(|day| day.to_zoned(TimeZone::UTC));
        // After the last days that there are, at the end of time.
        Some(midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp()))
    }

    /// Whether another of its kind may take its place: when it is closed, or does not count any more by the sitter's
    /// record, or, while it is good, early enough for an admin to look at the next one.
    pub fn may_be_renewed(&self, record: &Record, today: Date) -> bool {
        let renewable = today.saturating_add(RENEWAL.days());
        match self.state {
            Submitted => false,
            Verified => record.checked_until.is_none_or(|last| last <= renewable),
            Rejected | Expired | Revoked | Discredited => true,
        }
    }

    /// What is announced of the state that it is in now.
    pub fn facts(&self) -> Vec<Fact> {
        let (user_id, certificate_id) = (self.user_id, self.id);
        let mut facts = match self.state {
            Submitted => vec![],
            Verified => vec![Fact::CredentialVerified { user_id, certificate_id }],
            Rejected => vec![Fact::CredentialRejected { user_id, certificate_id }],
            Expired => vec![Fact::CredentialExpired { user_id, certificate_id }],
            Revoked | Discredited => vec![Fact::CredentialRevoked { user_id, certificate_id }],
        };
        if self.details.kind == Kind::BackgroundCheck {
            match self.state {
                Submitted | Rejected => {}
                Verified => facts.push(Fact::SitterChanged { user_id }),
                Expired => facts.push(Fact::BackgroundCheckExpired { user_id }),
                Revoked | Discredited => {
                    facts.push(Fact::SitterChanged { user_id });
                    facts.push(Fact::BackgroundCheckExpired { user_id });
                    if self.state == Discredited {
                        facts.push(Fact::SitterDiscredited { user_id });
                    }
                }
            }
        }
        facts
    }

    /// What the sitter's record becomes by a decision; `None` where it says nothing of it. One that expires needs
    /// no word: the record knows the day.
    pub fn mark(&self, record: Record) -> Option<Record> {
        let checked_until = match (self.details.kind, self.state) {
            // One that was renewed ends before the next.
            (Kind::BackgroundCheck, Verified) => record.checked_until.max(self.details.expires_on),
            (Kind::BackgroundCheck, Revoked) if record.checked_until == self.details.expires_on => None,
            // Another that was good before it became known does not outweigh it.
            (Kind::BackgroundCheck, Discredited) => None,
            _ => return None,
        };
        Some(Record { checked_until, version: record.version + 1, ..record })
    }
}

/// What a sitter has handed in, by name. Its version makes their number exact, however many are handed
/// in at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Whose.
    pub user_id: UserId,
    /// In the order in which they were handed in.
    pub certificates: Vec<CertificateId>,
    /// The latest background check among them.
    pub background_check: Option<CertificateId>,
    /// Rises by one with each change.
    pub version: u64,
}

impl Folder {
    /// Of somebody who has handed in nothing.
    pub fn new(user_id: UserId) -> Self {
        Self { user_id, certificates: Vec::new(), background_check: None, version: 0 }
    }

    /// Whether one more fits in, whatever has become of the others.
    pub fn has_room(&self) -> bool {
        self.certificates.len() < MAX_OPEN
    }

    /// The folder with room for one more, and the closed certificate that leaves it for that, if one must; `None` if
    /// there are [`MAX_OPEN`] open ones. `kept` are the certificates of the folder, the oldest first. Background checks
    /// stay, because their provider may still report something against the sitter.
    pub fn make_room(mut self, kept: &[Certificate]) -> Option<(Self, Option<&Certificate>)> {
        if kept.iter().filter(|certificate| certificate.state.is_open()).count() >= MAX_OPEN {
            return None;
        }
        if self.certificates.len() < MAX_KEPT {
            return Some((self, None));
        }
        let may_leave = |certificate: &&Certificate| {
            !certificate.state.is_open() && certificate.details.kind != Kind::BackgroundCheck
        };
        let leaves = kept.iter().find(may_leave)?;
        self.certificates.retain(|id| *id != leaves.id);
        Some((self, Some(leaves)))
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, id: CertificateId, kind: Kind) -> Self {
        self.certificates.push(id);
        if kind == Kind::BackgroundCheck {
            self.background_check = Some(id);
        }
        self.version += 1;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(raw: &str) -> Date {
        raw.parse().unwrap()
    }

    fn certificate(kind: Kind, expires_on: Option<&str>) -> Certificate {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let details = Details {
            kind,
            title: Title::parse("Enhanced check").unwrap(),
            issuer: Issuer::parse("DBS").unwrap(),
            issued_on: day("2026-02-01"),
            expires_on: expires_on.map(day),
        };
        Certificate::submit(crate::id::new(now), crate::id::new(now), details, "sealed".into(), now)
    }

    fn check() -> Certificate {
        certificate(Kind::BackgroundCheck, Some("2026-06-30"))
    }

    fn decided(certificate: Certificate, events: &[Event]) -> Certificate {
        let today = |event| if event == Event::Expire { day("2026-07-01") } else { day("2026-06-30") };
        events
            .iter()
            .fold(certificate, |certificate, event| certificate.after(*event, today(*event)).unwrap())
    }

    #[test]
    fn each_transition_is_named_once() {
        for (index, (from, event, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|(other, on, _)| (other, on) == (from, event)));
        }
    }

    #[test]
    fn a_check_is_renewed_before_it_ends_and_the_later_one_counts() {
        let submitted = check();
        let last = submitted.details.expires_on.unwrap();
        let unchecked = Record::new(submitted.user_id);
        assert!(!submitted.may_be_renewed(&unchecked, last));
        let verified = submitted.after(Event::Verify, last).unwrap();
        let record = verified.mark(unchecked.clone()).unwrap();
        let days_before = |days: i64| last.saturating_sub(days.days());
        let renewable = |days| verified.may_be_renewed(&record, days_before(days));
        assert_eq!([61, 60, 0].map(renewable), [false, true, true]);
        // It does not count: something else has become known.
        assert!(verified.may_be_renewed(&unchecked, days_before(61)));

        let details =
            Details { expires_on: Some(last.saturating_add(365.days())), ..verified.details.clone() };
        let next = Certificate { details, ..verified.clone() };
        let renewed = next.mark(record).unwrap();
        assert_eq!(renewed.checked_until, next.details.expires_on);
        assert_eq!(verified.mark(renewed.clone()).unwrap().checked_until, next.details.expires_on);
        let revoked = verified.after(Event::Revoke, last).unwrap();
        assert_eq!(revoked.mark(renewed.clone()), None);
        let revoked = next.after(Event::Revoke, last).unwrap();
        assert_eq!(revoked.mark(renewed).unwrap().checked_until, None);
    }

    #[test]
    fn what_is_known_against_a_sitter_outweighs_every_check_and_is_told_once() {
        let today = day("2026-03-01");
        let ended = decided(check(), &[Event::Verify, Event::Expire]);
        let befores = [
            check(),
            decided(check(), &[Event::Verify]),
            decided(check(), &[Event::Reject]),
            decided(check(), &[Event::Verify, Event::Revoke]),
            ended,
        ];
        for before in befores {
            let state = before.state;
            let discredited = before.after(Event::Discredit, today).unwrap();
            // Another check was good for longer.
            let checked =
                Record { checked_until: Some(day("2027-06-30")), ..Record::new(discredited.user_id) };
            let marked = discredited.mark(checked).unwrap();
            assert_eq!((marked.checked_until, marked.version), (None, 1), "{state:?}");
            assert!(discredited.may_be_renewed(&marked, today));
            assert_eq!(discredited.due(), None);
            for event in Event::iter() {
                let refused = discredited.clone().after(event, today);
                assert_eq!(refused, Err(Refused::WrongState { from: State::Discredited, event }));
            }
        }
    }

    #[test]
    fn only_an_admin_verifies_and_only_what_is_good() {
        let into_verified: Vec<_> = TABLE.iter().filter(|(.., to)| *to == Verified).collect();
        assert_eq!(into_verified, [&(Submitted, Event::Verify, Verified)]);
        assert_eq!(check().after(Event::Verify, day("2026-07-01")), Err(Refused::Past));
        let verified = decided(check(), &[Event::Verify]);
        assert_eq!((verified.state, verified.version), (Verified, 2));
        assert_eq!(verified.clone().after(Event::Expire, day("2026-06-30")), Err(Refused::StillGood));
        let refused = verified.after(Event::Reject, day("2026-03-01")).unwrap_err();
        assert_eq!(refused.to_string(), "a certificate that is verified cannot reject");
        let degree = certificate(Kind::Childcare, None).after(Event::Verify, day("2099-01-01")).unwrap();
        assert_eq!((degree.due(), degree.after(Event::Expire, Date::MAX)), (None, Err(Refused::StillGood)));
    }

    #[test]
    fn falls_due_when_its_last_day_is_over() {
        assert_eq!(check().due(), None);
        let verified = decided(check(), &[Event::Verify]);
        assert_eq!(verified.due(), Some("2026-07-01T00:00:00Z".parse().unwrap()));
        assert_eq!(decided(verified.clone(), &[Event::Revoke]).due(), None);
        assert_eq!(decided(verified, &[Event::Expire]).due(), None);
        for last in ["9999-12-29", "9999-12-30", "9999-12-31"] {
            let endless = decided(certificate(Kind::Driving, Some(last)), &[Event::Verify]);
            assert!(endless.due().unwrap() > "9999-12-29T23:00:00Z".parse().unwrap(), "{last}");
        }
    }

    #[test]
    fn tells_what_follows() {
        let names = |certificate: Certificate| -> Vec<String> {
            let name = |fact: &Fact| serde_json::to_value(fact).unwrap()["type"].as_str().unwrap().to_owned();
            certificate.facts().iter().map(name).collect()
        };
        let course = || certificate(Kind::FirstAid, Some("2026-06-30"));
        for (events, told, of_a_check) in [
            (&[][..], &[][..], &[][..]),
            (&[Event::Reject], &["credential_rejected"], &[]),
            (&[Event::Verify], &["credential_verified"], &["sitter_changed"]),
            (&[Event::Verify, Event::Expire], &["credential_expired"], &["background_check_expired"]),
            (
                &[Event::Verify, Event::Revoke],
                &["credential_revoked"],
                &["sitter_changed", "background_check_expired"],
            ),
            (
                &[Event::Reject, Event::Discredit],
                &["credential_revoked"],
                &["sitter_changed", "background_check_expired", "sitter_discredited"],
            ),
        ] {
            assert_eq!(names(decided(course(), events)), told);
            assert_eq!(names(decided(check(), events)), [told, of_a_check].concat());
        }
    }

    #[test]
    fn a_check_marks_the_record() {
        let record = Record::new(check().user_id);
        assert_eq!(check().mark(record.clone()), None);
        let verified = decided(check(), &[Event::Verify]);
        let marked = verified.mark(record.clone()).unwrap();
        assert_eq!((marked.checked_until, marked.version), (Some(day("2026-06-30")), 1));
        let revoked = decided(verified.clone(), &[Event::Revoke]).mark(marked.clone()).unwrap();
        assert_eq!((revoked.checked_until, revoked.version), (None, 2));
        assert_eq!(decided(verified, &[Event::Expire]).mark(marked), None);
        let course = decided(certificate(Kind::FirstAid, None), &[Event::Verify]);
        assert_eq!(course.mark(record), None);
    }

    #[test]
    fn the_folder_knows_the_latest_check() {
        let ids: Vec<CertificateId> = (0..3).map(|_| crate::id::new(Timestamp::UNIX_EPOCH)).collect();
        let folder = Folder::new(check().user_id).with(ids[0], Kind::BackgroundCheck);
        let folder = folder.with(ids[1], Kind::FirstAid);
        assert_eq!((folder.background_check, folder.version), (Some(ids[0]), 2));
        assert_eq!(folder.with(ids[2], Kind::BackgroundCheck).background_check, Some(ids[2]));
    }

    /// A folder of these, in their order.
    fn folder(kept: &[Certificate]) -> Folder {
        kept.iter().fold(Folder::new(check().user_id), |folder, certificate| {
            folder.with(certificate.id, certificate.details.kind)
        })
    }

    #[test]
    fn closed_certificates_take_no_room() {
        let course = || certificate(Kind::FirstAid, Some("2026-06-30"));
        let closed = |events: &[Event]| decided(course(), events);
        let of = |count, make: &dyn Fn() -> Certificate| (0..count).map(|_| make()).collect::<Vec<_>>();
        // Thirty that wait or are good are the most.
        let open = [of(15, &course), of(15, &|| closed(&[Event::Verify]))].concat();
        let full = folder(&open);
        assert_eq!((full.has_room(), full.make_room(&open)), (false, None));
        // However many were closed, of whichever kind.
        let mixed = [
            of(29, &course),
            of(25, &|| closed(&[Event::Reject])),
            of(25, &|| closed(&[Event::Verify, Event::Expire])),
            of(20, &|| closed(&[Event::Verify, Event::Revoke])),
        ]
        .concat();
        let before = folder(&mixed);
        let (same, leaves) = before.clone().make_room(&mixed).unwrap();
        assert!(same == before && leaves.is_none(), "99 are kept");
        // The oldest closed one goes where there are a hundred, and no background check does.
        let rejected = || decided(check(), &[Event::Reject]);
        let hundred = [vec![rejected()], mixed].concat();
        let (rest, leaves) = folder(&hundred).make_room(&hundred).unwrap();
        assert_eq!(leaves.unwrap().id, hundred[30].id);
        assert_eq!((rest.certificates.len(), rest.background_check), (99, Some(hundred[0].id)));
        assert!(!rest.certificates.contains(&hundred[30].id));
        let checks = of(100, &rejected);
        assert_eq!(folder(&checks).make_room(&checks), None);
    }

    #[test]
    fn reads_its_words() {
        assert_eq!(Kind::parse("paediatric_first_aid").unwrap(), Kind::PaediatricFirstAid);
        for raw in ["background_check", "First aid", ""] {
            assert_eq!(Kind::parse(raw).unwrap_err().code, "unknown_kind", "{raw}");
        }
        assert_eq!(Decision::parse("verify").unwrap(), Decision::Verify);
        for raw in ["expire", "Verify", ""] {
            assert_eq!(Decision::parse(raw).unwrap_err().code, "invalid_decision", "{raw}");
        }
        let today = day("2026-03-01");
        assert_eq!(issued_on("2026-03-01", today).unwrap(), today);
        assert_eq!(issued_on("2026-03-02", today).unwrap_err().code, "in_the_future");
        assert_eq!(expires_on("2026-03-01", today).unwrap(), today);
        assert_eq!(expires_on("2026-02-28", today).unwrap_err().code, "expired");
        let issued = Some(day("2024-02-29"));
        for (raw, issued) in [("2027-02-28", issued), ("2026-03-02", Some(today)), ("9999-12-31", None)] {
            assert_eq!(check_expires_on(raw, issued, today).unwrap(), day(raw));
        }
        for (raw, issued) in [("2027-03-01", issued), ("2026-03-01", Some(today)), ("9999-12-31", issued)] {
            assert_eq!(check_expires_on(raw, issued, today).unwrap_err().code, "out_of_range", "{raw}");
        }
        assert_eq!(check_expires_on("2026-02-28", issued, today).unwrap_err().code, "expired");
        for raw in ["", "2026-02-30", "20260301", "2026-03-01T00:00", "tomorrow"] {
            assert_eq!(issued_on(raw, today).unwrap_err().code, "invalid_date", "{raw}");
        }
    }

    proptest! {
        /// Whatever happens in whatever order, a certificate moves only forward, and each step counts.
        #[test]
        fn every_path_ends(steps in proptest::collection::vec((0usize..5, 0i16..400), 0..12)) {
            let mut current = check();
            for (event, days) in steps {
                let event = Event::iter().nth(event).unwrap();
                let today = day("2026-03-01").saturating_add(jiff::Span::new().days(days));
                if let Ok(next) = current.clone().after(event, today) {
                    prop_assert!(TABLE.iter().any(|(from, ..)| *from == current.state));
                    prop_assert_eq!(next.version, current.version + 1);
                    current = next;
                }
            }
            prop_assert!(current.version <= 4);
        }
    }
}
