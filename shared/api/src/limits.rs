//! How often something may be done: the table of limits, and the extractor that applies them.
//!
//! Each limit is a token bucket per IP address, per account, or per both; see
//! [`storage::rate_limits`]. What an account is, the endpoint says: an address that somebody signs
//! in with counts whether or not it has one, so that a refusal tells nothing.
//!
//! A bucket begins full and fills up again meanwhile, so that at most twice its tokens are taken within
//! any one of its periods.
//!
//! A limit must not be a weapon:
//!
//! * Buckets are asked in order, from the narrowest to the widest. The first refusal ends it, and what the request
//!   has taken is given back. So a refused request costs nothing, and one address cannot drain an account.
//! * Credentials are counted when they are wrong ([`Limiter::guess`]): a token is taken before the comparison, so
//!   that concurrent guesses cannot exceed the budget, and given back if the credential is right.
//! * A network that has signed in to an account has a bucket of its own for it ([`Limiter::remember`]), which is
//!   asked when the others refuse. Strangers cannot drain it.
//!
//! The gateway and the firewall bound what is done altogether; these bound what one person, and one
//! who guesses at one person's account, can do.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use storage::rate_limits::{Bucket, Rate, Take};

use crate::{App, Problem, RequestMeta};

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What may be done how often.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// In headers and in the store.
    pub name: &'static str,
    /// By one address, whoever it asks for.
    pub per_ip: Option<Rate>,
    /// For one account, from wherever.
    pub per_account: Option<Rate>,
    /// For one account by one address.
    pub per_both: Option<Rate>,
    /// Whether a network that has signed in to the account has a bucket of its own, [`FAMILIAR`], for when the
    /// others are empty.
    pub familiar: bool,
    /// If the buckets cannot be reached.
    pub when_down: WhenDown,
}

/// What happens while the buckets cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDown {
    /// Nothing: guessing must not become free.
    Refuse,
    /// It goes on without a limit.
    GoOn,
}

const fn rate(burst: u32, minutes: i64) -> Option<Rate> {
    Some(Rate { burst, per: SignedDuration::from_mins(minutes) })
}

const fn identity(name: &'static str) -> Limit {
    Limit {
        name,
        per_ip: None,
        per_account: None,
        per_both: None,
        familiar: false,
        when_down: WhenDown::Refuse,
    }
}

/// Wrong credentials for an account from a network that has signed in to it before.
const FAMILIAR: Rate = Rate { burst: 10, per: SignedDuration::from_mins(15) };
const FAMILIAR_NAME: &str = "familiar";
/// How long a network is remembered after its last sign-in.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// `POST /auth/register`. The account is the address; its owner gets a mail each time.
pub const REGISTER: Limit = Limit { per_ip: rate(20, 60), per_account: rate(3, 60), ..identity("register") };
/// Wrong passwords at `POST /auth/login`. The account is the user, or the address if it has none. From one network
/// an account is soon closed; from all together late, since strangers must not keep its owner out.
pub const LOGIN: Limit = Limit {
    per_ip: rate(60, 15),
    per_account: rate(100, 60),
    per_both: rate(10, 15),
    familiar: true,
    ..identity("login")
};
/// Right passwords at `POST /auth/login`: each starts a session or a challenge. Only who knows the password takes
/// from it, and only from their own network's bucket.
pub const SIGN_INS: Limit = Limit { per_both: rate(30, 15), ..identity("sign_ins") };
/// `POST /auth/refresh` with a token of a session; the account is the session. Users who share an address do not share
/// this.
pub const REFRESH: Limit = Limit { per_account: rate(60, 15), ..identity("refresh") };
/// `POST /auth/refresh` with a token of no session. Nobody guesses 256 bits; this bounds the load.
pub const UNKNOWN_TOKEN: Limit = Limit { per_ip: rate(300, 15), ..identity("unknown_token") };
/// `POST /auth/password/forgot`, and so on: what sends a mail to an address that anybody can enter. Each purpose
/// has its own buckets, so that none stops another.
pub const FORGOT: Limit = mail("forgot");
/// `POST /auth/verify-email/resend`.
pub const RESEND: Limit = mail("resend");
/// `POST /me/email`.
pub const EMAIL_CHANGE: Limit = mail("email_change");
/// A link from a mail that is not valid. Nobody guesses 256 bits; this bounds the load.
pub const LINK: Limit = Limit { per_ip: rate(60, 15), ..identity("link") };
/// A text that verifies a number. The account is the number, which anybody who is signed in can enter.
pub const PHONE_TEXT: Limit =
    Limit { per_ip: rate(10, 60), per_account: rate(3, 10), ..identity("phone_text") };
