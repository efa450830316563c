//! The service, and people who book. The product's own code makes them, so that nothing here knows its formats.

use std::sync::atomic::{AtomicU64, Ordering};

use api::{
    App, Clock, Cursors, KeyedHash, Settings,
    secrets::Secret,
    tokens::{self, Signer},
};
use aws_sdk_dynamodb::Client;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use bookings::due::Steps;
use domain::{
    address::{Address, Country, Lines, Postcode},
    availability::{Hours, Minute, Span},
    booking::{Booking, Card, Event as Happening, Refusal, State, Step, Who, quote::Quote, window::Window},
    child::{BirthMonth, Child, Details, Name, Roll},
    display_name::DisplayName,
    event::{Event, Fact},
    geo::{Point, Radius},
    id::{BookingId, ChildId, UserId},
    language::Language,
    parent::{EmergencyContact, Profile},
    phone::PhoneNumber,
    role::Role,
    session::Session,
    sitter::{Sitter, Town, today},
    time_zone::TimeZoneName,
    user::User,
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use secrecy::SecretString;
use serde_json::Value;
use storage::{
    Tables,
    audit::{Action, Entry, Origin},
    bookings::{Actor, Changed, Private},
    data_keys::DataKey,
    field_cipher::FieldCipher,
    files::Files,
    signing_secret::PrivateKeys,
};
use testing::{Dynamo, TABLES};
use tower::ServiceExt;

use crate::{Failure, recorder::Recorder};

/// How long bookings are, in minutes.
pub const LENGTH: i64 = 240;
/// What parents tell their sitters.
pub const NOTE: &str = "The key is under the blue pot. Byron goes to bed at eight.";

/// When, by the clock on the wall and in moments.
pub type Time = (Window, Span);

/// The service on a store of its own.
pub struct World {
    pub client: Client,
    pub recorder: Recorder,
    pub tables: Tables,
    pub steps: Steps,
    cipher: FieldCipher,
    router: Router,
    settings: Settings,
    signer: Signer,
    registered: AtomicU64,
    _dynamo: Dynamo,
}

/// A parent with a home and a child.
pub struct Family {
    pub user: User,
    pub child: ChildId,
    key: DataKey,
    private: Private,
}

impl World {
    pub async fn start() -> Result<Self, Failure> {
        let dynamo = Dynamo::start().await;
        let recorder = Recorder::default();
        let config = recorder.before(&dynamo.config)?;
        let client = Client::new(&config);
        let tables = Tables::new(client.clone(), TABLES.map(String::from));
        let settings = Settings {
            issuer: "urn:nannyradar:bench".into(),
            audience: "nannyradar-api".into(),
            allowed_origins: vec!["https://app.nannyradar.example".into()],
            unverified_for: SignedDuration::from_hours(7 * 24),
            sms_countries: vec!["GB".into()],
            sms_per_day: 1000,
            ip_limit_factor: 1,
            app_url: "https://app.test".into(),
        };
        let (public, private) = tokens::generate_key(Timestamp::now())?;
        let mut keys = PrivateKeys::default();
        keys.replace(public.kid.clone(), private, |_| true);
        let published = tables.token_keys().await?.publish(public, Timestamp::now());
        tables.publish_token_keys(&published, 0).await?;
        let cipher = FieldCipher::new(&config, "key".into());
        let files = Files::new(&config, "uploads".into(), "media".into());
        let cursors = Cursors::new(&SecretString::from("k".repeat(32)));
        let app = App::new(config, settings.clone(), Clock::system(), tables.clone(), None);
        let app = app.with(files, cipher.clone(), cursors);
        let app = app.with_keyed_hash(KeyedHash::new(&SecretString::from("h".repeat(32))));
        Ok(Self {
            router: api::service(api::openapi::together(bookings::endpoints()), app),
            steps: Steps::new(tables.clone(), cipher.clone()),
            signer: Signer::from_keys(keys),
            registered: AtomicU64::new(0),
            client,
            recorder,
            tables,
            cipher,
            settings,
            _dynamo: dynamo,
        })
    }

    /// A request of somebody who has just signed in.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        user: &User,
        body: Option<Value>,
    ) -> Result<Request<Body>, Failure> {
        let now = Timestamp::now();
        let session = Session::start(
            user.id,
            user.role,
            user.epoch,
            Secret::generate().token(),
            Default::default(),
            now,
        );
        let token = self.signer.sign(&self.tables, &self.settings, &session, now).await;
        let token = token.map_err(|_| "no access token could be signed")?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        Ok(match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(body.to_string().into())?
            }
            None => request.body(Body::empty())?,
        })
    }

    /// A request that does something to a booking.
    pub async fn post(
        &self,
        booking: &Booking,
        verb: &str,
        user: &User,
        body: Option<Value>,
    ) -> Result<Request<Body>, Failure> {
        self.request("POST", &format!("/bookings/{}/{verb}", booking.id), user, body).await
    }

    /// The answer's status and body, once all of it is there.
    pub fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<(StatusCode, Vec<u8>), Failure>> + Send + use<> {
        let router = self.router.clone();
        async move {
            let (parts, body) = router.oneshot(request).await?.into_parts();
            Ok((parts.status, body.collect().await?.to_bytes().into()))
        }
    }

    pub async fn family(&self) -> Result<Family, Failure> {
        let now = Timestamp::now();
        let number = self.registered.fetch_add(1, Ordering::Relaxed);
        let email = format!("ada-{number}@families.example").parse()?;
        let week = SignedDuration::from_hours(7 * 24);
        let user = User::register(Role::Parent, email, DisplayName::parse("Ada Lovelace")?, week, now);
        let user = User { email_verified: true, due: None, ..user };
        self.register(&user).await?;
        let key = self.tables.data_key_or_new(&self.cipher, user.id).await?;
        let profile = home(user.id)?;
        self.tables.save_parent_profile(&key, &profile).await?;
        let details = Details {
            name: Name::parse("Byron")?,
            birth_month: BirthMonth::parse(
                &today(now).saturating_sub(3.years()).strftime("%Y-%m").to_string(),
                today(now),
            )?,
            allergies: None,
            needs: None,
        };
        let child = Child::new(user.id, details, now);
        let roll = Roll::new(user.id).with(child.id).ok_or("the roll is full")?;
        self.tables.add_child(&key, &child, &roll).await?;
        let note = Some(domain::booking::Note::parse(NOTE)?);
        let Profile { address, point, emergency_contact, .. } = profile;
        let private = Private { address, point, emergency_contact, note };
        Ok(Family { user, child: child.id, key, private })
    }

    /// A sitter whom the families find, at work every day from eight to eight.
    pub async fn sitter(&self) -> Result<User, Failure> {
        let now = Timestamp::now();
        let Sitter { user, profile, mut availability, mut record } = testing::listed_sitter(now);
        (availability.version, record.version) = (1, 1);
        self.register(&user).await?;
        let changed = Event::new(Fact::SitterChanged { user_id: user.id }, now);
        self.tables.save_sitter_profile(profile, None, &[]).await?;
        self.tables.save_availability(user.id, &availability, &changed).await?;
        self.tables.put_record(&record).await?;
        Ok(user)
    }

    async fn register(&self, user: &User) -> Result<(), Failure> {
        let now = Timestamp::now();
        let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
        let entry = Entry::by_self(user.id, Action::Registered, now, Origin::default());
        Ok(self.tables.register(user.clone(), api::passwords::unknown_hash(), &event, &entry).await?)
    }

    /// Both.
    pub async fn pair(&self) -> Result<(Family, User), Failure> {
        Ok((self.family().await?, self.sitter().await?))
    }

    /// A booking that a family has asked for.
    pub async fn requested(&self, family: &Family, sitter: UserId, time: Time) -> Result<Booking, Failure> {
        let now = Timestamp::now();
        let (window, span) = time;
        let booking = testing::requested_booking(family.user.id, sitter, window.date, now);
        let quote = Quote::price(booking.rate, 1, &window, span, &booking.tariff)?;
        let sealed = family.private.seal(&family.key, booking.id)?;
        let answer_by = now + SignedDuration::from_hours(1);
        let booking =
            Booking { window, span, quote, sealed, answer_by, children: vec![family.child], ..booking };
        self.tables.request_booking(&booking, &Actor::default()).await?;
        Ok(booking)
    }

    /// The same, accepted.
    pub async fn accepted(&self, family: &Family, sitter: UserId, time: Time) -> Result<Booking, Failure> {
        let booking = self.requested(family, sitter, time).await?;
        self.change(booking.id, |before, now| before.after(Happening::Accept, Who::Sitter, now)).await
    }

    /// The same, with a good card.
    pub async fn confirmed(&self, family: &Family, sitter: UserId, time: Time) -> Result<Booking, Failure> {
        let booking = self.accepted(family, sitter, time).await?;
        self.change(booking.id, |before, now| Ok(before.with_card(Card::Good, now)?.0)).await
    }

    /// The same, which begins in a moment, and for which a run of the schedule has nothing to do.
    pub async fn at_the_door(&self, family: &Family, sitter: UserId) -> Result<Booking, Failure> {
        let time = hours(Timestamp::now() + SignedDuration::from_mins(10), LENGTH)?;
        let booking = self.confirmed(family, sitter, time).await?;
        let held = |before: &Booking, _| {
            let (done, version) = (before.done | Step::Hold, before.version + 1);
            Ok(Booking { done, version, ..before.clone() })
        };
        self.change(booking.id, held).await
    }

    /// Changes a booking, as the service does, but tells nobody.
    pub async fn change(
        &self,
        id: BookingId,
        rule: impl Fn(&Booking, Timestamp) -> Result<Booking, Refusal>,
    ) -> Result<Booking, Failure> {
        let now = Timestamp::now();
        let rule = |before: &Booking| rule(before, now).map(|after| Some(Changed::new(after, None)));
        Ok(self.tables.change_booking(id, &Actor::default(), now, rule).await?)
    }
}

