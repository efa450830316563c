//! What mails tell of bookings, and in which words. Nothing of the children is told, and no address: a mail lies
//! in a mailbox for years, which others may read.

use domain::{
    booking::{Booking, State},
    id::BookingId,
    money::{Currency, Money},
};
use serde::Serialize;

use super::{Template, Words};

/// What a mail tells of a booking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// For the link.
    booking: BookingId,
    /// The name of the other side; to an admin, that of whoever it is not about.
    other: String,
    /// The name of whoever has called for help, or may not take part any more, to an admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    /// E.g. `Tuesday 1 December, 19:00 to 01:00`.
    when: String,
    /// All that it costs, with what it costs besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
}

impl About {
    /// What that mail tells of a booking to one side of it, where `other` is the other's name.
    pub fn new(template: Template, booking: &Booking, other: &str) -> Self {
        let (window, span) = match &booking.proposal {
            Some(proposal) if template == Template::BookingChangeProposed => {
                (&proposal.window, proposal.span)
            }
            _ => (&booking.window, booking.span),
        };
        let zone = window.zone.rules();
        let [start, end] = [span.start, span.end].map(|at| at.to_zoned(zone.clone()));
        let overrun = booking.overrun.as_ref().map(|overrun| overrun.total());
        let total = overrun.into_iter().try_fold(booking.quote.total(), Money::checked_add);
        Self {
            booking: booking.id,
            other: other.to_owned(),
            caller: None,
            when: format!("{} to {}", start.strftime("%A %-d %B, %H:%M"), end.strftime("%H:%M")),
            amount: total.ok().map(amount),
        }
    }

    /// What the mail to an admin tells of a booking in which somebody calls for help, or may not take part any more.
    pub fn help(booking: &Booking, caller: &str, other: &str) -> Self {
        Self { caller: Some(caller.to_owned()), ..Self::new(Template::HelpCalled, booking, other) }
    }
}

/// An amount as it is written in English. Each currency has a hundred minor units.
fn amount(money: Money) -> String {
    let symbol = match money.currency {
        Currency::Gbp => '£',
        Currency::Eur => '€',
    };
    format!("{symbol}{}.{:02}", money.amount_minor / 100, money.amount_minor % 100)
}

impl Template {
    /// Whether a mail about a booking still tells the truth: one that comes late may be overtaken.
    pub fn is_true_of(self, booking: &Booking) -> bool {
        match self {
            Self::BookingRequested => booking.state == State::Requested,
            Self::BookingReminder => booking.state == State::Confirmed,
            Self::BookingChangeProposed => booking.state == State::Requested || booking.proposal.is_some(),
            Self::BookingCardRefused => booking.is_refused() && !booking.state.is_final(),
            _ => true,
        }
    }
}

/// Where a booking is shown.
const PAGE: &str = "/bookings/{{ booking }}";
const SEE: Option<(&str, &str)> = Some(("See the booking", PAGE));

pub(super) const REQUESTED: Words = Words {
    subject: "A family asks for you",
    title: "{{ other }} asks for you",
    before: &["Hello {{ name }}, {{ other }} would like you to come on {{ when }}."],
    action: Some(("Answer", PAGE)),
    after: &[
        "Please answer soon, whether it is yes or no: a request expires after a day at most, and families see how often a sitter answers.",
    ],
};

pub(super) const ACCEPTED: Words = Words {
    subject: "Your sitter says yes",
    title: "{{ other }} says yes",
    before: &["Hello {{ name }}, {{ other }} will come to you on {{ when }}."],
    action: SEE,
    after: &[
        "We now make sure that your card is good, and write to you again when the booking is confirmed.",
    ],
};

pub(super) const DECLINED: Words = Words {
    subject: "Your sitter cannot come",
    title: "{{ other }} cannot come",
    before: &["Hello {{ name }}, {{ other }} cannot come on {{ when }}. You pay nothing."],
    action: Some(("See the request", PAGE)),
    after: &[ELSEWHERE],
};

const ELSEWHERE: &str = "Other sitters near you may be free at that time.";

pub(super) const EXPIRED: Words = Words {
    subject: "Your request has expired",
    title: "Your request has expired",
    before: &["Hello {{ name }}, {{ other }} has not answered your request for {{ when }}. You pay nothing."],
    action: Some(("See the request", PAGE)),
    after: &[ELSEWHERE],
};

pub(super) const WITHDRAWN: Words = Words {
    subject: "A family does not need you after all",
    title: "{{ other }} does not need you after all",
    before: &[
        "Hello {{ name }}, {{ other }} has taken back the request for {{ when }}. You need not answer it.",
    ],
    action: Some(("See the request", PAGE)),
    after: &[],
};

