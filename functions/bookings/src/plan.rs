//! What a booking would be: shared by all that ask for one.

use api::{App, Problem};
use axum::http::StatusCode;
use domain::{
    Violation,
    availability::Span,
    booking::{
        Booking, MAX_CHILDREN, Occurrence, Request,
        policy::Policy,
        quote::{Quote, Tariff},
        window::Window,
    },
    id::{self, BookingId, ChildId, UserId},
    money::HourlyRate,
    parent,
    sitter::Sitter,
    stripe::PaymentMethodId,
};
use jiff::Timestamp;
use serde::Serialize;
use storage::{Tables, bookings::Private, data_keys::DataKey, field_cipher::FieldCipher};
use utoipa::ToSchema;

/// Who asks, with what is known of their home.
#[derive(Debug)]
pub(crate) struct Family {
    key: DataKey,
    profile: parent::Profile,
}

impl Family {
    /// The family of a parent. Without a home there is nowhere for a sitter to go.
    pub(crate) async fn read(
        tables: &Tables,
        cipher: &FieldCipher,
        parent: UserId,
    ) -> Result<Self, Obstacle> {
        let key = tables.data_key(cipher, parent).await?.ok_or(Obstacle::NoParentProfile)?;
        let profile = tables.parent_profile(&key).await?.ok_or(Obstacle::NoParentProfile)?;
        Ok(Self { key, profile })
    }

    pub(crate) fn key(&self) -> &DataKey {
        &self.key
    }

    fn id(&self) -> UserId {
        self.profile.user_id
    }
}

/// What somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) sitter: UserId,
    pub(crate) window: Window,
    pub(crate) span: Span,
    pub(crate) children: Vec<ChildId>,
    /// One that is moved, which does not stand in its own way.
    pub(crate) instead_of: Option<BookingId>,
}

/// What it would be.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) wish: Wish,
    pub(crate) rate: HourlyRate,
    pub(crate) policy: Policy,
    pub(crate) tariff: Tariff,
    pub(crate) quote: Quote,
}

/// Why it cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("there is no such sitter, or they are not shown")]
    NoSitter,
    #[error("tell where the children are first, with PUT /me/parent-profile")]
    NoParentProfile,
    #[error("the sitter does not work all through that time")]
    NotWorking,
    #[error("somebody else has booked the sitter for some of that time")]
    Taken,
    #[error("the sitter does not come as far as that")]
    TooFar,
    #[error("the clocks of that time zone show another time than the sitter's")]
    OtherClock,
    #[error("it would begin too soon, or be too short or too long on that day")]
    OutOfTime,
    #[error("the sitter asks for more than was agreed, or is stricter about calling off")]
    PriceChanged,
    #[error("none of the children is one of the family's any more")]
    NoChildren,
    #[error("such a booking cannot be reckoned")]
    Reckoning(#[from] domain::money::MoneyError),
    #[error(transparent)]
    Store(#[from] storage::Error),
}

impl Obstacle {
    /// Stable and machine-readable.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoSitter => "not_found",
            Self::NoParentProfile => "no_parent_profile",
            Self::NotWorking => "not_working",
            Self::Taken => "taken",
            Self::TooFar => "too_far",
            Self::OtherClock => "other_clock",
            Self::OutOfTime => "out_of_time",
            Self::PriceChanged => "price_changed",
            Self::NoChildren => "no_children",
            Self::Reckoning(_) => "not_reckonable",
            Self::Store(_) => "unavailable",
        }
    }
}

impl From<Obstacle> for Problem {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NoSitter => Self::not_found(),
            Obstacle::Store(error) => error.into(),
            other => Self::new(StatusCode::CONFLICT, other.code(), other.to_string()),
        }
    }
}

