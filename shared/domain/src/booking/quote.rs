//! What a booking costs, line by line.
//!
//! Each line is reckoned from the rate and rounded once, to the nearest minor unit, half a unit up; what is
//! reckoned from other lines (the fee from what the sitter earns, the tax from the fee) takes them as they
//! stand there. So the lines add up, and whoever checks them with a pocket calculator finds the same.

use jiff::{SignedDuration, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    address::Country,
    availability::Span,
    booking::window::{Minutes, Window},
    money::{Currency, HourlyRate, Money, MoneyError},
};

/// What is added to the sitter's rate. Percentages are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    /// Of the care of one child, for each further one.
    pub extra_child_percent: u16,
    /// Of the care of all children, for minutes at night.
    pub night_percent: u16,
    /// Of the care of all children, for minutes on a holiday. At night, too, both are added.
    pub holiday_percent: u16,
    /// Of what the sitter earns: what the platform earns.
    pub service_fee_percent: u16,
    /// Of the service fee. The sitter's care is theirs to tax.
    pub tax_percent: u16,
    /// So long a family may come late for nothing.
    pub overrun_grace_minutes: u32,
    /// What is beyond that is counted in steps of so many minutes, of which each counts that has begun.
    pub overrun_step_minutes: u32,
    /// What is beyond that is not counted: by then something is wrong that money does not settle.
    pub overrun_most_minutes: u32,
}

/// The tax on services by the country of whoever pays.
const TAXES: [(&str, u16); 2] = [("GB", 20), ("IE", 23)];
/// Elsewhere the tax is that of the country in which NannyRadar is at home.
const HOME_TAX: u16 = 20;

impl Tariff {
    /// The one for families of a country.
    pub fn of(country: Country) -> Self {
        let tax = TAXES.iter().find(|(code, _)| *code == country.as_str());
        Self {
            extra_child_percent: 20,
            night_percent: 25,
            holiday_percent: 50,
            service_fee_percent: 12,
            tax_percent: tax.map_or(HOME_TAX, |(_, percent)| *percent),
            overrun_grace_minutes: 15,
            overrun_step_minutes: 15,
            overrun_most_minutes: 4 * 60,
        }
    }

    /// So long after the end nothing more is counted.
    pub fn longest_stay(&self) -> SignedDuration {
        let minutes = i64::from(self.overrun_grace_minutes) + i64::from(self.overrun_most_minutes);
        SignedDuration::from_mins(minutes)
    }

    /// What all children but the first add to the care of one.
    fn extra_children_percent(&self, children: u8) -> Result<u16, MoneyError> {
        let further = u16::from(children.saturating_sub(1));
        self.extra_child_percent.checked_mul(further).ok_or(MoneyError::Overflow)
    }
}

/// Whether a day is one on which sitters get more: New Year's Day, Easter Sunday and Monday, Christmas Day and
/// the day after.
pub fn is_holiday(date: Date) -> bool {
    let is_easter = |date: Date| {
        computus::gregorian(date.year().into()).is_ok_and(|easter| {
            (i64::from(easter.month), i64::from(easter.day)) == (date.month().into(), date.day().into())
        })
    };
    let is_fixed = matches!((date.month(), date.day()), (1, 1) | (12, 25 | 26));
    is_fixed || is_easter(date) || date.yesterday().is_ok_and(is_easter)
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Care of one child, at the sitter's rate.
    Care,
    /// Care of the other children.
    ExtraChildren,
    /// The supplement for the night.
    Night,
    /// The supplement for holidays.
    Holiday,
    /// Care of one child after the booked time.
    Overrun,
    /// What the platform earns.
    ServiceFee,
    /// The tax on the service fee.
    Tax,
}

impl LineKind {
    /// Whether the sitter earns it, and not the platform.
    pub fn is_the_sitters(self) -> bool {
        !matches!(self, Self::ServiceFee | Self::Tax)
    }
}

/// One line of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is for.
    pub kind: LineKind,
    /// For how long, where it is reckoned by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Which share, where it is one of something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u16>,
    /// How much.
    pub amount: Money,
}

/// What a booking costs. It has a line at least, all of one currency, and their sum is an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct Quote {
    currency: Currency,
    lines: Vec<Line>,
}

