//! `email-send`: called by the email queue, it writes one mail to one person.
//!
//! Each mail goes once, however often its message comes; after a crash between sending and noting
//! it, once more. A mail about a booking is written from what the booking is by then.

use api::secrets::{LinkToken, Secret};
use domain::{
    email::EmailAddress,
    id::BookingId,
    mail_link::{MailLink, Purpose},
    money::Money,
    payment::Payment,
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use messaging::{
    email::Mailer,
    queue::EmailMessage,
    template::{About, Context, Recipient, Template, UNPROVED},
};
use runtime::Error;
use storage::Tables;

/// Longer than the function may run, so that two never send the same mail at once.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
const CONSUMER: &str = "email";

/// Sends one mail after the other.
#[derive(Debug)]
pub struct Sender {
    tables: Tables,
    mailer: Mailer,
    app_url: String,
}

impl Sender {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        let (tables, mailer) = (Tables::from_env(&aws)?, Mailer::from_env(&aws)?);
        Ok(Self::new(tables, mailer, config::required("APP_URL")?))
    }

    /// With these.
    pub fn new(tables: Tables, mailer: Mailer, app_url: String) -> Self {
        Self { tables, mailer, app_url }
    }

    /// Sends the mail that a message asks for.
    pub async fn handle(&self, message: EmailMessage) -> Result<(), Error> {
        let key = message.key();
        runtime::once(&self.tables, CONSUMER, &key, LEASE, async || self.send(&message).await).await
    }

    async fn send(&self, message: &EmailMessage) -> Result<(), Error> {
        // Erased in between, or not wanted any more: there is nobody to write to.
        let Some(user) = self.tables.user(message.user_id).await? else { return Ok(()) };
        let Some((to, name)) = addressee(&user, message, Timestamp::now()) else { return Ok(()) };
        // Requested before the password was changed or the account suspended: no link may be issued for it.
        if let (Some(purpose), Some(epoch)) = (message.template.link(), message.epoch)
            && !MailLink::admits(purpose, &user, epoch)
        {
            return Ok(());
        }
        let about = match message.booking {
            Some(booking) => match about(&self.tables, message, booking).await? {
                Some(about) => Some(about),
                None => return Ok(()),
            },
            None => None,
        };
        let token = match message.template.link() {
            Some(purpose) => Some(self.link(&user, purpose, to).await?),
            None => None,
        };
        let mail = message.template.render(&Context {
            name,
            about: about.as_ref(),
            concern: None,
            app_url: &self.app_url,
            token: token.as_deref(),
        })?;
        self.mailer.send(to, message.template, &mail).await?;
        tracing::info!(event = %message.event_id, template = message.template.as_ref(), "mail sent");
        Ok(())
    }

    /// The token of a link. It is made here, so that it is nowhere but in the mail: not in the outbox,
    /// not on the queue, and in the store as a hash.
    async fn link(&self, user: &User, purpose: Purpose, to: &EmailAddress) -> Result<String, Error> {
        let token = LinkToken { user_id: user.id, secret: Secret::generate() };
        let link = MailLink::new(user, purpose, to.clone(), token.secret.hash(), Timestamp::now());
        self.tables.save_link(&link).await?;
        Ok(token.encode())
    }
}

/// Where a mail goes to, and the name by which it greets its reader; `None` if there is no such address. An address that
/// the person has not verified, or has left, may be a stranger's, who must not be sent what people have written; so no
/// mail about a booking, which names the other side, goes there.
fn addressee<'a>(
    user: &'a User,
    message: &EmailMessage,
    now: Timestamp,
) -> Option<(&'a EmailAddress, &'a str)> {
    match message.template.recipient() {
        Recipient::Current if user.email_verified => Some((&user.email, user.name.as_str())),
        _ if message.booking.is_some() => None,
        Recipient::Current => Some((&user.email, UNPROVED)),
        Recipient::Pending => user.pending_email.as_ref().map(|to| (to, UNPROVED)),
        Recipient::Previous => user.revertible_email(now).map(|previous| (&previous.address, UNPROVED)),
    }
}

