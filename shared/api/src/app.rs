use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_types::SdkConfig;
use domain::{Violation, phone::PhoneNumber};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use storage::{Tables, field_cipher::FieldCipher, files::Files, generated_secret, search::SearchIndex};
use stripe::Stripe;
use tokio::sync::OnceCell;

use crate::{
    Cursors, KeyedHash,
    revoked::Revoked,
    tokens::{AccessTokens, Signer},
};

/// What handlers are given. Cheap to clone; what an endpoint does not ask for is never made.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    aws: SdkConfig,
    settings: Settings,
    clock: Clock,
    tables: Tables,
    tokens: AccessTokens,
    revoked: Revoked,
    signer: Option<Signer>,
    files: OnceLock<Files>,
    cipher: OnceLock<FieldCipher>,
    cursors: OnceCell<Cursors>,
    hashes: OnceCell<KeyedHash>,
    search: OnceLock<SearchIndex>,
    /// Never freed, so that no function carries what freeing it takes but those that have it.
    stripe: OnceCell<&'static Stripe>,
    stripe_webhook_secret: OnceCell<SecretString>,
    background_check_secret: OnceCell<SecretString>,
}

/// What the environment says of HTTP.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The member `iss` of every token.
    pub issuer: String,
    /// The member `aud` of every token.
    pub audience: String,
    /// Where people use the service with a browser, e.g. `https://app.nannyradar.example`.
    pub app_url: String,
    /// Where browsers may call from, e.g. `https://app.nannyradar.example`.
    pub allowed_origins: Vec<String>,
    /// How long an account may stay unproved.
    pub unverified_for: SignedDuration,
    /// Where texts may be sent to, as ISO 3166-1 alpha-2.
    pub sms_countries: Vec<String>,
    /// How many texts may be sent in a day, all together: what an attack may cost at most.
    pub sms_per_day: u32,
    /// How many times more an IP address may do than [`crate::limits`] says. More than 1 where
    /// everybody comes from one address, as in development.
    pub ip_limit_factor: u32,
}

impl Settings {
    /// Reads them.
    pub fn from_env() -> Result<Self, config::Missing> {
        let list = |variable| -> Vec<String> {
            let list: Option<String> = config::optional(variable);
            list.map(|list| list.split(',').map(|each| each.trim().to_owned()).collect()).unwrap_or_default()
        };
        Ok(Self {
            issuer: config::required("TOKEN_ISSUER")?,
            audience: config::required("TOKEN_AUDIENCE")?,
            app_url: config::required("APP_URL")?,
            allowed_origins: list("ALLOWED_ORIGINS"),
            unverified_for: SignedDuration::from_hours(24 * number("UNVERIFIED_ACCOUNT_DAYS", 7)),
            sms_countries: list("SMS_COUNTRIES"),
            sms_per_day: number("SMS_PER_DAY", 0),
            ip_limit_factor: number("IP_LIMIT_FACTOR", 1),
        })
    }

    /// A number, if texts are sent to its country.
    pub fn served(&self, phone: PhoneNumber) -> Result<PhoneNumber, Violation> {
        if phone.country().is_some_and(|country| self.sms_countries.contains(&country)) {
            Ok(phone)
        } else {
            Err(Violation::new("country_not_served", "must be of a country that we serve"))
        }
    }
}

