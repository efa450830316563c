//! Whether recommendations find whom a family books next, and sooner than an order by distance or by
//! rating does: in towns that never were.
//!
//! Their families do not know the score. Each weighs the way, the price, the impression that a sitter makes and
//! the word of its friends in its own manner, likes manners that no profile tells, is lucky or not, and
//! comes back to whom it was content with (a random-utility model). Sitters are busy, or do not
//! answer. The last booking of each family is held out; what is known of it comes from the
//! bookings before, of which reviews and counts tell as much as in the service, and no more.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    collections::{BTreeMap, BTreeSet},
    f64::consts::TAU,
};

use domain::{
    care::{AgeGroup, Skill},
    geo::{Point, Radius},
    id::UserId,
    language::{Language, Languages},
    money::{Currency, HourlyRate},
    pairings::{self, new_pairs},
    rating::Rating,
    recommend::{Family, recommend},
    search::{Card, Query, Sort, Words},
};
use enumset::EnumSet;
use testing::country::Country;

/// The weights were looked for in other towns.
const TOWNS: [u64; 5] = [1, 2, 3, 4, 5];

const FAMILIES: usize = 400;
/// So many know one another, and live near one another.
const CIRCLE: usize = 12;

/// What a family makes of a kilometre, a pound, an impression and a friend's word.
const TASTES: [[f64; 4]; 4] = [
    [0.9, 0.15, 0.5, 0.4], // Near by.
    [0.35, 0.7, 0.4, 0.4], // Cheap.
    [0.3, 0.1, 1.4, 0.5],  // Good.
    [0.3, 0.15, 0.5, 1.4], // Known to friends.
];

/// What cannot be seen of a sitter.
struct Hidden {
    home: Point,
    quality: f64,
    manners: [f64; 3],
    /// How often they answer.
    answers: f64,
}

/// A family, and what cannot be seen of it.
struct Household {
    wishes: Family,
    taste: [f64; 4],
    manners: [f64; 3],
    circle: usize,
    /// For each sitter, what it makes of them before they have come; `None` of whom it cannot find.
    promise: Vec<Option<f64>>,
    /// How content it was.
    memory: BTreeMap<usize, f64>,
}

struct Booking {
    household: usize,
    sitter: usize,
    /// Were asked first, and did not answer.
    silent: Vec<usize>,
    stars: Option<u8>,
    is_last: bool,
}

struct Town {
    cards: Vec<Card>,
    households: Vec<Household>,
    /// In the order of time.
    bookings: Vec<Booking>,
}

impl Town {
    fn new(seed: u64) -> Self {
        let dice = &mut Dice(seed);
        let country = Country::new(seed);
        let middle = country.town(0);
        let cards: Vec<Card> = country.sitters(1_000).map(|view| view.card).collect();
        // What the country tells of them is nothing that these families have seen.
        let unknown = |card: Card| Card { rating: Rating::default(), requests: (0, 0), ..card };
        let near = cards.into_iter().filter(|card| card.place.distance(middle).0 <= 15_000);
        let cards: Vec<Card> = near.map(unknown).collect();
        let hidden: Vec<Hidden> = cards.iter().map(|card| Hidden::new(card, dice)).collect();
        let mut households = Vec::new();
        for number in 0..FAMILIES {
            let circle = number / CIRCLE;
            // Circles come one after the other, each around a place where people live.
            let around = cards[Dice(seed ^ ((circle as u64) << 32)).below(cards.len())].place;
            let mut household = Household::new(around, circle, dice);
            let promises = cards.iter().zip(&hidden);
            household.promise =
                promises.map(|(card, hidden)| household.promise(card, hidden, dice)).collect();
            households.push(household);
        }
        let mut town = Self { cards, households, bookings: Vec::new() };
        town.live(&hidden, dice);
        town
    }