impl Plan {
    /// What a wish would be, if the sitter can come.
    pub(crate) async fn new(
        tables: &Tables,
        family: &Family,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Self, Obstacle> {
        let sitter = tables.sitter(wish.sitter).await?.filter(|sitter| sitter.is_shown(now));
        let sitter = sitter.ok_or(Obstacle::NoSitter)?;
        if tables.blocked(family.id()).await?.contains(&wish.sitter) {
            return Err(Obstacle::NoSitter);
        }
        let rate = Self::check(&sitter, family, &wish)?;
        if !tables.is_free(wish.sitter, wish.span, wish.instead_of).await? {
            return Err(Obstacle::Taken);
        }
        let tariff = Tariff::of(family.profile.address.country);
        let children = u8::try_from(wish.children.len()).unwrap_or(u8::MAX);
        let quote = Quote::price(rate, children, &wish.window, wish.span, &tariff)?;
        Ok(Self { wish, rate, policy: sitter.profile.policy, tariff, quote })
    }

    fn check(sitter: &Sitter, family: &Family, wish: &Wish) -> Result<HourlyRate, Obstacle> {
        let profile = &sitter.profile;
        let (rate, home) = profile.rate.zip(profile.home.as_ref()).ok_or(Obstacle::NoSitter)?;
        if !profile.travels.reaches(home.point.public().distance(family.profile.point)) {
            return Err(Obstacle::TooFar);
        }
        // The night is priced by the clock that the parent names, so it must be the one on the wall there.
        let (theirs, named) = (sitter.availability.zone.rules(), wish.window.zone.rules());
        let ends = [wish.span.start, wish.span.end];
        if ends.into_iter().any(|at| theirs.to_offset(at) != named.to_offset(at)) {
            return Err(Obstacle::OtherClock);
        }
        if sitter.availability.covers(wish.span) { Ok(rate) } else { Err(Obstacle::NotWorking) }
    }

    /// The booking that it becomes.
    pub(crate) fn booking(
        self,
        id: BookingId,
        family: &Family,
        details: &Details,
        occurrence: Option<Occurrence>,
        now: Timestamp,
    ) -> Result<Booking, storage::Error> {
        let Self { wish, rate, policy, tariff, quote } = self;
        let private = Private {
            address: family.profile.address.clone(),
            point: family.profile.point,
            emergency_contact: family.profile.emergency_contact.clone(),
            note: details.note.clone(),
        };
        let request = Request {
            id,
            parent: family.id(),
            sitter: wish.sitter,
            occurrence,
            window: wish.window,
            span: wish.span,
            children: wish.children,
            sealed: private.seal(&family.key, id)?,
            rate,
            policy,
            tariff,
            quote,
            method: details.method.clone(),
        };
        Ok(Booking::request(request, now))
    }
}

/// What a booking has besides.
#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub(crate) method: PaymentMethodId,
    pub(crate) note: Option<domain::booking::Note>,
}

/// Reads the children who are to be looked after; they are the parent's.
pub(crate) async fn children(
    app: &App,
    parent: UserId,
    raw: &[String],
) -> Result<Result<Vec<ChildId>, (String, Violation)>, Problem> {
    let wrong = |pointer: &str, violation| Ok(Err((pointer.to_owned(), violation)));
    if raw.is_empty() || raw.len() > MAX_CHILDREN {
        let message = format!("must be 1 to {MAX_CHILDREN} of your children");
        return wrong("/child_ids", Violation::new("out_of_range", message));
    }
    let mut children = Vec::with_capacity(raw.len());
    for (place, raw) in raw.iter().enumerate() {
        match id::parse(raw) {
            Ok(child) if children.contains(&child) => {
                return wrong(
                    &format!("/child_ids/{place}"),
                    Violation::new("repeated", "must be named once"),
                );
            }
            Ok(child) => children.push(child),
            Err(violation) => return wrong(&format!("/child_ids/{place}"), violation),
        }
    }
    let known = app.tables().roll(parent).await?.children;
    match children.iter().position(|child| !known.contains(child)) {
        Some(place) => {
            let violation = Violation::new("unknown_child", "must be one of your children");
            wrong(&format!("/child_ids/{place}"), violation)
        }
        None => Ok(Ok(children)),
    }
}

/// Something to think of, which is no reason to refuse.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingWarning)]
pub struct Warning {
    /// `overlaps_own_booking`: you have another sitter for some of these hours.
    #[schema(example = "overlaps_own_booking")]
    code: &'static str,
    /// Which.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
}

/// What a parent should think of before they book that time, too.
pub(crate) async fn warnings(
    tables: &Tables,
    parent: UserId,
    span: Span,
    but: Option<BookingId>,
) -> Result<Vec<Warning>, storage::Error> {
    let overlapping = tables.overlapping(parent, span).await?;
    let others = overlapping.into_iter().filter(|booking| Some(booking.id) != but);
    Ok(others
        .map(|booking| Warning { code: "overlaps_own_booking", booking_id: booking.id.to_string() })
        .collect())
}
