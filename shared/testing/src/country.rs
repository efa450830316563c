//! A country of sitters that never was: the same for everybody who names the same seed.
//!
//! It is made of districts of 25 by 25 kilometres, laid in a spiral around the first, each with a town
//! and a countryside. Towns are as large as Zipf says, from 40 sitters to 4000, and lie around their
//! middle as Gauss says, the larger the denser. One is far beyond them: the capital.
//!
//! It grows at its rim: who is there with ten thousand sitters is there with a million, among the same
//! neighbours. So what a larger index costs a query shows by itself, and not together with what a
//! denser town costs.

mod vocabulary;

use std::f64::consts::TAU;

use domain::{
    availability::{Availability, Day, Holiday, Hours, Minute, Span, Week},
    display_name::DisplayName,
    email::EmailAddress,
    geo::{Point, Radius},
    id::{Id, Tag},
    language::Language,
    listing::State,
    money::{Currency, HourlyRate, Money},
    rating::Rating,
    role::Role,
    search::{Query, Sort, View, Words},
    sitter::{Bio, Headline, Home, Profile, Record, Sitter, Town, today},
    time_zone::TimeZoneName,
    upload::Variant,
    user::{Avatar, User},
};
use enumset::{EnumSet, EnumSetType};
use jiff::{SignedDuration, Timestamp, ToSpan};
use strum::IntoEnumIterator;

use vocabulary::{FIRST_NAMES, HEADLINES, LANGUAGES, LAST_NAMES, SMALL_WORDS, SYLLABLES, WORDS};

/// From the middle of one district to the next.
const DISTRICT_KM: f64 = 25.0;
const KM_PER_DEGREE: f64 = 111.195;
/// Where the first district lies.
const MIDDLE: (f64, f64) = (50.0, 0.0);
const SMALLEST_TOWN: f64 = 40.0;
const LARGEST_TOWN: f64 = 4000.0;
/// What the sizes of towns come to on average, between those two.
const AVERAGE_TOWN: usize = 186;
/// So many live in each district outside its town.
const COUNTRYSIDE: usize = 46;
/// Its place in the spiral: among the first million sitters, but not the first hundred thousand.
const CAPITAL: usize = 1000;
/// Ten thousand of them within ten kilometres.
const CAPITAL_SIZE: usize = 18_450;
const CAPITAL_SPREAD_KM: f64 = 8.0;
/// How many different words there are, but for the small ones.
const VOCABULARY: usize = 6000;

/// See [the module](self).
#[derive(Debug, Clone, Copy)]
pub struct Country {
    seed: u64,
}

/// A town with the land around it.
struct District {
    number: usize,
    middle: (f64, f64),
    /// Where the town lies.
    town: (f64, f64),
    size: usize,
    spread_km: f64,
}

impl Country {
    /// The country of that seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// When all of it happens.
    pub fn now() -> Timestamp {
        Timestamp::constant(1_795_608_000, 0) // 2026-11-25T12:00:00Z
    }

    /// The middle of a town of average size. The eight that follow lie around it.
    pub fn town(self, number: usize) -> Point {
        point(self.district(number).town)
    }

    /// The middle of the densest town.
    pub fn capital(self) -> Point {
        self.town(CAPITAL)
    }

    /// The first sitters, as everybody may see them, town by town.
    pub fn sitters(self, count: usize) -> impl Iterator<Item = View> {
        self.part(0, 1, count)
    }

    /// Every so-many-th of them, for whoever makes them with several hands.
    pub fn part(self, first: usize, of: usize, count: usize) -> impl Iterator<Item = View> {
        let homes = self.homes(count).skip(first).step_by(of);
        homes.map(move |(number, district, home)| self.sitter(number, district, home))
    }

    /// What parents near a place ask, without end.
    pub fn queries(self, near: Point) -> impl Iterator<Item = Query> {
        (0..).map(move |number| self.query(near, number))
    }