    /// Three to fifteen bookings of each family, in any order.
    fn live(&mut self, hidden: &[Hidden], dice: &mut Dice) {
        let mut times: Vec<(f64, usize)> = Vec::new();
        for household in 0..FAMILIES {
            let count = 3 + dice.below(13);
            times.extend((0..count).map(|_| (dice.share(), household)));
        }
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (_, household) in times {
            if let Some(booking) = self.book(household, hidden, dice) {
                self.bookings.push(booking);
            }
        }
        let mut seen = BTreeSet::new();
        for booking in self.bookings.iter_mut().rev() {
            booking.is_last = seen.insert(booking.household);
        }
    }

    fn book(&mut self, number: usize, hidden: &[Hidden], dice: &mut Dice) -> Option<Booking> {
        let household = &self.households[number];
        let friends = self.households.iter().filter(|other| other.circle == household.circle);
        let praised = friends.flat_map(|friend| friend.memory.iter().filter(|(_, content)| **content > 0.0));
        let mut praise: BTreeMap<usize, f64> = BTreeMap::new();
        praised.for_each(|(sitter, _)| *praise.entry(*sitter).or_default() += 1.0);
        let mut wanted: Vec<(f64, usize)> = Vec::new();
        for (sitter, promise) in household.promise.iter().enumerate() {
            let Some(promise) = promise.filter(|_| dice.share() < 0.6) else { continue };
            let word = household.taste[3] * praise.get(&sitter).map_or(0.0, |friends| friends.ln_1p());
            let own = household
                .memory
                .get(&sitter)
                .map_or(0.0, |content| if *content > 0.0 { 2.5 + content } else { -4.0 });
            wanted.push((promise + word + own + dice.gumbel(), sitter));
        }
        wanted.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut silent = Vec::new();
        for (_, sitter) in wanted {
            let them = &hidden[sitter];
            if dice.share() > them.answers {
                silent.push(sitter);
                continue;
            }
            let content = 0.4 + them.quality + alike(them.manners, household.manners) + dice.normal() * 0.7;
            let first = !household.memory.contains_key(&sitter);
            let is_reviewed = dice.share() < if first { 0.6 } else { 0.1 };
            let stars = (4.4 + content * 0.6).round().clamp(1.0, 5.0) as u8;
            self.households[number].memory.insert(sitter, content);
            let stars = is_reviewed.then_some(stars);
            return Some(Booking { household: number, sitter, silent, stars, is_last: false });
        }
        None
    }
}

impl Hidden {
    fn new(card: &Card, dice: &mut Dice) -> Self {
        Self {
            home: dice.near(card.place, 0.7),
            quality: dice.normal() * 0.6,
            manners: dice.manners(),
            answers: 0.5 + dice.share() / 2.0,
        }
    }
}

impl Household {
    fn new(around: Point, circle: usize, dice: &mut Dice) -> Self {
        let each: Vec<AgeGroup> = EnumSet::<AgeGroup>::all().iter().collect();
        let ages: Vec<AgeGroup> = (0..=dice.below(2)).map(|_| dice.any(&each)).collect();
        let skills = EnumSet::<Skill>::all().iter().filter(|_| dice.share() < 0.04);
        let skills: Vec<Skill> = skills.collect();
        let languages = ["pl", "fr", "es", "de"].iter().filter(|_| dice.share() < 0.06);
        let languages: Languages = languages.map(|code| Language::parse(code).unwrap()).collect();
        let most = HourlyRate::parse(1300 + dice.below(8) as u32 * 100, Currency::Gbp).unwrap();
        let radius = dice.any(&[5_000, 10_000, 10_000, 15_000]);
        let wishes = Family {
            home: dice.near(around, 1.2),
            radius: Radius::parse(radius).unwrap(),
            ages: ages.into_iter().collect(),
            languages,
            skills: skills.into_iter().collect(),
            max_rate: (dice.share() < 0.6).then_some(most),
            booked: BTreeMap::new(),
            similar: BTreeMap::new(),
            blocked: BTreeSet::new(),
        };
        let taste = dice.any(&TASTES).map(|weight| weight * (dice.normal() * 0.3).exp());
        let manners = dice.manners();
        Self { wishes, taste, manners, circle, promise: Vec::new(), memory: BTreeMap::new() }
    }