/// A booking whose card is to be asked for its money now, and nothing else is to be done.
pub fn due_for_hold(parent: UserId, sitter: UserId, now: Timestamp) -> Result<Booking, Failure> {
    let (window, span) = hours(now + SignedDuration::from_hours(20), LENGTH)?;
    let booking = testing::requested_booking(parent, sitter, window.date, now);
    let accepted = Booking { window, span, ..booking }.after(Happening::Accept, Who::Sitter, now)?;
    let (confirmed, _) = accepted.with_card(Card::Good, now)?;
    debug_assert_eq!(confirmed.state, State::Confirmed);
    Ok(Booking { version: 1, ..confirmed })
}

/// So many minutes from the minute of that moment on, by the clock on the wall in London.
pub fn hours(start: Timestamp, minutes: i64) -> Result<Time, Failure> {
    let zone = TimeZoneName::default();
    let wall = |at: Timestamp| zone.rules().to_datetime(at);
    let minute = |at: Timestamp| {
        let wall = wall(at);
        Minute::try_from(u16::try_from(i16::from(wall.hour()) * 60 + i16::from(wall.minute())).unwrap_or(0))
    };
    let hours = Hours { start: minute(start)?, end: minute(start + SignedDuration::from_mins(minutes))? };
    let window = Window { date: wall(start).date(), hours, zone };
    let span = window.span()?;
    Ok((window, span))
}

/// An hour of a day that is so many days ahead, by the same clock.
pub fn ahead(days: i32, hour: i8) -> Result<Timestamp, Failure> {
    let date = day(days)?;
    Ok(date.at(hour, 0, 0, 0).to_zoned(TimeZoneName::default().rules())?.timestamp())
}

/// The day that is so many days ahead.
pub fn day(days: i32) -> Result<Date, Failure> {
    Ok(today(Timestamp::now()).checked_add(days.days())?)
}

fn home(user_id: UserId) -> Result<Profile, Failure> {
    let address = Address {
        lines: Lines::parse("1 Mill Lane")?,
        town: Town::parse("Hebden Bridge")?,
        postcode: Postcode::parse("HX7 8AD")?,
        country: Country::parse("GB")?,
    };
    let contact = EmergencyContact {
        name: DisplayName::parse("Mary Somerville")?,
        phone: PhoneNumber::parse("+447400123456")?,
    };
    Ok(Profile {
        user_id,
        address,
        point: Point::parse(53.7416, -2.0133)?,
        radius: Radius::default(),
        languages: [Language::parse("en")?].into(),
        skills: Default::default(),
        max_rate: None,
        emergency_contact: Some(contact),
        version: 1,
    })
}