    /// Where the first sitters live, with their own number and that of their district.
    fn homes(self, count: usize) -> impl Iterator<Item = (usize, usize, Point)> {
        let districts = (0..).map(move |number| self.district(number));
        let homes = districts.flat_map(move |district| {
            (0..district.size + COUNTRYSIDE)
                .map(move |number| (district.number, self.home(&district, number)))
        });
        homes.take(count).enumerate().map(|(number, (district, home))| (number, district, home))
    }

    fn district(self, number: usize) -> District {
        let (column, row) = spiral(number);
        let middle = moved(MIDDLE, 0.0, row * DISTRICT_KM);
        let middle = moved(middle, column * DISTRICT_KM, 0.0);
        // Each part of the order of sizes in turn, so that few towns are like many.
        let share = (number as f64 * 0.618_033_988_75).fract();
        let zipf = SMALLEST_TOWN / (1.0 - share * (1.0 - SMALLEST_TOWN / LARGEST_TOWN));
        let (size, spread_km) = match number {
            0 => (AVERAGE_TOWN, spread_km(AVERAGE_TOWN)),
            CAPITAL => (CAPITAL_SIZE, CAPITAL_SPREAD_KM),
            _ => (zipf as usize, spread_km(zipf as usize)),
        };
        let mut dice = Dice::new(self.seed, 1, number);
        let aside = if number == 0 { 0.0 } else { 3.0 };
        let town = moved(middle, dice.normal() * aside, dice.normal() * aside);
        District { number, middle, town, size, spread_km }
    }

    fn home(self, district: &District, number: usize) -> Point {
        let mut dice = Dice::new(self.seed, 2, (district.number << 20) + number);
        point(if number < district.size {
            moved(district.town, dice.normal() * district.spread_km, dice.normal() * district.spread_km)
        } else {
            let mut side = || (dice.share() - 0.5) * DISTRICT_KM;
            let (east, north) = (side(), side());
            moved(district.middle, east, north)
        })
    }

    fn sitter(self, number: usize, district: usize, home: Point) -> View {
        let dice = &mut Dice::new(self.seed, 3, number);
        let now = Self::now();
        let listed_at = now - SignedDuration::from_mins(dice.below(3 * 365 * 24 * 60));
        let registered = listed_at - SignedDuration::from_hours(dice.below(2000) + 24);
        let email = EmailAddress::parse(&format!("sitter{number}@example.org"));
        let name = format!("{} {}", dice.often(&FIRST_NAMES), dice.often(&LAST_NAMES));
        let user = User::register(
            Role::Sitter,
            email.expect("an address"),
            DisplayName::parse(&name).expect("a name"),
            SignedDuration::from_hours(24),
            registered,
        );
        let id = dice.id(registered);
        let user = User { id, email_verified: true, due: None, avatar: Some(dice.picture(now)), ..user };
        let profile = Profile {
            headline: Some(Headline::parse(dice.often(&HEADLINES)).expect("a headline")),
            bio: Some(Bio::parse(&dice.bio()).expect("a text")),
            languages: dice.languages(),
            ages: dice.subset(|_| 0.6) | dice.one(),
            // From half of all who have the first to a twentieth who have the last.
            skills: dice.subset(|place| 0.5 * 0.88f64.powi(place)),
            rate: Some(dice.rate()),
            home: Some(Home { point: home, town: self.name_of_town(district) }),
            policy: Default::default(),
            travels: Radius::parse(dice.often(&[10_000, 15_000, 5_000, 25_000])).expect("a radius"),
            state: State::Listed,
            listed_at: Some(listed_at),
            ..Profile::new(id)
        };
        let requests = dice.few(40);
        let record = Record {
            rating: dice.rating(),
            requests,
            answered: (f64::from(requests) * (0.5 + dice.share() / 2.0)) as u32,
            checked_until: Some(today(now) + i64::from(dice.few(700)).days()),
            ..Record::new(id)
        };
        let sitter = Sitter { user, profile, availability: dice.availability(now), record };
        let bookings = dice.bookings(&sitter.availability, now);
        View::of(&sitter, &bookings, now).expect("somebody who is shown")
    }

