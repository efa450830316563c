use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use storage::{Tables, files::Files};

use crate::tokens::{AccessTokens, Signer};

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
    signer: Option<Signer>,
    files: OnceLock<Files>,
}

/// What the environment says of HTTP.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The member `iss` of every token.
    pub issuer: String,
    /// The member `aud` of every token.
    pub audience: String,
    /// Where browsers may call from, e.g. `https://app.nannyradar.example`.
    pub allowed_origins: Vec<String>,
    /// How long an account may stay unproved.
    pub unverified_for: SignedDuration,
}

impl Settings {
    /// Reads them.
    pub fn from_env() -> Result<Self, config::Missing> {
        let days =
            config::optional("UNVERIFIED_ACCOUNT_DAYS").and_then(|days| days.parse().ok()).unwrap_or(7);
        Ok(Self {
            issuer: config::required("TOKEN_ISSUER")?,
            audience: config::required("TOKEN_AUDIENCE")?,
            allowed_origins: config::optional("ALLOWED_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            unverified_for: SignedDuration::from_hours(24 * days),
        })
    }
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
        Self(Arc::new(Parts { aws, settings, clock, tables, tokens, signer, files: OnceLock::new() }))
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

    /// Verifies access tokens.
    pub fn tokens(&self) -> &AccessTokens {
        &self.0.tokens
    }

    /// Signs access tokens. Only the functions whose template says so can.
    pub fn signer(&self) -> Result<&Signer, config::Missing> {
        self.0.signer.as_ref().ok_or(config::Missing("TOKEN_SIGNING_SECRET_ARN"))
    }

    /// The buckets.
    pub fn files(&self) -> Result<&Files, storage::Error> {
        if let Some(files) = self.0.files.get() {
            return Ok(files);
        }
        let files = Files::from_env(&self.0.aws)?;
        Ok(self.0.files.get_or_init(|| files))
    }
}