fn number<T: std::str::FromStr>(variable: &'static str, default: T) -> T {
    config::optional(variable).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock, in milliseconds: what is shown and stored has no use for more.
    pub fn system() -> Self {
        Self::of(|| {
            let now = Timestamp::now();
            Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
        })
    }

    /// A clock that a test turns.
    pub fn of(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl App {
    /// The application that the environment describes. Fails, naming the variable, if one is
    /// missing: a function that is deployed wrongly does not start.
    pub fn from_env() -> Result<Self, storage::Error> {
        let aws = config::aws::from_env()?;
        let tables = Tables::from_env(&aws)?;
        let signer = match config::optional("TOKEN_SIGNING_SECRET_ARN") {
            Some(_) => Some(Signer::from_secret(storage::signing_secret::SigningSecret::from_env(&aws)?)),
            None => None,
        };
        Ok(Self::new(aws, Settings::from_env()?, Clock::system(), tables, signer))
    }

    /// An application of these parts.
    pub fn new(
        aws: SdkConfig,
        settings: Settings,
        clock: Clock,
        tables: Tables,
        signer: Option<Signer>,
    ) -> Self {
        let tokens = AccessTokens::new(tables.clone(), &settings);
        Self(Arc::new(Parts {
            aws,
            settings,
            clock,
            tables,
            tokens,
            revoked: Revoked::default(),
            signer,
            files: OnceLock::new(),
            cipher: OnceLock::new(),
            cursors: OnceCell::new(),
            hashes: OnceCell::new(),
            search: OnceLock::new(),
            stripe: OnceCell::new(),
            stripe_webhook_secret: OnceCell::new(),
            background_check_secret: OnceCell::new(),
        }))
    }

    /// The application with these in place of those that the environment names.
    #[must_use]
    pub fn with(self, files: Files, cipher: FieldCipher, cursors: Cursors) -> Self {
        // Only a new application is without them.
        self.0.files.set(files).ok();
        self.0.cipher.set(cipher).ok();
        self.0.cursors.set(cursors).ok();
        self
    }

    /// The connection to AWS.
    pub fn aws(&self) -> &SdkConfig {
        &self.0.aws
    }

    /// See [`Settings`].
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The store.
    pub fn tables(&self) -> &Tables {
        &self.0.tables
    }

    /// The index of sitters, with what has been read of it.
    pub fn search(&self) -> &SearchIndex {
        self.0.search.get_or_init(|| SearchIndex::new(self.0.tables.clone()))
    }

    /// Verifies access tokens.
    pub fn tokens(&self) -> &AccessTokens {
        &self.0.tokens
    }

    /// Signs access tokens. Only the functions whose template says so can.
    pub fn signer(&self) -> Result<&Signer, config::Missing> {
        self.0.signer.as_ref().ok_or(config::Missing("TOKEN_SIGNING_SECRET_ARN"))
    }

    /// Access tokens that ended before their time.
    pub(crate) fn revoked(&self) -> &Revoked {
        &self.0.revoked
    }

    /// Encrypts single fields.
    pub fn cipher(&self) -> Result<&FieldCipher, storage::Error> {
        made_once(&self.0.cipher, || FieldCipher::from_env(&self.0.aws))
    }

    /// Seals and opens the cursors of lists.
    pub async fn cursors(&self) -> Result<&Cursors, storage::Error> {
        let read =
            async || Ok(Cursors::new(&generated_secret::read(&self.0.aws, generated_secret::CURSORS).await?));
        self.0.cursors.get_or_try_init(read).await
    }

    /// The keyed hash of `bytes` for one purpose; see [`KeyedHash`]. Reads the secret once for each execution
    /// environment. Only the functions whose template names the secret may read it.
    pub async fn keyed_hash(&self, purpose: &str, bytes: &[u8]) -> Result<[u8; 32], storage::Error> {
        let read = async || {
            Ok(KeyedHash::new(&generated_secret::read(&self.0.aws, generated_secret::HASHES).await?))
        };
        let hashes: Result<_, storage::Error> = self.0.hashes.get_or_try_init(read).await;
        Ok(hashes?.hash(purpose, bytes))
    }

    /// The application with that keyed hash in place of the one that the environment names.
    #[must_use]
    pub fn with_keyed_hash(self, hashes: KeyedHash) -> Self {
        // Only a new application is without one.
        self.0.hashes.set(hashes).ok();
        self
    }

    /// Stripe. Only the functions whose template says so may read the key.
    pub async fn stripe(&self) -> Result<&Stripe, storage::Error> {
        let connect = async || {
            let secret = storage::stripe_secret::read(&self.0.aws).await?;
            let url = config::required("STRIPE_API_URL")?;
            Ok::<&'static Stripe, storage::Error>(Box::leak(Box::new(Stripe::new(&url, secret.api_key))))
        };
        self.0.stripe.get_or_try_init(connect).await.copied()
    }

    /// The application with that Stripe in place of the one that the environment names.
    #[must_use]
    pub fn with_stripe(self, stripe: Stripe) -> Self {
        // Only a new application is without one.
        self.0.stripe.set(Box::leak(Box::new(stripe))).ok();
        self
    }

    /// What Stripe signs its webhooks with. Only the function that hears them may read it.
    pub async fn stripe_webhook_secret(&self) -> Result<&SecretString, storage::Error> {
        let read = async || Ok(storage::stripe_secret::read(&self.0.aws).await?.webhook_secret);
        self.0.stripe_webhook_secret.get_or_try_init(read).await
    }

    /// What whoever checks sitters for us signs with. Only the function that hears them may read it.
    pub async fn background_check_secret(&self) -> Result<&SecretString, storage::Error> {
        let read = async || storage::check_secret::read(&self.0.aws).await;
        self.0.background_check_secret.get_or_try_init(read).await
    }

    /// The application with these secrets of webhooks in place of those that the environment names.
    #[must_use]
    pub fn with_webhook_secrets(self, stripe: SecretString, background_check: SecretString) -> Self {
        // Only a new application is without them.
        self.0.stripe_webhook_secret.set(stripe).ok();
        self.0.background_check_secret.set(background_check).ok();
        self
    }

    /// The buckets.
    pub fn files(&self) -> Result<&Files, storage::Error> {
        made_once(&self.0.files, || Files::from_env(&self.0.aws))
    }
}

/// What is in the cell, which it is put into when it is asked for first. A failure leaves it empty.
fn made_once<T>(
    cell: &OnceLock<T>,
    make: impl FnOnce() -> Result<T, storage::Error>,
) -> Result<&T, storage::Error> {
    match cell.get() {
        Some(made) => Ok(made),
        None => make().map(|made| cell.get_or_init(|| made)),
    }
}
