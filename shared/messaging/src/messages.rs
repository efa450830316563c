//! Which messages follow from what has happened.

use domain::{
    booking::{self, News, Step},
    credentials::Method,
    event::{Event, Fact},
    id::{BookingId, EventId, UserId},
    listing,
};

use crate::{
    queue::{
        AlertMessage, BookingMessage, ConcernMessage, EmailMessage, Message, PaymentMessage, SearchMessage,
        SmsMessage, StandingMessage,
    },
    template::Template,
};

/// The messages that follow from an event.
pub fn messages_for(event: &Event) -> Vec<Message> {
    let event_id = event.id;
    let search = |user_id| Message::Search(SearchMessage { user_id });
    let email = |user_id, template| {
        Message::Email(EmailMessage { event_id, user_id, template, booking: None, epoch: None })
    };
    let link = |user_id, epoch, template| {
        Message::Email(EmailMessage { event_id, user_id, template, booking: None, epoch: Some(epoch) })
    };
    let standing = |user_id| Message::Standing(StandingMessage { event_id, user_id });
    match event.fact {
        Fact::UserRegistered { user_id, epoch } => vec![link(user_id, epoch, Template::Welcome)],
        Fact::RegistrationRepeated { user_id } => vec![email(user_id, Template::RegistrationRepeated)],
        Fact::EmailVerificationRequested { user_id, epoch } => {
            vec![link(user_id, epoch, Template::VerifyEmail)]
        }
        Fact::EmailChangeRequested { user_id, epoch } => {
            vec![link(user_id, epoch, Template::ConfirmNewEmail), email(user_id, Template::EmailChangeNotice)]
        }
        Fact::EmailChanged { user_id } => vec![email(user_id, Template::EmailChanged)],
        Fact::EmailReverted { user_id, epoch } => vec![link(user_id, epoch, Template::EmailReverted)],
        Fact::PasswordResetRequested { user_id, epoch } => {
            vec![link(user_id, epoch, Template::ResetPassword)]
        }
        Fact::AdminInvited { user_id, epoch } => vec![link(user_id, epoch, Template::AdminInvited)],
        Fact::PasswordChanged { user_id } => vec![email(user_id, Template::PasswordChanged)],
        Fact::SecondStepChanged { user_id, method: Method::None } => {
            vec![email(user_id, Template::SecondStepOff)]
        }
        Fact::SecondStepChanged { user_id, .. } => vec![email(user_id, Template::SecondStepOn)],
        Fact::SecondStepReset { user_id } => vec![email(user_id, Template::SecondStepReset)],
        Fact::SessionReused { user_id, .. } => vec![email(user_id, Template::SessionEnded)],
        Fact::AccountSuspended { user_id } => {
            vec![search(user_id), standing(user_id), email(user_id, Template::AccountSuspended)]
        }
        Fact::AccountReinstated { user_id } => {
            vec![search(user_id), email(user_id, Template::AccountReinstated)]
        }
        Fact::SitterChanged { user_id } | Fact::AccountRemoved { user_id } => vec![search(user_id)],
        Fact::BackgroundCheckExpired { user_id } => vec![search(user_id), standing(user_id)],
        Fact::SitterDiscredited { user_id } => {
            vec![Message::Concern(ConcernMessage { event_id, user_id, booking_id: None })]
        }
        Fact::CodeRequested { user_id, challenge } => {
            vec![Message::Sms(SmsMessage { event_id, user_id, challenge })]
        }
        Fact::SitterDecided { user_id, decision } => match decision {
            listing::Event::Approve => vec![email(user_id, Template::ProfileApproved)],
            listing::Event::Reject => vec![email(user_id, Template::ProfileRejected)],
            listing::Event::Suspend => {
                vec![standing(user_id), email(user_id, Template::ProfileSuspended)]
            }
            listing::Event::Reinstate => vec![email(user_id, Template::ProfileReinstated)],
            // The sitter's own, who knows.
            _ => vec![],
        },
        Fact::CredentialVerified { user_id, .. } => vec![email(user_id, Template::CredentialVerified)],
        Fact::CredentialRejected { user_id, .. } => vec![email(user_id, Template::CredentialRejected)],
        Fact::CredentialRevoked { user_id, .. } => vec![email(user_id, Template::CredentialRevoked)],
        Fact::CredentialExpired { user_id, .. } => vec![email(user_id, Template::CredentialExpired)],
        Fact::Booking { booking_id, parent, sitter, news } => {
            messages_about(event_id, booking_id, parent, sitter, news)
        }
        Fact::HelpCalled { booking_id, by } => {
            vec![Message::Alert(AlertMessage { event_id, booking_id, by })]
        }
        Fact::StripeObjectAbandoned { ref object } => {
            vec![Message::Payment(PaymentMessage::Abandoned { event_id, object: object.clone() })]
        }
        Fact::StripeEventReceived { ref object } => {
            vec![Message::Payment(PaymentMessage::Stripe { event_id, object: object.clone() })]
        }
        Fact::NobodyAsked => vec![],
    }
}

