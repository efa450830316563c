//! The bookings of a series, as far ahead as they are made.

use domain::{
    booking::{Booking, Occurrence},
    id,
    series::{Series, Terms},
    user::Standing,
};
use jiff::{Timestamp, civil::Date};
use storage::{Error, Tables, bookings::Actor, field_cipher::FieldCipher, series};

use crate::plan::{Details, Family, Obstacle, Plan, Wish};

/// Looks at the days that come next, at most so many. A day for which there cannot be a booking is noted with
/// its reason; one that was noted before stays as it is, so that nothing is made twice. Fails with
/// [`Error::Conflict`] if the series has changed meanwhile, e.g. because its parent has ended it.
pub(crate) async fn materialise(
    tables: &Tables,
    cipher: &FieldCipher,
    series: &Series,
    actor: &Actor,
    now: Timestamp,
    at_most: usize,
) -> Result<Series, Error> {
    let dates = series.to_make(now, at_most);
    let Some(last) = dates.last().copied() else { return Ok(series.clone()) };
    // A family that has been forgotten books nobody any more, and one that is suspended nobody for now.
    let parent = tables.user(series.parent).await?;
    let is_suspended = parent.is_some_and(|parent| parent.standing != Standing::Active);
    let family = match Family::read(tables, cipher, series.parent).await {
        Err(Obstacle::Store(error)) => return Err(error),
        read => read.ok().filter(|_| !is_suspended),
    };
    let agreed = agreed(tables, series).await?;
    // Nothing is to be paid for one who has left the family.
    let known = tables.roll(series.parent).await?.children;
    let children = series.children.iter().copied().filter(|child| known.contains(child)).collect();
    let series = &Series { children, ..series.clone() };
    for date in dates {
        let noted = match make(tables, family.as_ref(), series, agreed, date, actor, now).await {
            Ok(()) => Ok(()),
            Err(Obstacle::Store(error)) => Err(error),
            Err(obstacle) => tables.skip_date(series.id, date, obstacle.code()).await,
        };
        match noted {
            Ok(()) | Err(Error::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    let made = series.made(last);
    tables.save_series(&made).await?;
    Ok(made)
}

/// What the parent has agreed to: of a series from before that was kept, what its first booking was made with.
async fn agreed(tables: &Tables, series: &Series) -> Result<Option<Terms>, Error> {
    if series.terms.is_some() {
        return Ok(series.terms);
    }
    let first = tables.dates_of(series.id).await?.into_iter().find_map(|made| made.booking);
    let Some(first) = first else { return Ok(None) };
    Ok(tables.booking(first).await?.map(|Booking { rate, policy, .. }| Terms { rate, policy }))
}

async fn make(
    tables: &Tables,
    family: Option<&Family>,
    series: &Series,
    agreed: Option<Terms>,
    date: Date,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Obstacle> {
    let family = family.ok_or(Obstacle::NoParentProfile)?;
    if series.children.is_empty() {
        return Err(Obstacle::NoChildren);
    }
    let window = series.first.on(date);
    let span = window.bookable(now).map_err(|_| Obstacle::OutOfTime)?;
    let (sitter, children) = (series.sitter, series.children.clone());
    let wish = Wish { sitter, window, span, children, instead_of: None };
    let plan = Plan::new(tables, family, wish, now).await?;
    let asked = Terms { rate: plan.rate, policy: plan.policy };
    if agreed.is_some_and(|agreed| !agreed.cover(&asked)) {
        return Err(Obstacle::PriceChanged);
    }
    let note = series::open_note(family.key(), series)?;
    let details = Details { method: series.method.clone(), note };
    let occurrence = Occurrence { series: series.id, date };
    let booking = plan.booking(id::new(now), family, &details, Some(occurrence), now)?;
    Ok(tables.book_date(series, date, &booking, actor).await?)
}
