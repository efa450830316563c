//! People for the tests of tasks.

use domain::{
    display_name::DisplayName,
    event::{Event, Fact},
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Tables,
    audit::{Action, Entry, Origin},
};

/// Somebody who has just opened an account.
pub(crate) async fn register(tables: &Tables, role: Role, name: &str, now: Timestamp) -> User {
    let email = format!("{}@example.org", name.to_lowercase().replace(' ', "."));
    let name = DisplayName::parse(name).unwrap();
    let user = User::register(role, email.parse().unwrap(), name, SignedDuration::from_hours(7 * 24), now);
    let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
    let trail = Entry::by_self(user.id, Action::Registered, now, Origin::default());
    tables.register(user.clone(), "hash".into(), &event, &trail).await.unwrap();
    user
}
