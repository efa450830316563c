//! `safety-alert`: called by the queue of alerts when somebody who takes part in a booking calls for help. At once
//! the family's emergency contact gets a text, every admin a mail, and whoever is on call a notice. When something is
//! known against a sitter, every admin gets a mail; and when a booking is going on in which somebody may not take part any
//! more, whoever is on call a notice, too.
//!
//! Each of them goes once, however often the message comes, and none waits for another: what fails comes again,
//! alone.

use domain::{
    booking::{Booking, Who},
    display_name::DisplayName,
    phone::PhoneNumber,
    user::User,
};
use jiff::SignedDuration;
use messaging::{
    email::Mailer,
    queue::{Alert, AlertMessage, ConcernMessage},
    sms::{Texter, help_text},
    template::{About, Concern, Context, Rendered, Template},
    topic::Topic,
};
use runtime::Error;
use serde::Serialize;
use storage::{Tables, bookings::open_emergency_contact, field_cipher::FieldCipher};

/// Longer than the function may run (10 s), so that two executions never notify the same person at once. Shorter than
/// the visibility timeout of the queue (60 s), so that a redelivery finds no lease of an execution that has ended.
const LEASE: SignedDuration = SignedDuration::from_secs(20);
const CONSUMER: &str = "alert";

/// Tells of one alert after the other.
#[derive(Debug)]
pub struct Alarm {
    tables: Tables,
    cipher: FieldCipher,
    mailer: Mailer,
    texter: Texter,
    on_call: Option<Topic>,
    app_url: String,
}

impl Alarm {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        let (mailer, texter) = (Mailer::from_env(&aws)?, Texter::from_env(&aws)?);
        let on_call = Topic::from_env(&aws, "SAFETY_TOPIC_ARN");
        let (tables, cipher) = (Tables::from_env(&aws)?, FieldCipher::from_env(&aws)?);
        Ok(Self::new(tables, cipher, mailer, texter, on_call, config::required("APP_URL")?))
    }

    /// With these.
    pub fn new(
        tables: Tables,
        cipher: FieldCipher,
        mailer: Mailer,
        texter: Texter,
        on_call: Option<Topic>,
        app_url: String,
    ) -> Self {
        Self { tables, cipher, mailer, texter, on_call, app_url }
    }

    /// Tells everybody of what a message is about.
    pub async fn handle(&self, alert: Alert) -> Result<(), Error> {
        match alert {
            Alert::Help(message) => self.help(message).await,
            Alert::Concern(message) => self.concern(message).await,
        }
    }

    async fn help(&self, message: AlertMessage) -> Result<(), Error> {
        let call = Call::read(&self.tables, message).await?;
        let key = message.event_id.to_string();
        let mails = self.mail(&key, Template::HelpCalled, |admin| call.mail(admin, &self.app_url));
        let notice = self.notify(&key, "Somebody calls for help", &message);
        let (text, mails, notice) = tokio::join!(self.text(&key, &call), mails, notice);
        text.and(mails).and(notice)
    }

    async fn concern(&self, message: ConcernMessage) -> Result<(), Error> {
        let worry = Worry::read(&self.tables, message).await?;
        let ConcernMessage { event_id, booking_id, .. } = message;
        // Of one event there may be several bookings.
        let key = booking_id.map_or_else(|| event_id.to_string(), |booking| format!("{event_id}#{booking}"));
        let mails = self.mail(&key, worry.template(), |admin| worry.mail(admin, &self.app_url));
        let notice = async {
            match booking_id {
                Some(_) => self.notify(&key, "Somebody is in a booking who may not be", &message).await,
                None => Ok(()),
            }
        };
        let (mails, notice) = tokio::join!(mails, notice);
        mails.and(notice)
    }

    async fn text(&self, key: &str, call: &Call) -> Result<(), Error> {
        self.once(key, "contact", async || {
            match call.text(&self.tables, &self.cipher).await? {
                Some((number, text)) => self.texter.send(&number, &text).await?,
                None => tracing::warn!(event = %call.message.event_id, "there is no emergency contact"),
            }
            Ok(())
        })
        .await
    }

    async fn mail(
        &self,
        key: &str,
        template: Template,
        render: impl Fn(&User) -> Result<Rendered, Error>,
    ) -> Result<(), Error> {
        let admins = self.tables.admins().await?;
        if admins.is_empty() {
            return Err("there is no admin to be told".into());
        }
        let mut told = Ok(());
        for admin in &admins {
            let sent = self
                .once(key, &admin.id.to_string(), async || {
                    Ok(self.mailer.send(&admin.email, template, &render(admin)?).await?)
                })
                .await;
            // The others are told all the same.
            told = told.and(sent);
        }
        told
    }

    async fn notify(&self, key: &str, subject: &str, message: &impl Serialize) -> Result<(), Error> {
        let Some(on_call) = &self.on_call else { return Ok(()) };
        self.once(key, "on-call", async || Ok(on_call.publish(subject, message).await?)).await
    }

    async fn once(
        &self,
        key: &str,
        whom: &str,
        tell: impl AsyncFnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        runtime::once(&self.tables, CONSUMER, &format!("{key}#{whom}"), LEASE, tell).await?;
        tracing::info!(alert = key, whom, "told of an alert");
        Ok(())
    }
}