    fn promise(&self, card: &Card, hidden: &Hidden, dice: &mut Dice) -> Option<f64> {
        let Family { home, ages, languages, skills, .. } = &self.wishes;
        search(&self.wishes, Sort::Distance).judge(card)?;
        let km = f64::from(home.distance(hidden.home).0) / 1000.0;
        let pounds = f64::from(card.rate.money().amount_minor) / 100.0 - 14.5;
        let missing = (*ages - card.ages).len() * 3
            + (*skills - card.skills).len()
            + languages.difference(&card.languages).count();
        let impression = hidden.quality + dice.normal() * 0.6 + alike(hidden.manners, self.manners) * 0.3;
        let [way, price, quality, _] = self.taste;
        Some(quality * impression - way * km - price * pounds - missing as f64)
    }
}

fn alike(one: [f64; 3], other: [f64; 3]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>() * 0.4
}

/// What search would be asked by a family without a filter.
fn search(family: &Family, sort: Sort) -> Query {
    Query {
        words: Words::default(),
        near: family.home.public(),
        radius: family.radius,
        when: None,
        rate: None,
        languages: Languages::new(),
        ages: EnumSet::empty(),
        skills: EnumSet::empty(),
        min_rating: None,
        sort,
        today: domain::sitter::today(Country::now()),
    }
}

/// What the service knows after some of the bookings.
struct Known {
    cards: Vec<Card>,
    booked: Vec<BTreeMap<UserId, u32>>,
    compared: Vec<BTreeSet<UserId>>,
    similar: BTreeMap<UserId, BTreeMap<UserId, u32>>,
}

impl Known {
    fn of(town: &Town) -> Self {
        Self {
            cards: town.cards.clone(),
            booked: vec![BTreeMap::new(); FAMILIES],
            compared: vec![BTreeSet::new(); FAMILIES],
            similar: BTreeMap::new(),
        }
    }

    fn learn(&mut self, booking: &Booking) {
        for silent in &booking.silent {
            self.cards[*silent].requests.0 += 1;
        }
        let card = &mut self.cards[booking.sitter];
        card.requests = (card.requests.0 + 1, card.requests.1 + 1);
        card.rating = booking.stars.map_or(card.rating, |stars| card.rating.with(stars));
        let compared = &mut self.compared[booking.household];
        for (one, other) in new_pairs(compared, card.id) {
            *self.similar.entry(one).or_default().entry(other).or_default() += 1;
        }
        compared.insert(card.id);
        *self.booked[booking.household].entry(card.id).or_default() += 1;
    }

    fn family(&self, town: &Town, number: usize) -> Family {
        let booked = self.booked[number].clone();
        let similar = pairings::telling(&booked)
            .into_iter()
            .map(|id| self.similar.get(&id).cloned().unwrap_or_default());
        let similar = pairings::similar(&booked, similar);
        Family { booked, similar, ..town.households[number].wishes.clone() }
    }

    /// Whom a family can find: as recommended, the nearest first, the best rated first, and those first whom
    /// it has booked most often and then the nearest.
    fn orders(&self, family: &Family) -> [Vec<UserId>; 4] {
        let all = recommend(family, self.cards.iter(), usize::MAX);
        let sorted = |sort| {
            let query = search(family, sort);
            let mut found: Vec<_> = self.cards.iter().filter_map(|card| Some(query.judge(card)?.1)).collect();
            assert_eq!(found.len(), all.len());
            found.sort();
            found.into_iter().map(|position| position.id()).collect::<Vec<_>>()
        };
        let (nearest, best) = (sorted(Sort::Distance), sorted(Sort::Rating));
        let mut known_first = nearest.clone();
        known_first.sort_by_key(|id| std::cmp::Reverse(family.booked.get(id)));
        [all.iter().map(|each| each.card.id).collect(), nearest, best, known_first]
    }
}