impl Quote {
    /// What the care of so many children costs in a window, of which `span` are the moments.
    pub fn price(
        rate: HourlyRate,
        children: u8,
        window: &Window,
        span: Span,
        tariff: &Tariff,
    ) -> Result<Self, MoneyError> {
        let minutes = Minutes::of(span, &window.zone, is_holiday);
        let mut lines = care(LineKind::Care, rate, children, minutes.all, tariff)?;
        let all_children = 100 + u64::from(tariff.extra_children_percent(children)?);
        for (kind, minutes, percent) in [
            (LineKind::Night, minutes.night, tariff.night_percent),
            (LineKind::Holiday, minutes.holiday, tariff.holiday_percent),
        ] {
            if minutes > 0 {
                let parts = u64::from(minutes) * all_children * u64::from(percent);
                let amount = rate.money().share(parts, 60 * 100 * 100)?;
                lines.push(Line { kind, minutes: Some(minutes), percent: Some(percent), amount });
            }
        }
        Self::with_fee(rate.money().currency, lines, tariff)
    }

    /// What it costs that a family comes late by so much; `None` if nothing. Supplements are not added.
    pub fn overrun(
        rate: HourlyRate,
        children: u8,
        late_by: SignedDuration,
        tariff: &Tariff,
    ) -> Result<Option<Self>, MoneyError> {
        let nanoseconds = |minutes: u32| SignedDuration::from_mins(minutes.into()).as_nanos();
        let beyond = late_by.as_nanos() - nanoseconds(tariff.overrun_grace_minutes);
        let steps = u128::try_from(beyond).unwrap_or(0);
        let steps = steps.div_ceil(nanoseconds(tariff.overrun_step_minutes.max(1)).unsigned_abs());
        let minutes = u32::try_from(steps).unwrap_or(u32::MAX).saturating_mul(tariff.overrun_step_minutes);
        let minutes = minutes.min(tariff.overrun_most_minutes);
        if minutes == 0 {
            return Ok(None);
        }
        let lines = care(LineKind::Overrun, rate, children, minutes, tariff)?;
        Self::with_fee(rate.money().currency, lines, tariff).map(Some)
    }

    /// Of what all lines are.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// In the order in which they are shown.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// What the family pays.
    pub fn total(&self) -> Money {
        self.sum(|_| true)
    }

    /// What the sitter earns.
    pub fn sitter(&self) -> Money {
        self.sum(LineKind::is_the_sitters)
    }

    /// What the platform earns.
    pub fn fee(&self) -> Money {
        self.sum(|kind| kind == LineKind::ServiceFee)
    }

    /// What the state gets from the platform.
    pub fn tax(&self) -> Money {
        self.sum(|kind| kind == LineKind::Tax)
    }

    fn with_fee(currency: Currency, mut lines: Vec<Line>, tariff: &Tariff) -> Result<Self, MoneyError> {
        let sitter = Money::sum(currency, lines.iter().map(|line| line.amount))?;
        let fee = sitter.share(tariff.service_fee_percent.into(), 100)?;
        let tax = fee.share(tariff.tax_percent.into(), 100)?;
        sitter.checked_add(fee)?.checked_add(tax)?;
        let line = |kind, percent, amount| Line { kind, minutes: None, percent: Some(percent), amount };
        lines.push(line(LineKind::ServiceFee, tariff.service_fee_percent, fee));
        lines.push(line(LineKind::Tax, tariff.tax_percent, tax));
        Ok(Self { currency, lines })
    }

    fn sum(&self, counts: impl Fn(LineKind) -> bool) -> Money {
        let lines = self.lines.iter().filter(|line| counts(line.kind));
        // That it is an amount was found when the quote was made.
        Money::new(lines.map(|line| line.amount.amount_minor).sum(), self.currency)
    }
}

/// The lines for so many minutes of care.
fn care(
    kind: LineKind,
    rate: HourlyRate,
    children: u8,
    minutes: u32,
    tariff: &Tariff,
) -> Result<Vec<Line>, MoneyError> {
    let one_child = rate.money().share(minutes.into(), 60)?;
    let mut lines = vec![Line { kind, minutes: Some(minutes), percent: None, amount: one_child }];
    let percent = tariff.extra_children_percent(children)?;
    if percent > 0 {
        let amount = rate.money().share(u64::from(minutes) * u64::from(percent), 60 * 100)?;
        let kind = LineKind::ExtraChildren;
        lines.push(Line { kind, minutes: Some(minutes), percent: Some(percent), amount });
    }
    Ok(lines)
}