/// A call for help, and what is told of it.
struct Call {
    message: AlertMessage,
    booking: Booking,
    caller: String,
    other: String,
}

impl Call {
    async fn read(tables: &Tables, message: AlertMessage) -> Result<Self, Error> {
        let Some(booking) = tables.booking(message.booking_id).await? else {
            // It must not go unheard: an alarm rings where messages end that nobody could work off.
            return Err("there is no such booking".into());
        };
        let Booking { parent, sitter, .. } = booking;
        let (caller, other) = if message.by == Who::Sitter { (sitter, parent) } else { (parent, sitter) };
        let names = tables.names([parent, sitter].into()).await?;
        let name = |id| names.get(&id).map_or("Somebody", DisplayName::as_str).to_owned();
        Ok(Self { message, caller: name(caller), other: name(other), booking })
    }

    /// The text to the family's emergency contact; `None` if there is none.
    async fn text(
        &self,
        tables: &Tables,
        cipher: &FieldCipher,
    ) -> Result<Option<(PhoneNumber, String)>, Error> {
        let Some(key) = tables.data_key(cipher, self.booking.parent).await? else { return Ok(None) };
        let contact = open_emergency_contact(&key, &self.booking)?;
        Ok(contact.map(|contact| (contact.phone, help_text(&self.caller, self.message.by))))
    }

    /// The mail to one of the admins.
    fn mail(&self, admin: &User, app_url: &str) -> Result<Rendered, Error> {
        let about = About::help(&self.booking, &self.caller, &self.other);
        let name = admin.name.as_str();
        let context = Context { name, about: Some(&about), concern: None, app_url, token: None };
        Ok(Template::HelpCalled.render(&context)?)
    }
}

/// Somebody of whom admins are to hear, and what is told of them.
struct Worry {
    concern: Concern,
    /// The booking of theirs that is going on, if it is about one.
    about: Option<About>,
}

impl Worry {
    async fn read(tables: &Tables, message: ConcernMessage) -> Result<Self, Error> {
        let person = message.user_id;
        let booking = match message.booking_id {
            Some(id) => Some(tables.booking(id).await?.ok_or("there is no such booking")?),
            None => None,
        };
        let both = booking.iter().flat_map(|booking| [booking.parent, booking.sitter]);
        let names = tables.names(both.chain([person]).collect()).await?;
        let name = |id| names.get(&id).map_or("Somebody", DisplayName::as_str).to_owned();
        let about = booking.map(|booking| {
            let other = if booking.sitter == person { booking.parent } else { booking.sitter };
            About::help(&booking, &name(person), &name(other))
        });
        Ok(Self { concern: Concern { person, who: name(person) }, about })
    }

    fn template(&self) -> Template {
        if self.about.is_some() { Template::UnfitForCare } else { Template::SitterDiscredited }
    }