pub(super) const CONFIRMED: Words = Words {
    subject: "Your booking is confirmed",
    title: "Your booking is confirmed",
    before: &["Hello {{ name }}, all is settled between {{ other }} and you: {{ when }}."],
    action: SEE,
    after: &["You can put it into your calendar from there. If something comes up, say so in good time."],
};

pub(super) const UNPAID: Words = Words {
    subject: "Your booking could not be paid for",
    title: "Your booking could not be paid for",
    before: &[
        "Hello {{ name }}, your card was refused until the end, so {{ other }} does not come on {{ when }}. You pay nothing.",
    ],
    action: SEE,
    after: &["You can ask again, with another card."],
};

pub(super) const CANCELLED: Words = Words {
    subject: "Your booking was called off",
    title: "Your booking was called off",
    before: &["Hello {{ name }}, your booking with {{ other }} on {{ when }} does not take place."],
    action: SEE,
    after: &["You find there what is to be paid all the same, if anything is."],
};

pub(super) const CHANGE_PROPOSED: Words = Words {
    subject: "A family asks for another time",
    title: "{{ other }} asks for another time",
    before: &["Hello {{ name }}, {{ other }} would like you to come on {{ when }} instead."],
    action: Some(("Answer", PAGE)),
    after: &["A booking that is confirmed stays as it was until you agree."],
};

pub(super) const CHANGE_ACCEPTED: Words = Words {
    subject: "Your sitter agrees with the new time",
    title: "{{ other }} agrees with the new time",
    before: &["Hello {{ name }}, {{ other }} will come to you on {{ when }}."],
    action: SEE,
    after: &[],
};

pub(super) const CHANGE_DECLINED: Words = Words {
    subject: "Your sitter cannot come at the new time",
    title: "{{ other }} cannot come at the new time",
    before: &["Hello {{ name }}, your booking with {{ other }} stays as it was: {{ when }}."],
    action: SEE,
    after: &[],
};

pub(super) const STARTED: Words = Words {
    subject: "Your sitter is there",
    title: "{{ other }} is there",
    before: &["Hello {{ name }}, {{ other }} has checked in: {{ when }}."],
    action: SEE,
    after: &["If something is wrong, you can call for help from there."],
};

pub(super) const SITTER_MISSING: Words = Words {
    subject: "Your sitter has not come",
    title: "{{ other }} has not come",
    before: &[
        "Hello {{ name }}, {{ other }} was to come on {{ when }}, and has not checked in. We are sorry: the booking has ended, and you pay nothing.",
    ],
    action: SEE,
    after: &["If {{ other }} is with you after all, reply to this mail."],
};

pub(super) const MISSED: Words = Words {
    subject: "You have missed a booking",
    title: "You have missed a booking",
    before: &[
        "Hello {{ name }}, {{ other }} has waited for you: {{ when }}. You have not checked in, so the booking has ended, and nothing is paid for it.",
    ],
    action: SEE,
    after: &["If you were there, or if something has happened to you, reply to this mail."],
};

pub(super) const COMPLETED: Words = Words {
    subject: "Your booking is over",
    title: "Thank you, {{ name }}",
    before: &[
        "Your booking with {{ other }} on {{ when }} is over. It cost {{ amount }}, which your card is charged with.",
    ],
    action: Some(("See what it is made of", PAGE)),
    after: &["If something was not right, tell us there within two days. After that {{ other }} is paid."],
};

pub(super) const DISPUTED: Words = Words {
    subject: "We are looking into your booking",
    title: "We are looking into your booking",
    before: &[
        "Hello {{ name }}, one of you does not agree with how your booking with {{ other }} went: {{ when }}. Nobody is paid for it until we have decided.",
    ],
    action: SEE,
    after: &["If there is something that we should know, reply to this mail."],
};

pub(super) const DECIDED: Words = Words {
    subject: "We have decided about your booking",
    title: "We have decided about your booking",
    before: &["Hello {{ name }}, we have looked into your booking with {{ other }}: {{ when }}."],
    action: Some(("See what we have decided", PAGE)),
    after: &["If you think that this is a mistake, answer this mail."],
};

pub(super) const REMINDER: Words = Words {
    subject: "Your booking is coming up",
    title: "Your booking is coming up",
    before: &["Hello {{ name }}, this is to remind you of your booking with {{ other }}: {{ when }}."],
    action: SEE,
    after: &["If something has come up, say so now."],
};