impl TryFrom<Vec<Line>> for Quote {
    type Error = Violation;
    fn try_from(lines: Vec<Line>) -> Result<Self, Violation> {
        let first = lines.first().ok_or_else(|| Violation::new("required", "must have a line"))?;
        let currency = first.amount.currency;
        match Money::sum(currency, lines.iter().map(|line| line.amount)) {
            Ok(_) => Ok(Self { currency, lines }),
            Err(error) => Err(Violation::new("does_not_add_up", error.to_string())),
        }
    }
}

impl From<Quote> for Vec<Line> {
    fn from(quote: Quote) -> Self {
        quote.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        availability::{Hours, Minute},
        time_zone::TimeZoneName,
    };
    use proptest::prelude::*;

    fn tariff() -> Tariff {
        Tariff::of(Country::parse("GB").unwrap())
    }

    fn rate(amount_minor: u32) -> HourlyRate {
        HourlyRate::parse(amount_minor, Currency::Gbp).unwrap()
    }

    fn window(date: &str, start: &str, end: &str) -> Window {
        let hours = Hours { start: Minute::parse(start).unwrap(), end: Minute::parse(end).unwrap() };
        Window { date: date.parse().unwrap(), hours, zone: TimeZoneName::default() }
    }

    fn price(amount_minor: u32, children: u8, window: &Window) -> Quote {
        Quote::price(rate(amount_minor), children, window, window.span().unwrap(), &tariff()).unwrap()
    }

    fn amounts(quote: &Quote) -> Vec<(LineKind, u32)> {
        quote.lines().iter().map(|line| (line.kind, line.amount.amount_minor)).collect()
    }

    #[test]
    fn holidays_are_the_same_every_year_but_easter() {
        let is = |raw: &str| is_holiday(raw.parse().unwrap());
        assert!(["2026-01-01", "2026-04-05", "2026-04-06", "2026-12-25", "2026-12-26"].into_iter().all(is));
        assert!(!["2026-01-02", "2026-04-04", "2026-04-07", "2026-12-24", "2027-04-05"].into_iter().any(is));
        // Each spring has two, of which the second is a Monday.
        for year in 2020..2100 {
            let days = jiff::civil::date(year, 3, 1).series(jiff::Span::new().days(1)).take(60);
            let easter: Vec<_> = days.filter(|day| is_holiday(*day)).map(|day| day.weekday()).collect();
            assert_eq!(easter, [jiff::civil::Weekday::Sunday, jiff::civil::Weekday::Monday], "{year}");
        }
    }

    #[test]
    fn is_made_of_lines() {
        use LineKind::{Care, ExtraChildren, Holiday, Night, ServiceFee, Tax};
        let evening = price(1500, 1, &window("2026-01-10", "18:00", "21:30"));
        assert_eq!(amounts(&evening), [(Care, 5250), (ServiceFee, 630), (Tax, 126)]);
        // 6 hours, of which 3 at night and 1 on New Year's Day; a third child, at 16.66 an hour.
        let new_year = price(1666, 3, &window("2026-12-31", "19:00", "01:00"));
        let expected = [
            (Care, 9996),
            (ExtraChildren, 3998),
            (Night, 1749),
            (Holiday, 1166),
            (ServiceFee, 2029),
            (Tax, 406),
        ];
        assert_eq!(amounts(&new_year), expected);
        let parts = [new_year.total(), new_year.sitter(), new_year.fee(), new_year.tax()];
        assert_eq!(parts.map(|part| part.amount_minor), [19_344, 16_909, 2029, 406]);
    }

    #[test]
    fn coming_late_costs_from_the_second_quarter_on() {
        use LineKind::{ExtraChildren, Overrun, ServiceFee, Tax};
        let overrun = |children, seconds| {
            let late_by = SignedDuration::from_secs(seconds);
            Quote::overrun(rate(1200), children, late_by, &tariff()).unwrap()
        };
        let minutes = |seconds| overrun(1, seconds).map_or(0, |quote| quote.lines()[0].minutes.unwrap());
        for (seconds, expected) in [
            (i64::MIN, 0),
            (-60, 0),
            (0, 0),
            (15 * 60, 0),
            (15 * 60 + 1, 15),
            (30 * 60, 15),
            (30 * 60 + 1, 30),
            (4 * 3600 + 15 * 60, 240),
            (i64::MAX, 240),
        ] {
            assert_eq!(minutes(seconds), expected, "{seconds}");
        }
        let late = overrun(2, 20 * 60).unwrap();
        assert_eq!(amounts(&late), [(Overrun, 300), (ExtraChildren, 60), (ServiceFee, 43), (Tax, 9)]);
    }