    fn name_of_town(self, district: usize) -> Town {
        let mut dice = Dice::new(self.seed, 4, district);
        let name = format!("{}{}ton", dice.any(&SYLLABLES), dice.any(&SYLLABLES));
        Town::parse(&format!("{}{}", name[..1].to_uppercase(), &name[1..])).expect("a town")
    }

    /// Half ask for the nearest without a word, a third in words, the others for the best or the
    /// cheapest.
    fn query(self, near: Point, number: usize) -> Query {
        let dice = &mut Dice::new(self.seed, 5, number);
        let from = (near.latitude(), near.longitude());
        let kind = dice.share();
        let words = if (0.5..0.85).contains(&kind) { dice.question() } else { String::new() };
        let sort = match kind {
            ..0.5 => Sort::Distance,
            0.5..0.79 => Sort::Relevance,
            0.79..0.82 => Sort::Distance,
            0.82..0.92 => Sort::Rating,
            _ => Sort::Price,
        };
        Query {
            words: Words::parse(&words).expect("words"),
            near: point(moved(from, dice.normal() * 2.0, dice.normal() * 2.0)),
            radius: Radius::parse(match dice.share() {
                ..0.2 => 5_000,
                0.2..0.9 => 10_000,
                _ => 20_000,
            })
            .expect("a radius"),
            when: dice.is(0.25).then(|| dice.evening(Self::now())),
            rate: dice
                .is(0.2)
                .then(|| Money { amount_minor: 1200 + 100 * dice.few(12), currency: Currency::Gbp }),
            languages: if dice.is(0.1) { [dice.language()].into() } else { [].into() },
            ages: if dice.is(0.3) { dice.one() } else { EnumSet::empty() },
            skills: if dice.is(0.2) { dice.one() } else { EnumSet::empty() },
            min_rating: dice.is(0.1).then_some(450),
            sort,
            today: domain::sitter::today(Self::now()),
        }
    }
}

/// The larger a town the denser, but not in proportion.
fn spread_km(size: usize) -> f64 {
    (size as f64 / SMALLEST_TOWN).powf(0.4)
}

/// Columns and rows, in a square spiral around the first.
fn spiral(number: usize) -> (f64, f64) {
    let ring = ((number as f64).sqrt() / 2.0 + 0.5).floor() as i64;
    if ring == 0 {
        return (0.0, 0.0);
    }
    let place = number as i64 - (2 * ring - 1).pow(2);
    let along = place % (2 * ring);
    let (column, row) = match place / (2 * ring) {
        0 => (ring, along + 1 - ring),
        1 => (ring - 1 - along, ring),
        2 => (-ring, ring - 1 - along),
        _ => (along + 1 - ring, -ring),
    };
    (column as f64, row as f64)
}

/// Latitude and longitude so many kilometres to the east and to the north.
fn moved((latitude, longitude): (f64, f64), east: f64, north: f64) -> (f64, f64) {
    let per_degree = KM_PER_DEGREE * latitude.to_radians().cos();
    (latitude + north / KM_PER_DEGREE, longitude + east / per_degree)
}

fn point((latitude, longitude): (f64, f64)) -> Point {
    Point::parse(latitude, longitude).expect("a place on Earth")
}