/// How well an order does on some bookings.
#[derive(Default, Clone, Copy)]
struct Measured {
    count: f64,
    reciprocal: f64,
    hits: f64,
}

impl Measured {
    fn add(&mut self, place: usize) {
        self.count += 1.0;
        self.reciprocal += 1.0 / place as f64;
        self.hits += f64::from(u8::from(place <= 10));
    }

    /// The mean reciprocal rank, and the share that is among the first ten.
    fn means(self) -> (f64, f64) {
        (self.reciprocal / self.count, self.hits / self.count)
    }
}

const KINDS: [&str; 4] = ["all", "of one who is known", "first-time", "first-time, among the new"];

/// How well each order does for each kind of held-out bookings. Who looks for somebody new passes over whom
/// the family knows, so the last kind leaves those out of every order.
fn measure(town: &Town) -> [[Measured; 4]; 4] {
    let mut known = Known::of(town);
    let mut measured = [[Measured::default(); 4]; 4];
    for booking in &town.bookings {
        if !booking.is_last {
            known.learn(booking);
            continue;
        }
        let family = known.family(town, booking.household);
        let sitter = town.cards[booking.sitter].id;
        let is_new = |id: &&UserId| !family.booked.contains_key(*id);
        for (number, order) in known.orders(&family).iter().enumerate() {
            let place = order.iter().position(|id| *id == sitter).unwrap() + 1;
            measured[0][number].add(place);
            if is_new(&&sitter) {
                let among_new = order.iter().filter(is_new).position(|id| *id == sitter).unwrap() + 1;
                measured[2][number].add(place);
                measured[3][number].add(among_new);
            } else {
                measured[1][number].add(place);
            }
        }
    }
    measured
}

#[test]
fn the_next_booking_is_found_sooner_than_by_distance_or_rating() {
    for seed in TOWNS {
        let measured = measure(&Town::new(seed)).map(|orders| orders.map(Measured::means));
        for (kind, orders) in KINDS.iter().zip(&measured) {
            // Mean reciprocal rank and hits among ten: recommended, nearest, best rated, known then nearest.
            let figures = orders.map(|(rank, hits)| format!("{rank:.3} {hits:.3}")).join(" | ");
            eprintln!("| {seed} | {kind} | {figures} |");
        }
        let beats = |kind: usize, times: f64, more: f64| {
            let [ours, nearest, best, _] = measured[kind];
            for other in [nearest, best] {
                let (kind, better) = (KINDS[kind], ours.0 > other.0 * times && ours.1 >= other.1 + more);
                assert!(better, "town {seed}, {kind}: {ours:?} {other:?}");
            }
        };
        beats(0, 1.75, 0.25);
        beats(1, 1.75, 0.25);
        // Of the other first-time bookings only the share among ten is as good or better: whom the family knows
        // stands before whom it will book.
        beats(2, 0.0, 0.0);
        beats(3, 1.2, 0.05);
    }
}

/// What is thrown: [SplitMix64](https://prng.di.unimi.it/splitmix64.c), because what it gives never changes.
struct Dice(u64);

impl Dice {
    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.share() * end as f64) as usize
    }

    fn any<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Around 0, in standard deviations.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.share()).ln()).sqrt() * (TAU * self.share()).cos()
    }

    /// The noise of a choice among many.
    fn gumbel(&mut self) -> f64 {
        -(-(1.0 - self.share()).ln()).max(f64::MIN_POSITIVE).ln()
    }

    fn manners(&mut self) -> [f64; 3] {
        std::array::from_fn(|_| self.normal())
    }

    fn near(&mut self, point: Point, km: f64) -> Point {
        let degrees = km / 111.2;
        let latitude = point.latitude() + self.normal() * degrees;
        let longitude = point.longitude() + self.normal() * degrees / latitude.to_radians().cos();
        Point::parse(latitude, longitude).unwrap()
    }
}