/// The messages that follow from what is told of a booking.
fn messages_about(
    event_id: EventId,
    booking_id: BookingId,
    parent: UserId,
    sitter: UserId,
    news: News,
) -> Vec<Message> {
    use Template::{
        BookingAccepted, BookingCancelled, BookingCardRefused, BookingChangeAccepted, BookingChangeDeclined,
        BookingChangeProposed, BookingCompleted, BookingConfirmed, BookingDecided, BookingDeclined,
        BookingDisputed, BookingExpired, BookingMissed, BookingRefunded, BookingReminder, BookingRequested,
        BookingStarted, BookingUnpaid, BookingWithdrawn, SitterMissing,
    };
    use booking::Event;
    let email = |user_id, template| {
        Message::Email(EmailMessage { event_id, user_id, template, booking: Some(booking_id), epoch: None })
    };
    let (to_parent, to_sitter) = (|template| email(parent, template), |template| email(sitter, template));
    let payment = Message::Payment(PaymentMessage::Booking { event_id, booking_id });
    let follow_up = Message::Booking(BookingMessage { event_id, booking_id, news });
    // Of whose time something is taken, or given back.
    let search = Message::Search(SearchMessage { user_id: sitter });
    match news {
        News::Requested => vec![to_sitter(BookingRequested), follow_up],
        News::Event(Event::Accept) => vec![search, payment, to_parent(BookingAccepted), follow_up],
        News::Event(Event::Decline) => vec![to_parent(BookingDeclined), follow_up],
        News::Event(Event::Expire) => vec![to_parent(BookingExpired)],
        News::Event(Event::Withdraw) => vec![to_sitter(BookingWithdrawn)],
        News::Event(Event::Confirm) => vec![to_parent(BookingConfirmed), to_sitter(BookingConfirmed)],
        // That a card was refused is not for the sitter to know.
        News::Event(Event::FailPayment) => {
            vec![search, payment, to_parent(BookingUnpaid), to_sitter(BookingCancelled)]
        }
        News::Event(Event::Cancel | Event::CallOff) => {
            vec![search, payment, to_parent(BookingCancelled), to_sitter(BookingCancelled)]
        }
        News::Event(Event::Propose) => vec![to_sitter(BookingChangeProposed)],
        News::Event(Event::AcceptChange) => vec![search, to_parent(BookingChangeAccepted), follow_up],
        News::Event(Event::DeclineChange) => vec![to_parent(BookingChangeDeclined)],
        News::Event(Event::CheckIn) => vec![to_parent(BookingStarted)],
        News::Event(Event::MissStart) => {
            vec![search, payment, to_parent(SitterMissing), to_sitter(BookingMissed)]
        }
        News::Event(Event::CheckOut | Event::Complete) => {
            vec![payment, to_parent(BookingCompleted), follow_up]
        }
        News::Event(Event::Dispute) => vec![to_parent(BookingDisputed), to_sitter(BookingDisputed)],
        News::Event(Event::Decide) => {
            vec![payment, to_parent(BookingDecided), to_sitter(BookingDecided)]
        }
        News::RefundGranted => vec![payment, to_parent(BookingRefunded)],
        News::Event(Event::Settle) | News::Step(Step::Hold) | News::CardChanged => vec![payment],
        News::Step(Step::RemindDay | Step::RemindHours) => {
            vec![to_parent(BookingReminder), to_sitter(BookingReminder)]
        }
        News::CardRefused => vec![to_parent(BookingCardRefused)],
        // `HelpCalled` is announced beside it, and goes to a queue that nothing else holds up.
        News::Event(Event::CallForHelp) => vec![],
        // What they led to is told as an event.
        News::Step(
            Step::Expire
            | Step::GiveUpCard
            | Step::MissStart
            | Step::Complete
            | Step::Settle
            | Step::CloseReviews,
        ) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Alert, FollowUp};
    use domain::booking::{Who, state::TABLE};
    use jiff::Timestamp;
    use std::collections::BTreeSet;
    use strum::IntoEnumIterator;

    fn told(news: News) -> (UserId, Vec<Message>) {
        let now = Timestamp::UNIX_EPOCH;
        let [parent, sitter] = std::array::from_fn(|_| domain::id::new(now));
        let fact = Fact::Booking { booking_id: domain::id::new(now), parent, sitter, news };
        (parent, messages_for(&Event::new(fact, now)))
    }

    fn every_news() -> impl Iterator<Item = News> {
        let events = booking::Event::iter().map(News::Event);
        let steps = Step::iter().map(News::Step);
        [News::Requested, News::CardRefused, News::CardChanged, News::RefundGranted]
            .into_iter()
            .chain(events)
            .chain(steps)
    }

    #[test]
    fn what_follows_from_what_is_told_of_a_booking() {
        let row = |news: News| {
            let (parent, messages) = told(news);
            let message = |message: &Message| match message {
                Message::Email(mail) => {
                    let side = if mail.user_id == parent { "parent" } else { "sitter" };
                    format!("{} to {side}", mail.template.as_ref())
                }
                Message::Payment(_) => "payment".into(),
                Message::Booking(_) => "follow-up".into(),
                Message::Search(_) => "search".into(),
                other => format!("{other:?}"),
            };
            let messages: Vec<_> = messages.iter().map(message).collect();
            let messages = if messages.is_empty() { "nothing".into() } else { messages.join(", ") };
            let kind = if matches!(news, News::Step(_)) { "step " } else { "" };
            format!("{kind}{}: {messages}", news.name())
        };
        let table: Vec<_> = every_news().map(row).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        requested: booking_requested to sitter, follow-up
        card_refused: booking_card_refused to parent
        card_changed: payment
        refund_granted: payment, booking_refunded to parent
        accept: search, payment, booking_accepted to parent, follow-up
        decline: booking_declined to parent, follow-up
        expire: booking_expired to parent
        withdraw: booking_withdrawn to sitter
        confirm: booking_confirmed to parent, booking_confirmed to sitter
        fail_payment: search, payment, booking_unpaid to parent, booking_cancelled to sitter
        cancel: search, payment, booking_cancelled to parent, booking_cancelled to sitter
        call_off: search, payment, booking_cancelled to parent, booking_cancelled to sitter
        propose: booking_change_proposed to sitter
        accept_change: search, booking_change_accepted to parent, follow-up
        decline_change: booking_change_declined to parent
        check_in: booking_started to parent
        miss_start: search, payment, sitter_missing to parent, booking_missed to sitter
        check_out: payment, booking_completed to parent, follow-up
        complete: payment, booking_completed to parent, follow-up
        call_for_help: nothing
        dispute: booking_disputed to parent, booking_disputed to sitter
        decide: payment, booking_decided to parent, booking_decided to sitter
        settle: payment
        step expire: nothing
        step hold: payment
        step remind_day: booking_reminder to parent, booking_reminder to sitter
        step remind_hours: booking_reminder to parent, booking_reminder to sitter
        step give_up_card: nothing
        step miss_start: nothing
        step complete: nothing
        step settle: nothing
        step close_reviews: nothing
        ");
    }

    #[test]
    fn search_learns_of_whatever_takes_time_or_gives_it_back() {
        for event in booking::Event::iter() {
            let rows = TABLE.iter().filter(|row| row.event == event);
            let moves = event == booking::Event::AcceptChange
                || rows.clone().any(|row| row.from.holds_time() != row.to.holds_time());
            let (_, messages) = told(News::Event(event));
            let is_told = messages.iter().any(|message| matches!(message, Message::Search(_)));
            assert_eq!(is_told, moves, "{event:?}");
        }
    }

    #[test]
    fn no_two_mails_of_one_event_are_taken_for_the_same() {
        for (parent, messages) in every_news().map(told) {
            let mails = messages.iter().filter_map(|message| match message {
                Message::Email(mail) => Some(mail),
                _ => None,
            });
            let keys: BTreeSet<_> = mails.clone().map(EmailMessage::key).collect();
            assert_eq!(keys.len(), mails.clone().count(), "{parent}");
            assert!(mails.clone().all(|mail| mail.booking.is_some()));
        }
    }

    #[test]
    fn a_call_for_help_goes_to_a_queue_of_its_own() {
        let booking_id = domain::id::new(Timestamp::UNIX_EPOCH);
        let event = Event::new(Fact::HelpCalled { booking_id, by: Who::Sitter }, Timestamp::UNIX_EPOCH);
        let alert = AlertMessage { event_id: event.id, booking_id, by: Who::Sitter };
        assert_eq!(messages_for(&event), [Message::Alert(alert)]);
    }

    #[test]
    fn what_lies_on_the_queue_of_alerts_is_told_apart() {
        let now = Timestamp::UNIX_EPOCH;
        let (event_id, booking_id, user_id) =
            (domain::id::new(now), domain::id::new(now), domain::id::new(now));
        let read = |message: serde_json::Value| serde_json::from_value::<Alert>(message).unwrap();
        let help = AlertMessage { event_id, booking_id, by: Who::Sitter };
        assert_eq!(read(serde_json::to_value(help).unwrap()), Alert::Help(help));
        for booking_id in [None, Some(booking_id)] {
            let concern = ConcernMessage { event_id, user_id, booking_id };
            assert_eq!(read(serde_json::to_value(concern).unwrap()), Alert::Concern(concern));
        }
    }

    #[test]
    fn who_may_not_take_part_any_more_has_their_bookings_looked_at() {
        let (now, user_id) = (Timestamp::UNIX_EPOCH, domain::id::new(Timestamp::UNIX_EPOCH));
        let looks = |fact: Fact| {
            let event = Event::new(fact, now);
            let standing = StandingMessage { event_id: event.id, user_id };
            assert_eq!(
                serde_json::from_value::<FollowUp>(serde_json::to_value(standing).unwrap()).unwrap(),
                FollowUp::Standing(standing)
            );
            messages_for(&event).contains(&Message::Standing(standing))
        };
        let decided = |decision| Fact::SitterDecided { user_id, decision };
        assert!(looks(Fact::AccountSuspended { user_id }));
        assert!(looks(Fact::BackgroundCheckExpired { user_id }));
        assert!(looks(decided(listing::Event::Suspend)));
        assert!(!looks(decided(listing::Event::Reinstate)));
        assert!(!looks(Fact::AccountReinstated { user_id }));
        let (event_id, booking_id) = (domain::id::new(now), domain::id::new(now));
        let news = News::Event(booking::Event::AcceptChange);
        let message = BookingMessage { event_id, booking_id, news };
        let read: FollowUp = serde_json::from_value(serde_json::to_value(message).unwrap()).unwrap();
        assert_eq!(read, FollowUp::Booking(message));
    }

    #[test]
    fn messages_keep_their_form() {
        let mail = r#"{"event_id":"evt_01h455vb4pex5vsknk084sn02q","user_id":"usr_01h455vb4pex5vsknk084sn02q","template":"welcome"}"#;
        let read: EmailMessage = serde_json::from_str(mail).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), mail);
        let payment = r#"{"type":"booking","event_id":"evt_01h455vb4pex5vsknk084sn02q","booking_id":"bkg_01h455vb4pex5vsknk084sn02q"}"#;
        let read: PaymentMessage = serde_json::from_str(payment).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), payment);
    }
}