pub(super) const CARD_REFUSED: Words = Words {
    subject: "Your card was not accepted",
    title: "Your card was not accepted",
    before: &[
        "Hello {{ name }}, your bank has refused your card for your booking with {{ other }} on {{ when }}, or wants you to confirm that it is you.",
    ],
    action: Some(("Pay for the booking", PAGE)),
    after: &["Please do so soon: a booking that cannot be paid for is called off."],
};

pub(super) const HELP_CALLED: Words = Words {
    subject: "Somebody calls for help",
    title: "{{ caller }} calls for help",
    before: &["{{ caller }} has called for help in a booking with {{ other }}: {{ when }}."],
    action: Some(("Open the booking", "/admin/bookings/{{ booking }}")),
    after: &[
        "Call both now. The family's emergency contact, where there is one, gets a text at the same time.",
    ],
};

pub(super) const UNFIT: Words = Words {
    subject: "Somebody is in a booking who may not be",
    title: "{{ caller }} may not take part any more",
    before: &[
        "The booking of {{ caller }} with {{ other }} is going on: {{ when }}. Since it began an account or a profile was suspended, or a background check is good no more, so {{ caller }} may not take part any more.",
    ],
    action: Some(("Open the booking", "/admin/bookings/{{ booking }}")),
    after: &["Call both now. What is still to come was called off, but nobody ends this one for them."],
};

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use domain::booking::{Card, Proposal};
    use jiff::civil::Date;
    use testing::requested_booking;

    fn booking() -> Booking {
        let at = "2026-11-20T12:00:00Z".parse().unwrap();
        let id = domain::id::parse("bkg_01h455vb4pex5vsknk084sn02q").unwrap();
        Booking { id, ..requested_booking(domain::id::new(at), domain::id::new(at), date("2026-12-01"), at) }
    }

    fn date(raw: &str) -> Date {
        raw.parse().unwrap()
    }

    fn proposal(booking: &Booking) -> Proposal {
        let window = booking.window.on(date("2026-07-01"));
        let (span, quote) = (window.span().unwrap(), booking.quote.clone());
        Proposal { window, span, quote, made_at: booking.created_at }
    }

    /// For the test of all mails.
    pub(in crate::template) fn about() -> About {
        About::help(&booking(), "Mary Poppins", "George Banks")
    }

    #[test]
    fn tells_the_time_by_the_clock_on_the_wall_and_all_that_it_costs() {
        let proposed = Booking { proposal: Some(proposal(&booking())), ..booking() };
        let told = |template, booking: &Booking| About::new(template, booking, "Mary").when;
        assert_eq!(told(Template::BookingReminder, &proposed), "Tuesday 1 December, 19:00 to 01:00");
        assert_eq!(told(Template::BookingChangeProposed, &booking()), "Tuesday 1 December, 19:00 to 01:00");
        // In summer, where Greenwich has another hour.
        assert_eq!(told(Template::BookingChangeProposed, &proposed), "Wednesday 1 July, 19:00 to 01:00");

        let costs =
            |booking: &Booking| About::new(Template::BookingCompleted, booking, "Mary").amount.unwrap();
        let longer = Booking { overrun: Some(booking().quote), ..booking() };
        let pence = |text: String| text.replace(['£', '.'], "").parse::<u32>().unwrap();
        assert_eq!(pence(costs(&booking())), booking().quote.total().amount_minor);
        assert_eq!(pence(costs(&longer)), 2 * booking().quote.total().amount_minor);
        assert_eq!(amount(Money::new(123_405, Currency::Eur)), "€1234.05");
    }

    #[test]
    fn a_mail_that_was_overtaken_is_not_true() {
        let confirmed = Booking { state: State::Confirmed, ..booking() };
        let cancelled = Booking { state: State::Cancelled, card: Card::Refused, ..booking() };
        let proposed = Booking { proposal: Some(proposal(&booking())), ..confirmed.clone() };
        let refused = Booking { card: Card::ActionRequired, ..confirmed.clone() };
        let all = [&booking(), &confirmed, &cancelled, &proposed, &refused];
        for (template, expected) in [
            (Template::BookingRequested, [true, false, false, false, false]),
            (Template::BookingReminder, [false, true, false, true, true]),
            (Template::BookingChangeProposed, [true, false, false, true, false]),
            (Template::BookingCardRefused, [false, false, false, false, true]),
            (Template::BookingCancelled, [true; 5]),
        ] {
            assert_eq!(all.map(|booking| template.is_true_of(booking)), expected, "{}", template.as_ref());
        }
    }
}
