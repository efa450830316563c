use domain::{
    address::Country,
    availability::{Hours, Minute, Span},
    booking::{
        Booking, Request, Sealed,
        policy::Policy,
        quote::{Quote, Tariff},
        window::Window,
    },
    id::{self, UserId},
    money::{Currency, HourlyRate},
    stripe::PaymentMethodId,
    time_zone::TimeZoneName,
};
use jiff::{Timestamp, civil::Date};

/// Hours of a day in Greenwich, all the year round.
///
/// # Panics
/// If they are no times of day.
#[expect(clippy::unwrap_used, reason = "a test cannot go on without them")]
pub fn window(date: Date, start: &str, end: &str) -> Window {
    let hours = Hours { start: Minute::parse(start).unwrap(), end: Minute::parse(end).unwrap() };
    Window { date, hours, zone: TimeZoneName::parse("Etc/UTC").unwrap() }
}

/// One child of some family by some sitter, asked for at a moment. What a test is about, it changes.
///
/// # Panics
/// If the window is none.
#[expect(clippy::unwrap_used, reason = "constants")]
pub fn asked_for(window: Window, now: Timestamp) -> Booking {
    let span: Span = window.span().unwrap();
    let rate = HourlyRate::parse(1450, Currency::Gbp).unwrap();
    let tariff = Tariff::of(Country::parse("GB").unwrap());
    let quote = Quote::price(rate, 1, &window, span, &tariff).unwrap();
    let request = Request {
        id: id::new(now),
        parent: id::new(now),
        sitter: id::new(now),
        occurrence: None,
        window,
        span,
        children: vec![id::new(now)],
        sealed: Sealed {
            address: "sealed".into(),
            point: "sealed".into(),
            emergency_contact: None,
            note: None,
        },
        rate,
        policy: Policy::Flexible,
        tariff,
        quote,
        method: PaymentMethodId::parse("pm_1NQ3kX2eZvKYlo2C").unwrap(),
    };
    Booking::request(request, now)
}

/// A booking of these two of an evening in London, from 19:00 to 01:00, that was asked for at a moment.
///
/// # Panics
/// If the day is none that can be booked.
pub fn requested_booking(parent: UserId, sitter: UserId, date: Date, at: Timestamp) -> Booking {
    let evening = Window { zone: TimeZoneName::default(), ..window(date, "19:00", "01:00") };
    Booking { parent, sitter, ..asked_for(evening, at) }
}