    #[test]
    fn taxes_are_the_countrys() {
        let tax = |code| Tariff::of(Country::parse(code).unwrap()).tax_percent;
        assert_eq!(["GB", "IE", "FR"].map(tax), [20, 23, 20]);
    }

    #[test]
    fn keeps_its_form() {
        let quote = price(1000, 1, &window("2026-01-10", "18:00", "19:00"));
        let json = concat!(
            r#"[{"kind":"care","minutes":60,"amount":{"amount_minor":1000,"currency":"GBP"}},"#,
            r#"{"kind":"service_fee","percent":12,"amount":{"amount_minor":120,"currency":"GBP"}},"#,
            r#"{"kind":"tax","percent":20,"amount":{"amount_minor":24,"currency":"GBP"}}]"#,
        );
        assert_eq!(serde_json::to_string(&quote).unwrap(), json);
        assert_eq!(serde_json::from_str::<Quote>(json).unwrap(), quote);
        for broken in ["[]".to_owned(), json.replacen("GBP", "EUR", 1), json.replace("120", "4294967295")] {
            assert!(serde_json::from_str::<Quote>(&broken).is_err(), "{broken}");
        }
        let kinds = [LineKind::ExtraChildren, LineKind::Night, LineKind::Holiday, LineKind::Overrun];
        let names = serde_json::to_string(&kinds).unwrap();
        assert_eq!(names, r#"["extra_children","night","holiday","overrun"]"#);
        let json = concat!(
            r#"{"extra_child_percent":20,"night_percent":25,"holiday_percent":50,"service_fee_percent":12,"#,
            r#""tax_percent":20,"overrun_grace_minutes":15,"overrun_step_minutes":15,"overrun_most_minutes":240}"#,
        );
        assert_eq!(serde_json::to_string(&tariff()).unwrap(), json);
        assert_eq!(serde_json::from_str::<Tariff>(json).unwrap(), tariff());
    }

    proptest! {
        #[test]
        fn lines_add_up(amount in 100u32..=20_000, children: u8, day in 0i64..730, start in 0u16..1440, end in 0u16..1440) {
            let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
            let hours = Hours { start: start.try_into().unwrap(), end: end.try_into().unwrap() };
            let window = Window { date, hours, zone: TimeZoneName::default() };
            let Ok(span) = window.span() else { return Ok(()) };
            let tariff = tariff();
            let quote = Quote::price(rate(amount), children, &window, span, &tariff).unwrap();
            let sum = Money::sum(Currency::Gbp, quote.lines().iter().map(|line| line.amount)).unwrap();
            let parts = Money::sum(Currency::Gbp, [quote.sitter(), quote.fee(), quote.tax()]).unwrap();
            prop_assert_eq!([quote.total(), quote.total()], [sum, parts]);
            prop_assert_eq!(&Quote::try_from(quote.lines().to_vec()).unwrap(), &quote);

            // Each line is the rounded product of what stands in it.
            let further = u64::from(children.saturating_sub(1)) * 20;
            for line in quote.lines() {
                let minutes = u64::from(line.minutes.unwrap_or(0));
                let percent = u64::from(line.percent.unwrap_or(100));
                let (of, parts, whole) = match line.kind {
                    LineKind::Care | LineKind::ExtraChildren => (u64::from(amount), minutes * percent, 60 * 100),
                    LineKind::Night | LineKind::Holiday =>
                        (u64::from(amount), minutes * percent * (100 + further), 60 * 100 * 100),
                    LineKind::ServiceFee => (quote.sitter().amount_minor.into(), percent, 100),
                    LineKind::Tax => (quote.fee().amount_minor.into(), percent, 100),
                    LineKind::Overrun => unreachable!("nobody is late"),
                };
                prop_assert_eq!(u64::from(line.amount.amount_minor), (2 * of * parts + whole) / (2 * whole));
            }
        }
    }
}
