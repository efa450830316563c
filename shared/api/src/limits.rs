//! How often something may be done: the table of limits, and the extractor that keeps to it.
//!
//! Each limit is a token bucket per IP address, per account, or per both; see
//! [`storage::rate_limits`]. What an account is, the endpoint says: an address that somebody signs
//! in with counts whether or not it has one, so that a refusal tells nothing.
//!
//! A bucket begins full and fills up again meanwhile, so that at most twice its tokens are taken within
//! any one of its periods.
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
use storage::rate_limits::{Rate, Take};

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
    Limit { name, per_ip: None, per_account: None, per_both: None, when_down: WhenDown::Refuse }
}

/// `POST /auth/register`. The account is the address; its owner gets a mail each time.
pub const REGISTER: Limit = Limit { per_ip: rate(20, 60), per_account: rate(3, 60), ..identity("register") };
/// `POST /auth/login`. From one address an account is soon closed; from all together late, since
/// otherwise anybody could keep its owner out.
pub const LOGIN: Limit =
    Limit { per_ip: rate(60, 15), per_account: rate(100, 60), per_both: rate(10, 15), ..identity("login") };
/// `POST /auth/refresh`.
pub const REFRESH: Limit = Limit { per_ip: rate(300, 15), ..identity("refresh") };
/// What sends a mail to an address that anybody can enter.
pub const MAIL: Limit = Limit { per_ip: rate(20, 60), per_account: rate(3, 15), ..identity("mail") };
/// What takes a token from a mail.
pub const LINK: Limit = Limit { per_ip: rate(60, 15), ..identity("link") };
/// What sends a text; the account is the number.
pub const TEXT: Limit = Limit { per_ip: rate(10, 60), per_account: rate(3, 10), ..identity("text") };
/// The same, over a day: at most ten to a number, thirty by an address.
pub const TEXT_DAILY: Limit =
    Limit { per_ip: rate(15, 24 * 60), per_account: rate(5, 24 * 60), ..identity("text_daily") };
/// What takes a code of six digits; the account is the person. One who knows the password and guesses
/// codes day and night has then tried 240 of a million in a day.
pub const CODE: Limit = Limit { per_ip: rate(60, 60), per_account: rate(10, 60), ..identity("code") };
/// What asks somebody who is signed in for their password again.
pub const PASSWORD: Limit = Limit { per_account: rate(10, 15), ..identity("password") };
/// What somebody who is signed in does with their sign-ins.
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

/// `POST /bookings/quote`.
pub const QUOTE: Limit = Limit { per_account: rate(120, 10), when_down: WhenDown::GoOn, ..identity("quote") };
/// What asks sitters to come, or at another time: each of them gets a mail. A series takes a token for each booking that
/// is made at once.
pub const BOOK: Limit = Limit { per_account: rate(30, 60), when_down: WhenDown::GoOn, ..identity("book") };
/// What asks a bank about a card, which is how stolen ones are tried.
pub const CARD: Limit = Limit { per_account: rate(10, 60), per_ip: rate(30, 60), ..identity("card") };
/// `POST /bookings/{id}/sos`. Nobody who needs help is refused by a bucket that does not answer.
pub const HELP: Limit = Limit { per_account: rate(10, 10), when_down: WhenDown::GoOn, ..identity("help") };

/// All texts together, for what they may cost: at most so many in any day.
pub fn all_texts(per_day: u32) -> Limit {
    Limit { per_account: rate(per_day.div_ceil(2), 24 * 60), ..identity("all_texts") }
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
    /// The tightest counts.
    fn note(&self, reported: Reported) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |reported: &Reported| (reported.take.admitted, reported.take.remaining);
        if noted.is_none_or(|noted| key(&reported) < key(&noted)) {
            *noted = Some(reported);
        }
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

    /// Takes a token from each bucket of a limit, or refuses. A refused request may have taken one
    /// from another bucket: whoever goes on trying waits longer.
    pub async fn admit(&self, limit: &Limit, account: &str) -> Result<(), Problem> {
        self.admit_many(limit, account, 1).await
    }

    /// Takes so many tokens from each bucket of a limit, or refuses.
    pub async fn admit_many(&self, limit: &Limit, account: &str, count: u32) -> Result<(), Problem> {
        let ip_rate = limit.per_ip.map(|rate| Rate {
            burst: rate.burst.saturating_mul(self.app.settings().ip_limit_factor),
            ..rate
        });
        let network = &self.network;
        let taken = tokio::join!(
            self.take(limit.name, format!("ip\0{network}"), ip_rate, count),
            self.take(limit.name, format!("account\0{account}"), limit.per_account, count),
            self.take(limit.name, format!("both\0{network}\0{account}"), limit.per_both, count),
        );
        let mut refused = None;
        for (rate, taken) in [taken.0, taken.1, taken.2].into_iter().flatten() {
            match taken {
                Ok(take) => {
                    self.report.note(Reported { name: limit.name, rate, take });
                    if !take.admitted {
                        refused = refused.max(Some(take.wait));
                    }
                }
                Err(error) => {
                    tracing::error!(limit = limit.name, %error, "a limit cannot be kept");
                    if limit.when_down == WhenDown::Refuse {
                        return Err(Problem::unavailable());
                    }
                }
            }
        }
        refused.map_or(Ok(()), |wait| Err(Problem::too_many_requests(wait)))
    }

    /// Nothing where there is no such bucket.
    async fn take(
        &self,
        limit: &str,
        key: String,
        rate: Option<Rate>,
        count: u32,
    ) -> Option<(Rate, Result<Take, storage::Error>)> {
        let rate = rate?;
        let taken = async {
            // Buckets hold nothing personal.
            let hash = self.app.keyed_hash("limit", key.as_bytes()).await?;
            let key = BASE64_URL_SAFE_NO_PAD.encode(&hash[..16]);
            self.app.tables().take_tokens(limit, &key, rate, count, self.app.now()).await
        };
        Some((rate, taken.await))
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