    /// The mail to one of the admins.
    fn mail(&self, admin: &User, app_url: &str) -> Result<Rendered, Error> {
        let name = admin.name.as_str();
        let (about, concern) = (self.about.as_ref(), Some(&self.concern));
        Ok(self.template().render(&Context { name, about, concern, app_url, token: None })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_people::register;
    use domain::{
        address::{Address, Country, Lines, Postcode},
        geo::Point,
        parent::EmergencyContact,
        role::Role,
        sitter::Town,
    };
    use jiff::Timestamp;
    use storage::bookings::{Actor, Private};
    use testing::{Dynamo, TABLES, requested_booking};

    fn private(phone: Option<&str>) -> Private {
        let phone = phone.map(|phone| PhoneNumber::parse(phone).unwrap());
        let name = DisplayName::parse("Annabella").unwrap();
        Private {
            address: Address {
                lines: Lines::parse("17 Cherry Tree Lane").unwrap(),
                town: Town::parse("London").unwrap(),
                postcode: Postcode::parse("NW1 8XL").unwrap(),
                country: Country::parse("GB").unwrap(),
            },
            point: Point::parse(51.54, -0.16).unwrap(),
            emergency_contact: phone.map(|phone| EmergencyContact { name, phone }),
            note: None,
        }
    }

    #[tokio::test]
    async fn tells_who_calls_and_never_from_where() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let cipher = FieldCipher::new(&dynamo.config, "key".into());
        let now = Timestamp::now();
        let parent = register(&tables, Role::Parent, "George Banks", now).await;
        let sitter = register(&tables, Role::Sitter, "Mary Poppins", now).await;
        let admin = register(&tables, Role::Admin, "Root", now).await;
        let key = tables.data_key_or_new(&cipher, parent.id).await.unwrap();
        let read = async |phone: Option<&str>, by| {
            let booking = requested_booking(parent.id, sitter.id, "2027-12-01".parse().unwrap(), now);
            let sealed = private(phone).seal(&key, booking.id).unwrap();
            tables.request_booking(&Booking { sealed, ..booking.clone() }, &Actor::default()).await.unwrap();
            let message = AlertMessage { event_id: domain::id::new(now), booking_id: booking.id, by };
            Call::read(&tables, message).await.unwrap()
        };
        let text = async |call: &Call| call.text(&tables, &cipher).await.unwrap();

        let call = read(Some("+447400123456"), Who::Sitter).await;
        let (number, words) = text(&call).await.unwrap();
        assert_eq!(number.as_str(), "+447400123456");
        assert_eq!(words, help_text("Mary", Who::Sitter));
        let mail = call.mail(&admin, "https://app.nannyradar.example").unwrap();
        let link = format!("https://app.nannyradar.example/admin/bookings/{}", call.booking.id);
        for expected in ["Mary Poppins has called for help in a booking with George Banks", &link] {
            assert!(mail.text.contains(expected), "{}", mail.text);
        }
        let all = [words, mail.text, mail.html].concat();
        assert!(!all.contains("Cherry") && !all.contains("Annabella"), "{all}");

        let without = read(None, Who::Parent).await;
        assert_eq!(text(&without).await, None);
        let mail = without.mail(&admin, "https://app.nannyradar.example").unwrap();
        assert!(mail.text.contains("George Banks has called for help"), "{}", mail.text);
    }

    #[tokio::test]
    async fn names_whom_admins_are_to_look_at() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let now = Timestamp::now();
        let sitter = register(&tables, Role::Sitter, "Mary Poppins", now).await;
        let admin = register(&tables, Role::Admin, "Root", now).await;
        let parent = register(&tables, Role::Parent, "George Banks", now).await;
        let booking = requested_booking(parent.id, sitter.id, "2027-12-01".parse().unwrap(), now);
        tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let mail = async |user_id, booking_id| {
            let message = ConcernMessage { event_id: domain::id::new(now), user_id, booking_id };
            let worry = Worry::read(&tables, message).await.unwrap();
            worry.mail(&admin, "https://app.nannyradar.example").unwrap().text
        };
        let discredited = mail(sitter.id, None).await;
        let link = format!("https://app.nannyradar.example/admin/sitters/{}", sitter.id);
        for expected in ["Something is known against Mary Poppins", "Hello Root", &link] {
            assert!(discredited.contains(expected), "{discredited}");
        }
        let link = format!("https://app.nannyradar.example/admin/bookings/{}", booking.id);
        for (person, expected) in
            [(&sitter, "of Mary Poppins with George Banks"), (&parent, "of George Banks with Mary Poppins")]
        {
            let unfit = mail(person.id, Some(booking.id)).await;
            assert!(unfit.contains(expected) && unfit.contains(&link), "{unfit}");
        }
        let lost = ConcernMessage {
            event_id: domain::id::new(now),
            user_id: sitter.id,
            booking_id: Some(domain::id::new(now)),
        };
        assert!(Worry::read(&tables, lost).await.is_err(), "it must not go unheard");
    }

    #[tokio::test]
    async fn a_call_from_nowhere_does_not_go_unheard() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let now = Timestamp::now();
        let (event_id, booking_id) = (domain::id::new(now), domain::id::new(now));
        let message = AlertMessage { event_id, booking_id, by: Who::Parent };
        assert!(Call::read(&tables, message).await.is_err());
    }
}