/// What a mail tells of its booking. `None` if there is nothing to be told any more: the booking or the other
/// side is gone, or the mail was overtaken.
async fn about(tables: &Tables, message: &EmailMessage, booking: BookingId) -> Result<Option<About>, Error> {
    let Some(booking) = tables.booking(booking).await? else { return Ok(None) };
    let other = match booking.role_of(message.user_id) {
        Some(Role::Parent) => booking.sitter,
        Some(Role::Sitter) => booking.parent,
        Some(Role::Admin) | None => return Ok(None),
    };
    if !message.template.is_true_of(&booking) {
        return Ok(None);
    }
    let Some(other) = tables.user(other).await? else { return Ok(None) };
    let other = other.name.as_str();
    Ok(Some(match message.template {
        Template::BookingRefunded => {
            let payments = tables.payments_of(booking.id).await?;
            let nothing = Money::zero(booking.quote.total().currency);
            let back = payments.iter().map(Payment::granted).try_fold(nothing, Money::checked_add)?;
            About::refunded(&booking, other, back)
        }
        template => About::new(template, &booking, other),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_people::register;
    use domain::{
        booking::policy::Charge,
        display_name::DisplayName,
        id::UserId,
        payment::{Order, Purpose},
    };
    use storage::bookings::Actor;
    use strum::VariantArray;
    use testing::{Dynamo, TABLES, acting_as, requested_booking};

    #[test]
    fn no_words_of_a_stranger_go_to_an_address_that_is_not_verified() {
        let email = |raw: &str| EmailAddress::parse(raw).unwrap();
        let name = DisplayName::parse("You have won").unwrap();
        let now = Timestamp::now();
        let new = User::register(Role::Parent, email("ada@example.org"), name, SignedDuration::ZERO, now);
        let verified = new.clone().prove_email(&email("ada@example.org"), now).unwrap();
        let changing = verified.clone().with_pending_email(email("victim@example.org"));
        let message = |template, booking| EmailMessage {
            event_id: domain::id::new(now),
            user_id: new.id,
            template,
            booking,
            epoch: None,
        };
        let mail = |user: &User, template: Template| {
            let message = message(template, None);
            let (to, name) = addressee(user, &message, now)?;
            let app_url = "https://app.example";
            let context = Context { name, about: None, concern: None, app_url, token: Some("TOKEN") };
            // Those about a booking, or about somebody else, need to know more.
            template.render(&context).ok().map(|mail| (to.as_str().to_owned(), format!("{mail:?}")))
        };
        let mut greeted = 0;
        for template in Template::VARIANTS {
            let Some((to, text)) = mail(&changing, *template) else { continue };
            assert_eq!(to == "victim@example.org", template.recipient() == Recipient::Pending);
            let names_the_person = text.contains("You have won");
            assert!(!(names_the_person && to == "victim@example.org"), "{template:?}");
            greeted += usize::from(names_the_person);
            if template.recipient() == Recipient::Current {
                let (_, text) = mail(&new, *template).unwrap();
                assert!(!text.contains("You have won"), "{template:?}");
            }
        }
        assert!(greeted > 10, "{greeted}");
        let moved = changing.clone().prove_email(&email("victim@example.org"), now).unwrap();
        let (changed, left) = (message(Template::EmailChanged, None), email("ada@example.org"));
        assert_eq!(addressee(&moved, &changed, now), Some((&left, UNPROVED)));
        let about = message(Template::BookingReminder, Some(domain::id::new(now)));
        assert_eq!(addressee(&new, &about, now), None);
        assert!(addressee(&verified, &about, now).is_some());
    }

    #[tokio::test]
    async fn a_mail_names_the_other_side_and_nobody_who_is_gone() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let now = Timestamp::now();
        let parent = register(&tables, Role::Parent, "George Banks", now).await;
        let sitter = register(&tables, Role::Sitter, "Mary Poppins", now).await;
        let booking = requested_booking(parent.id, sitter.id, "2027-12-01".parse().unwrap(), now);
        tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let told = async |user_id: UserId, template: Template, id: BookingId| {
            let event_id = domain::id::new(now);
            let message = EmailMessage { event_id, user_id, template, booking: Some(id), epoch: None };
            acting_as("EmailSend", about(&tables, &message, id)).await.unwrap()
        };
        for (template, reader, other) in [
            (Template::BookingRequested, sitter.id, "George Banks"),
            (Template::BookingDeclined, parent.id, "Mary Poppins"),
        ] {
            assert_eq!(told(reader, template, booking.id).await, Some(About::new(template, &booking, other)));
        }
        // Overtaken, somebody else's, gone.
        assert_eq!(told(sitter.id, Template::BookingReminder, booking.id).await, None);
        assert_eq!(told(domain::id::new(now), Template::BookingRequested, booking.id).await, None);
        assert_eq!(told(sitter.id, Template::BookingRequested, domain::id::new(now)).await, None);
        // What goes back, of all of its payments.
        let charge = Charge::of(&booking.quote);
        let order = |purpose| Order {
            booking: booking.id,
            parent: parent.id,
            sitter: sitter.id,
            purpose,
            charge,
            method: booking.method.clone(),
            customer: None,
        };
        for (purpose, percent) in [(Purpose::Care, 70), (Purpose::Overrun, 90)] {
            let owed = Charge::share(&booking.quote, percent);
            let paid = Payment { captured: charge, owed, ..Payment::new(order(purpose), now) };
            tables.save_payment(&paid, None, &[]).await.unwrap();
        }
        let back =
            Charge::share(&booking.quote, 30).total().checked_add(Charge::share(&booking.quote, 10).total());
        let expected = About::refunded(&booking, "Mary Poppins", back.unwrap());
        assert_eq!(told(parent.id, Template::BookingRefunded, booking.id).await, Some(expected));
        tables.remove_unverified(&parent, now).await.unwrap();
        assert_eq!(told(sitter.id, Template::BookingRequested, booking.id).await, None);
    }
}