/// The same, over a day: at most ten to a number, thirty by an address.
pub const PHONE_TEXT_DAILY: Limit =
    Limit { per_ip: rate(15, 24 * 60), per_account: rate(5, 24 * 60), ..identity("phone_text_daily") };
/// A text for a sign-in. The account is the user, whose password the caller knows; users who share an address
/// sign in from it.
pub const SIGN_IN_TEXT: Limit =
    Limit { per_ip: rate(60, 60), per_account: rate(3, 10), ..identity("sign_in_text") };
/// The same, over a day: at most ten to a user.
pub const SIGN_IN_TEXT_DAILY: Limit =
    Limit { per_account: rate(5, 24 * 60), ..identity("sign_in_text_daily") };
/// Wrong codes at a sign-in's second step; the account is the user. A stranger who knows the password and guesses
/// codes day and night tries at most 480 of a million in a day.
pub const CODE: Limit =
    Limit { per_ip: rate(60, 60), per_account: rate(10, 60), familiar: true, ..identity("code") };
/// Wrong codes for a number; the account is the session.
pub const PHONE_CODE: Limit = Limit { per_account: rate(10, 60), ..identity("phone_code") };
/// Wrong passwords of a caller who is signed in and confirms a change. The account is the session, so that a thief
/// of one session does not keep the owner, who has another, from changing the password.
pub const PASSWORD: Limit = Limit { per_account: rate(10, 15), ..identity("password") };
/// Right passwords of the same; each comparison takes processor time.
pub const CONFIRMED: Limit = Limit { per_account: rate(30, 15), ..identity("confirmed") };
/// What starts an epoch without a link from an email: a changed password, a sign-out of all devices. Each voids the
/// owner's reset link, so a thief who may repeat it keeps the owner out. The account is the user; a reset takes none.
pub const EPOCHS: Limit = Limit { per_account: rate(4, 60), ..identity("epochs") };
/// What a caller who is signed in does with their sessions. The account is the session, as above.
pub const SESSIONS: Limit = Limit { per_account: rate(60, 15), ..identity("sessions") };
/// `POST /uploads`.
pub const UPLOADS: Limit =
    Limit { per_account: rate(60, 60), when_down: WhenDown::GoOn, ..identity("uploads") };

/// `GET /sitters/search`, whose cost is what it reads. Nobody reads so many pages.
pub const SEARCH: Limit = Limit { per_ip: rate(300, 10), when_down: WhenDown::GoOn, ..identity("search") };
/// `GET /sitters/suggest`, which is asked at every key.
pub const SUGGEST: Limit = Limit { per_ip: rate(300, 5), when_down: WhenDown::GoOn, ..identity("suggest") };
/// `GET /sitters/recommended`, which reads much for one person.
pub const RECOMMEND: Limit =
    Limit { per_account: rate(60, 10), when_down: WhenDown::GoOn, ..identity("recommend") };

/// What a user writes about themselves and their family; some of it fans out into the search index.
pub const CHANGES: Limit =
    Limit { per_account: rate(100, 60), when_down: WhenDown::GoOn, ..identity("changes") };
/// Words of searches in vain that are counted; a network and a day, and all together in an hour. The admins' view
/// reads them all.
pub const SEARCH_WORDS: Limit =
    Limit { per_ip: rate(60, 24 * 60), per_account: rate(500, 60), ..identity("search_words") };

