use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Error, breaker::Breaker};

/// The version whose shapes are read here. Without, answers would be of that which the account was opened
/// with.
const VERSION: &str = "2026-09-30.endive";

/// The name by which the log finds a call at Stripe, and Stripe's support too.
const REQUEST_ID: &str = "request-id";

/// A connection that has been idle for longer is not used again: Lambda stops the process between requests,
/// so that nobody notices when the other side hangs up.
const IDLE: Duration = Duration::from_secs(20);

/// At most, before a call whose key or object is in use is repeated. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// For how long an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection stands. A lost first packet is sent again after a second, and finds the time.
    pub connect: Duration,
    /// For everything together, further tries included.
    pub whole: Duration,
}

impl Default for Patience {
    /// Banks answer within two or three seconds, seldom later than eight; and a function of ours lives for
    /// ten. What takes longer is repeated by the queue under the same idempotency key, and told the outcome.
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), whole: Duration::from_secs(8) }
    }
}

/// Names and values of a form or a query. Of nested ones the names are written out: `metadata[booking]`.
pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// The client. To make one costs nothing; the connection is made by the first call.
pub struct Stripe {
    url: String,
    key: SecretString,
    patience: Patience,
    http: OnceLock<Client>,
    breaker: Breaker,
}

impl Stripe {
    /// A client of the service at this address, e.g. `https://api.stripe.com`, which knows us by this key.
    pub fn new(url: &str, key: SecretString) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            key,
            patience: Patience::default(),
            http: OnceLock::new(),
            breaker: Breaker::default(),
        }
    }

    /// The client with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Whether Stripe answers and knows us. It neither asks the circuit breaker nor counts for it, because probes and
    /// payments must not stop each other. Stripe compares the key before it counts calls, so a limit is an answer too.
    pub async fn ping(&self) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Balance {}
        let path = "/v1/balance";
        let request = self.request(Method::GET, path)?;
        match self.exchange::<Balance>(path, request, Instant::now() + self.patience.whole).await {
            Err(Error::Retryable(code)) if code == "rate_limit" || code == "http_429" => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Error> {
        self.call(path, self.request(Method::GET, path)?.query(query)).await
    }

    /// Every change is made under a key, so that it happens once however often it is asked for.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        idempotency_key: &str,
        form: Pairs<'_>,
    ) -> Result<T, Error> {
        let request = self.request(Method::POST, path)?.header("idempotency-key", idempotency_key);
        self.call(path, request.form(form)).await
    }

    /// Deletes something, which may be repeated: what is gone is [`Error::NotFound`].
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Deleted {}
        self.call(path, self.request(Method::DELETE, path)?).await.map(|Deleted {}| ())
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Error> {
        let request = self.http()?.request(method, format!("{}{path}", self.url));
        Ok(request.bearer_auth(self.key.expose_secret()).header("stripe-version", VERSION))
    }

    async fn call<T: DeserializeOwned>(&self, path: &str, request: RequestBuilder) -> Result<T, Error> {
        if !self.breaker.admits(Instant::now()) {
            return Err(Error::unavailable("circuit_open"));
        }
        let (outcome, answered) = self.exchange_until_free(path, request).await;
        // An answer below 500 shows that Stripe is up, also one that asks to come back later. It costs no wait, which is
        // what the breaker spares callers; the queue's pauses are what a limit of calls asks for.
        self.breaker.record(answered, Instant::now());
        outcome
    }

    /// Repeats a call whose key or object is in use: by an earlier call whose answer was lost, or by somebody else. The
    /// pauses double, and vary so that two who wait for each other do not meet again. Also tells whether any of the calls
    /// was answered: the last has the least time, and may end without an answer while Stripe is up.
    async fn exchange_until_free<T: DeserializeOwned>(
        &self,
        path: &str,
        request: RequestBuilder,
    ) -> (Result<T, Error>, bool) {
        let deadline = Instant::now() + self.patience.whole;
        let (mut pause, mut answered) = (FIRST_PAUSE, false);
        loop {
            let Some(this) = request.try_clone() else {
                return (Err(Error::Refused("unsendable".to_owned())), true);
            };
            let outcome = self.exchange(path, this, deadline).await;
            answered |= !matches!(outcome, Err(Error::Unavailable(_)));
            let jittered = rand::random_range(pause / 2..=pause);
            // With less time than that, an answer is not to be expected.
            let in_time = Instant::now() + jittered + self.patience.whole / 4 < deadline;
            match outcome {
                Err(error) if error.passes_soon() && in_time => tokio::time::sleep(jittered).await,
                outcome => return (outcome, answered),
            }
            pause *= 2;
        }
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        path: &str,
        request: RequestBuilder,
        deadline: Instant,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let left = || deadline.saturating_duration_since(Instant::now());
        let again = request.try_clone();
        let sent = request.timeout(left()).send().await;
        let response = match (sent, again) {
            (Err(error), Some(again)) if found_nobody(&error) => again.timeout(left()).send().await,
            (sent, _) => sent,
        };
        let response = response.map_err(failed)?;
        let status = response.status();
        tracing::info!(
            path,
            status = status.as_u16(),
            stripe_request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()),
            latency_ms = started.elapsed().as_millis(),
            "stripe answered",
        );
        let body = response.bytes().await.map_err(failed)?;
        if !status.is_success() {
            return Err(Error::of(status, &body));
        }
        // Serde's words would repeat the value.
        serde_json::from_slice(&body).map_err(|error| Error::of_body(&error))
    }

    /// Made when it is first of use: to read the system's certificates takes milliseconds, and most functions
    /// that could call Stripe do not at every start.
    fn http(&self) -> Result<&Client, Error> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = Client::builder()
            .connect_timeout(self.patience.connect)
            .pool_idle_timeout(IDLE)
            // Whoever sends us elsewhere is not Stripe, and would be given the key; so would a proxy that
            // somebody's environment names.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|_| Error::unavailable("no_certificates"))?;
        Ok(self.http.get_or_init(|| http))
    }
}

/// The key stays inside.
impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Nobody was reached, or the connection had ended unnoticed. Whether the call was heard does not matter: it
/// changes nothing, or has an idempotency key.
fn found_nobody(error: &reqwest::Error) -> bool {
    error.is_connect() || (error.is_request() && !error.is_timeout())
}

fn failed(error: reqwest::Error) -> Error {
    if error.is_builder() {
        // A key that no header can hold, or an address that is none.
        return Error::Refused("unsendable".to_owned());
    }
    Error::unavailable(if error.is_timeout() { "timeout" } else { "connection" })
}