/// What is thrown for one thing: [SplitMix64](https://prng.di.unimi.it/splitmix64.c), because what
/// it gives never changes.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, what: u64, number: usize) -> Self {
        let mut dice = Self(seed);
        for each in [what, number as u64] {
            dice.0 = dice.next() ^ each;
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn is(&mut self, share: f64) -> bool {
        self.share() < share
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.share() * end as f64) as i64
    }

    /// Around 0, in standard deviations (Box and Muller).
    fn normal(&mut self) -> f64 {
        let away = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        away * (TAU * self.share()).cos()
    }

    /// A place in a list of that length, the first twice as often as the second (Zipf).
    fn rank(&mut self, of: usize) -> usize {
        ((self.share() * (of as f64 + 1.0).ln()).exp() as usize - 1).min(of - 1)
    }

    fn often<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.rank(list.len())]
    }

    fn any<T: Copy>(&mut self, list: &[T]) -> T {
        list[(self.share() * list.len() as f64) as usize]
    }

    /// From 0 on, half of them below a tenth of the end.
    fn few(&mut self, end: u32) -> u32 {
        (self.share().powi(3) * f64::from(end)) as u32
    }

    fn one<T: EnumSetType + IntoEnumIterator>(&mut self) -> EnumSet<T> {
        let all: Vec<T> = T::iter().collect();
        EnumSet::only(self.any(&all))
    }

    fn subset<T: EnumSetType + IntoEnumIterator>(&mut self, share: impl Fn(i32) -> f64) -> EnumSet<T> {
        (0..).zip(T::iter()).filter(|(place, _)| self.is(share(*place))).map(|(_, each)| each).collect()
    }

    fn id<T: Tag>(&mut self, at: Timestamp) -> Id<T> {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next().to_be_bytes());
        random[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        let millisecond = at.as_millisecond().unsigned_abs();
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millisecond, &random).into_uuid())
    }

    fn picture(&mut self, now: Timestamp) -> Avatar {
        let sizes = [("thumbnail", 128, 128), ("card", 300, 300), ("full", 768, 1024)];
        let variant = |(size, width, height): (&str, _, _), format: &str| Variant {
            size: size.into(),
            format: format.into(),
            width,
            height,
        };
        let variants =
            sizes.into_iter().flat_map(|size| ["jpeg", "webp"].map(|format| variant(size, format)));
        Avatar { upload: self.id(now), variants: variants.collect() }
    }

    /// Of 20 to 120 words.
    fn bio(&mut self) -> String {
        let count = 20 + self.below(101);
        let mut bio = String::new();
        let mut begins = true;
        for place in 1..=count {
            let word = if self.is(0.4) { self.often(&SMALL_WORDS).to_owned() } else { self.word() };
            if begins {
                bio.extend(word.chars().next().map(|first| first.to_ascii_uppercase()));
                bio.push_str(&word[1..]);
            } else {
                bio.push_str(&word);
            }
            begins = place == count || self.is(0.08);
            bio.push_str(if begins { ". " } else { " " });
        }
        bio
    }

    fn word(&mut self) -> String {
        let rank = self.rank(VOCABULARY);
        WORDS.get(rank).map_or_else(|| rare_word(rank), |word| (*word).to_owned())
    }

    fn language(&mut self) -> Language {
        Language::parse(self.often(&LANGUAGES)).expect("a language")
    }

    fn languages(&mut self) -> domain::language::Languages {
        let others = self.few(4);
        let mut languages: domain::language::Languages = (0..others).map(|_| self.language()).collect();
        languages.insert(Language::parse("en").expect("a language"));
        languages
    }

    fn rate(&mut self) -> HourlyRate {
        let pence = (1450.0 + self.normal() * 250.0).clamp(900.0, 3000.0) / 50.0;
        HourlyRate::parse(pence as u32 * 50, Currency::Gbp).expect("a rate")
    }

    fn rating(&mut self) -> Rating {
        let count = if self.is(0.3) { 0 } else { 1 + self.few(80) };
        let mean = (4.6 + self.normal() * 0.25).clamp(3.0, 5.0);
        Rating { count, stars: (f64::from(count) * mean).round() as u32 }
    }

    fn availability(&mut self, now: Timestamp) -> Availability {
        let hours = |start: u16, end: u16| {
            let minute = |hour: u16| Minute::try_from(hour * 60).expect("a minute");
            Hours { start: minute(start), end: minute(end) }
        };
        let kinds = [
            vec![hours(18, 23)],
            vec![hours(8, 18)],
            vec![hours(15, 22)],
            vec![hours(7, 9), hours(15, 19)],
            vec![hours(8, 13), hours(18, 0)],
            vec![hours(20, 6)],
        ];
        let kind = self.rank(kinds.len());
        let mut days: [Day; 7] = std::array::from_fn(|_| {
            let hours = if self.is(0.7) { kinds[kind].clone() } else { Vec::new() };
            Day::parse(hours).expect("a day")
        });
        // Nobody is shown who never works.
        if days.iter().all(|day| day.hours().is_empty()) {
            days[4] = Day::parse(kinds[kind].clone()).expect("a day");
        }
        let mut availability = Availability::new(TimeZoneName::default());
        availability.weekly = Week(days);
        if self.is(0.2) {
            let first = today(now) + self.below(60).days();
            availability.holidays.push(Holiday { first, last: first + (self.below(14) + 2).days() });
        }
        availability
    }

    /// Of the next eight weeks, as their first hours of a day: of half of all sitters five or fewer, of every fifth
    /// twenty or more.
    fn bookings(&mut self, availability: &Availability, now: Timestamp) -> Vec<Span> {
        let often = self.share().powi(3);
        let mut bookings = Vec::new();
        for day in (1..=56).map(|days| today(now) + days.days()) {
            let Some(hours) = availability.weekly.on(day.weekday()).hours().first() else { continue };
            if self.is(often) {
                let start =
                    day.at(0, 0, 0, 0).in_tz(availability.zone.as_str()).expect("a midnight").timestamp()
                        + SignedDuration::from_mins(u16::from(hours.start).into());
                let length = SignedDuration::from_mins(120 + 15 * self.below(13));
                bookings.push(Span { start, end: start + length });
            }
        }
        bookings
    }

    /// On a day of the next week.
    fn evening(&mut self, now: Timestamp) -> Span {
        let day = today(now) + (self.below(7) + 5).days();
        let at = |hour| {
            let moment = day.at(hour, 30, 0, 0).in_tz(TimeZoneName::default().as_str());
            moment.expect("an evening").timestamp()
        };
        Span { start: at(18), end: at(22) }
    }

    /// A word or two as somebody types them, every fourth time with a slip.
    fn question(&mut self) -> String {
        let count = if self.is(0.3) { 2 } else { 1 };
        let words: Vec<_> = (0..count).map(|_| self.asked()).collect();
        words.join(" ")
    }

    fn asked(&mut self) -> String {
        let word = if self.is(0.15) { self.often(&FIRST_NAMES) } else { self.often(&WORDS) };
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() >= 5 && self.is(0.25) {
            let at = 1 + self.below(letters.len() as i64 - 2) as usize;
            match self.below(3) {
                0 => drop(letters.remove(at)),
                1 => letters.insert(at, letters[at]),
                _ => letters.swap(at, at + 1),
            }
        }
        letters.into_iter().collect()
    }
}