/// `POST /bookings/quote`.
pub const QUOTE: Limit = Limit { per_account: rate(120, 10), when_down: WhenDown::GoOn, ..identity("quote") };
/// What asks sitters to come, or at another time: each of them gets a mail. A series takes a token for each booking that
/// is made at once.
pub const BOOK: Limit = Limit { per_account: rate(30, 60), when_down: WhenDown::GoOn, ..identity("book") };
/// What asks a bank about a card, which is how stolen ones are tried.
pub const CARD: Limit = Limit { per_account: rate(10, 60), per_ip: rate(30, 60), ..identity("card") };
/// `POST /bookings/{id}/sos`. Nobody who needs help is refused by a bucket that does not answer.
pub const HELP: Limit = Limit { per_account: rate(10, 10), when_down: WhenDown::GoOn, ..identity("help") };

const fn mail(name: &'static str) -> Limit {
    Limit { per_ip: rate(20, 60), per_account: rate(3, 15), ..identity(name) }
}

/// What all texts together may cost, in two budgets.
#[derive(Debug, Clone, Copy)]
pub struct TextBudgets {
    /// For every text.
    pub shared: Limit,
    /// 30 % of all, for sign-ins of accounts that are older than [`RESERVE_AGE`] when the shared budget is spent.
    pub reserve: Limit,
}

/// The reserve is for accounts that are at least as old. Nobody can open accounts and verify numbers to spend the
/// reserve on the same day: each user spends at most 10 texts of it in a day and each has a number of their own.
pub const RESERVE_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The budgets if at most `per_day` texts may be sent in any day.
pub fn text_budgets(per_day: u32) -> TextBudgets {
    // A bucket of half the budget that fills up within a day gives at most the whole budget in any day.
    let half = per_day.div_ceil(2);
    let reserve = half * 3 / 10;
    let budget = |name, burst| Limit { per_account: rate(burst, 24 * 60), ..identity(name) };
    TextBudgets { shared: budget("texts", half - reserve), reserve: budget("texts_reserve", reserve) }
}

/// What a request was told of its limits, which the stack writes into the answer's headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report(Arc<Mutex<Option<Reported>>>);

#[derive(Debug, Clone, Copy)]
struct Reported {
    name: &'static str,
    rate: Rate,
    take: Take,
}

impl Report {
    /// The tightest counts. A refusal that the request has survived does not.
    fn note(&self, reported: Reported) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |reported: &Reported| (reported.take.admitted, reported.take.remaining);
        if noted.is_none_or(|noted| !noted.take.admitted || key(&reported) < key(&noted)) {
            *noted = Some(reported);
        }
    }

    /// What was noted does not apply any more.
    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// By draft-ietf-httpapi-ratelimit-headers-10: structured fields (RFC 9651).
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let noted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Reported { name, rate, take }) = noted else { return };
        let (left, wait) = (take.remaining, seconds(take.wait));
        let values = [
            (RATE_LIMIT_POLICY, format!("\"{name}\";q={};w={}", rate.burst, rate.per.as_secs())),
            (RATE_LIMIT, format!("\"{name}\";r={left};t={wait}")),
        ];
        for (header, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(header, value);
            }
        }
    }
}

/// Rounded up, so that whoever keeps to it is not refused again.
pub(crate) fn seconds(wait: SignedDuration) -> u32 {
    u32::try_from(wait.as_secs() + i64::from(wait.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}

/// Keeps to limits.
#[derive(Debug)]
pub struct Limiter {
    app: App,
    network: String,
    report: Report,
}

impl FromRequestParts<App> for Limiter {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let ip = parts.extensions.get::<RequestMeta>().and_then(|meta| meta.source_ip);
        let report = parts.extensions.get::<Report>().cloned().unwrap_or_default();
        Ok(Self { app: app.clone(), network: ip.map_or("unknown".into(), network), report })
    }
}

/// What one customer of a provider has: an address of IPv4, a /64 of IPv6.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => format!("{:x}", u128::from(ip) >> 64),
        },
    }
}

impl Limiter {
    /// Whence the request comes, so far that one customer of a provider is one network.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Takes a token from each bucket of a limit, or refuses with a 429 and takes none.
    pub async fn admit(&self, limit: &Limit, account: &str) -> Result<(), Problem> {
        self.admit_many(limit, account, 1).await
    }

    /// Takes `count` tokens from each bucket of a limit, or refuses with a 429 and takes none.
    pub async fn admit_many(&self, limit: &Limit, account: &str, count: u32) -> Result<(), Problem> {
        Box::pin(self.reserve(&[(limit, account)], count)).await?;
        Ok(())
    }