/// One that has its own letters, which say nothing.
fn rare_word(rank: usize) -> String {
    let (first, rest) = (rank % SYLLABLES.len(), rank / SYLLABLES.len());
    let (second, third) = (rest % SYLLABLES.len(), rest / SYLLABLES.len());
    let third = if third == 0 { "" } else { SYLLABLES[third] };
    format!("{}{}{third}", SYLLABLES[second], SYLLABLES[first])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const COUNTRY: Country = Country { seed: 1 };

    /// A cheap look before the exact one.
    fn is_near(place: Point, middle: Point, degrees: f64) -> bool {
        let (north, east) = (place.latitude() - middle.latitude(), place.longitude() - middle.longitude());
        north.abs() < degrees && east.abs() < degrees * 2.0
    }

    fn within(count: usize, middle: Point, metres: u32) -> usize {
        let near = COUNTRY.homes(count).filter(|(.., home)| is_near(*home, middle, 0.5));
        near.filter(|(.., home)| home.public().distance(middle).0 <= metres).count()
    }

    #[test]
    fn the_capital_is_dense_and_comes_late() {
        let around = within(1_000_000, COUNTRY.capital(), 10_000);
        assert!((9_000..=11_000).contains(&around), "{around}");
        assert_eq!(within(100_000, COUNTRY.capital(), 10_000), 0);
    }

    #[test]
    fn towns_keep_their_neighbours_while_the_country_grows() {
        for number in 0..9 {
            let town = COUNTRY.town(number);
            assert_eq!(within(10_000, town, 30_000), within(300_000, town, 30_000), "{number}");
        }
        let town = within(10_000, COUNTRY.town(0), 10_000);
        assert!((AVERAGE_TOWN..AVERAGE_TOWN + 60).contains(&town), "{town}");
    }

    #[test]
    fn most_live_in_few_places() {
        let mut squares: HashMap<(i32, i32), usize> = HashMap::new();
        for (.., home) in COUNTRY.homes(100_000) {
            let square = |degrees: f64| (degrees * 20.0) as i32;
            *squares.entry((square(home.latitude()), square(home.longitude()))).or_default() += 1;
        }
        let mut counts: Vec<_> = squares.into_values().collect();
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        let densest: usize = counts.iter().take(counts.len() / 10).sum();
        assert!(densest > 60_000, "{densest}");
        // Towns are of every size, and the largest has many times what most have.
        let mut sizes: Vec<_> = (0..CAPITAL).map(|number| COUNTRY.district(number).size).collect();
        sizes.sort_unstable();
        assert!(sizes[500] < 100 && sizes[CAPITAL - 1] > 2000, "{} {}", sizes[500], sizes[CAPITAL - 1]);
        let mean = sizes.iter().sum::<usize>() / CAPITAL;
        assert!(mean.abs_diff(AVERAGE_TOWN) < 10, "{mean}");
    }

    #[test]
    fn it_is_the_same_each_time_and_whatever_its_size() {
        let small: Vec<_> = COUNTRY.sitters(20).collect();
        assert_eq!(small, COUNTRY.sitters(40).take(20).collect::<Vec<_>>());
        assert_ne!(small, Country::new(2).sitters(20).collect::<Vec<_>>());
        let ids: std::collections::HashSet<_> =
            COUNTRY.sitters(300).map(|view| view.card.id.uuid()).collect();
        assert_eq!(ids.len(), 300);
        let near = COUNTRY.town(0);
        assert_eq!(
            COUNTRY.queries(near).take(50).collect::<Vec<_>>(),
            COUNTRY.queries(near).take(50).collect::<Vec<_>>()
        );
    }

    #[test]
    fn people_write_and_ask_what_people_do() {
        let words = |view: &View| view.bio.split_whitespace().count();
        let mut lengths: Vec<_> = COUNTRY.sitters(300).map(|view| words(&view)).collect();
        lengths.sort_unstable();
        assert!(lengths[0] >= 20 && lengths[299] <= 120 && (60..80).contains(&lengths[150]), "{lengths:?}");
        let queries: Vec<_> = COUNTRY.queries(COUNTRY.town(0)).take(1000).collect();
        let share = |is: fn(&Query) -> bool| queries.iter().filter(|query| is(query)).count();
        let wordless = share(|query| query.words.terms().is_empty() && query.sort == Sort::Distance);
        assert!((450..550).contains(&wordless), "{wordless}");
        for sort in [Sort::Relevance, Sort::Distance, Sort::Rating, Sort::Price] {
            assert!(queries.iter().any(|query| query.sort == sort && query.when.is_some()), "{sort:?}");
        }
        assert!(share(|query| query.words.terms().len() == 2) > 50);
    }
}