    /// Takes a token from each bucket of each of these limits, or refuses with a 429 and takes none.
    pub async fn admit_all(&self, limits: &[(&Limit, &str)]) -> Result<(), Problem> {
        Box::pin(self.reserve(limits, 1)).await?;
        Ok(())
    }

    /// Takes `count` tokens if they are there. Nobody is told, because the request goes on without them.
    pub async fn has_room(&self, limit: &Limit, account: &str, count: u32) -> bool {
        let quiet = Self { app: self.app.clone(), network: self.network.clone(), report: Report::default() };
        Box::pin(quiet.reserve(&[(limit, account)], count)).await.is_ok()
    }

    /// Takes a token for a credential that is about to be compared, or refuses with a 429. The caller reports a right
    /// credential with [`Guess::was_right`]; without that it counts as wrong.
    ///
    /// The store is called as often whether or not the account exists or knows the network.
    pub async fn guess(&self, limit: &Limit, account: &str) -> Result<Guess<'_>, Problem> {
        let refusal = match Box::pin(self.reserve(&[(limit, account)], 1)).await {
            Ok(taken) => return Ok(Guess { limiter: self, taken }),
            Err(refusal) => refusal,
        };
        if limit.familiar && matches!(refusal, Refusal::Exhausted(_)) {
            let bucket = self.familiar(account).await?;
            let now = self.app.now();
            let taken = self.app.tables().take_remembered(&bucket, FAMILIAR, now).await;
            if let Some(take) = taken?.filter(|take| take.admitted) {
                self.report.note(Reported { name: limit.name, rate: FAMILIAR, take });
                let taken = vec![Taken { bucket, rate: FAMILIAR, count: 1 }];
                return Ok(Guess { limiter: self, taken });
            }
        }
        Err(refusal.into())
    }

    /// Remembers for 90 days that this network has signed in to an account, whose wrong credentials from here are
    /// forgotten. A failure is logged, since the sign-in is done.
    pub async fn remember(&self, account: &str) {
        let remembered = async {
            let bucket = self.familiar(account).await?;
            self.app.tables().remember_bucket(&bucket, REMEMBERED_FOR, self.app.now()).await
        };
        if let Err(error) = remembered.await {
            tracing::warn!(%error, "a network was not remembered");
        }
    }

    /// Forgets the wrong credentials of an account after its owner has proved who they are in another way, by a link
    /// from a mail, and remembers this network. A failure is logged, since the proof is done.
    pub async fn forget_failures(&self, account: &str) {
        for limit in [&LOGIN, &CODE] {
            // A network that guesses at many accounts keeps its own count.
            for whose in [Whose::Both, Whose::Account] {
                let filled = async {
                    let bucket = self.bucket(limit.name, whose, account).await?;
                    self.app.tables().fill_bucket(&bucket, self.app.now()).await
                };
                if let Err(error) = filled.await {
                    tracing::warn!(limit = limit.name, %error, "failures were not forgotten");
                }
            }
        }
        // One text, so that a thief who has used them up does not keep the owner from the second step. A full bucket
        // would let the owner of a premium number earn from resets.
        for limit in [&SIGN_IN_TEXT, &SIGN_IN_TEXT_DAILY] {
            let Some(rate) = limit.per_account else { continue };
            let given = async {
                let bucket = self.bucket(limit.name, Whose::Account, account).await?;
                self.app.tables().give_back_tokens(&bucket, rate, 1).await
            };
            if let Err(error) = given.await {
                tracing::warn!(limit = limit.name, %error, "a text was not given back");
            }
        }
        self.remember(account).await;
    }

    // Callers box this: it ends in the SDK, and the compiler bounds how deeply futures are nested.
    async fn reserve(&self, limits: &[(&Limit, &str)], count: u32) -> Result<Vec<Taken>, Refusal> {
        let mut taken = Vec::new();
        for (limit, account) in limits {
            for (whose, rate) in self.buckets(limit) {
                match self.take(limit.name, whose, account, rate, count).await {
                    Ok((bucket, take)) => {
                        self.report.note(Reported { name: limit.name, rate, take });
                        if !take.admitted {
                            self.give_back(taken).await;
                            return Err(Refusal::Exhausted(take.wait));
                        }
                        taken.push(Taken { bucket, rate, count });
                    }
                    Err(error) => {
                        tracing::error!(limit = limit.name, %error, "a limit cannot be kept");
                        if limit.when_down == WhenDown::Refuse {
                            self.give_back(taken).await;
                            return Err(Refusal::Down);
                        }
                    }
                }
            }
        }
        Ok(taken)
    }

    /// The buckets of a limit, from the narrowest to the widest.
    fn buckets(&self, limit: &Limit) -> impl Iterator<Item = (Whose, Rate)> + use<> {
        let factor = self.app.settings().ip_limit_factor;
        let per_ip = limit.per_ip.map(|rate| Rate { burst: rate.burst.saturating_mul(factor), ..rate });
        [(Whose::Both, limit.per_both), (Whose::Ip, per_ip), (Whose::Account, limit.per_account)]
            .into_iter()
            .filter_map(|(whose, rate)| Some((whose, rate?)))
    }

    async fn take(
        &self,
        limit: &'static str,
        whose: Whose,
        account: &str,
        rate: Rate,
        count: u32,
    ) -> Result<(Bucket, Take), storage::Error> {
        let bucket = self.bucket(limit, whose, account).await?;
        let take = self.app.tables().take_tokens(&bucket, rate, count, self.app.now()).await?;
        Ok((bucket, take))
    }

    async fn familiar(&self, account: &str) -> Result<Bucket, storage::Error> {
        self.bucket(FAMILIAR_NAME, Whose::Both, account).await
    }

    async fn bucket(
        &self,
        limit: &'static str,
        whose: Whose,
        account: &str,
    ) -> Result<Bucket, storage::Error> {
        let network = &self.network;
        let key = match whose {
            Whose::Both => format!("both\0{network}\0{account}"),
            Whose::Ip => format!("ip\0{network}"),
            Whose::Account => format!("account\0{account}"),
        };
        let hash = self.app.keyed_hash("limit", key.as_bytes()).await?;
        Ok(Bucket { limit, key: BASE64_URL_SAFE_NO_PAD.encode(&hash[..16]) })
    }

    /// A token that cannot be given back comes back with time.
    async fn give_back(&self, taken: Vec<Taken>) {
        for Taken { bucket, rate, count } in taken {
            if let Err(error) = self.app.tables().give_back_tokens(&bucket, rate, count).await {
                tracing::warn!(limit = bucket.limit, %error, "tokens were not given back");
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    Both,
    Ip,
    Account,
}

#[derive(Debug)]
struct Taken {
    bucket: Bucket,
    rate: Rate,
    count: u32,
}

enum Refusal {
    Exhausted(SignedDuration),
    Down,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exhausted(wait) => Self::too_many_requests(wait),
            Refusal::Down => Self::unavailable(),
        }
    }
}

/// A credential that is being compared.
#[derive(Debug)]
#[must_use = "a right credential is given back its token"]
pub struct Guess<'a> {
    limiter: &'a Limiter,
    taken: Vec<Taken>,
}

impl Guess<'_> {
    /// Gives the token back, because the credential is right.
    pub async fn was_right(self) {
        self.limiter.report.clear();
        self.limiter.give_back(self.taken).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_one_customer_has() {
        let network = |ip: &str| super::network(ip.parse().unwrap());
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::7"), network("2001:db8:1:3::7"));
    }

    #[test]
    fn the_tightest_limit_is_told() {
        let report = Report::default();
        let rate = Rate { burst: 10, per: SignedDuration::from_mins(15) };
        for (name, remaining) in [("a", 7), ("b", 3), ("c", 5)] {
            let take = Take { admitted: true, remaining, wait: SignedDuration::from_millis(1500) };
            report.note(Reported { name, rate, take });
        }
        let mut headers = HeaderMap::new();
        report.write(&mut headers);
        assert_eq!(headers["ratelimit"], "\"b\";r=3;t=2");
        assert_eq!(headers["ratelimit-policy"], "\"b\";q=10;w=900");
    }
}
