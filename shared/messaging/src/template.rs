//! Mails as templates: one text of each, from which its HTML and its plain form are made. HTML is
//! escaped by the engine; a value never becomes markup.

mod bookings;

pub use bookings::About;
use domain::{id::UserId, mail_link::Purpose};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context, value::Serde};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, VariantArray};

/// Which mail. Its name is part of messages on queues, so it does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Template {
    /// To somebody who has opened an account.
    Welcome,
    /// To somebody whose address was used to open an account again.
    RegistrationRepeated,
    /// To somebody who asked for another mail to prove their address with.
    VerifyEmail,
    /// To the address that somebody wants instead of theirs.
    ConfirmNewEmail,
    /// To the address that somebody wants to leave.
    EmailChangeNotice,
    /// To the address that a change has replaced.
    EmailChanged,
    /// To the address that was restored.
    EmailReverted,
    /// To somebody who has forgotten their password.
    ResetPassword,
    /// To somebody who was made an admin.
    AdminInvited,
    /// To somebody whose password was changed.
    PasswordChanged,
    /// To somebody who is asked for something after the password from now on.
    SecondStepOn,
    /// To somebody who is not, any more.
    SecondStepOff,
    /// To a user whose second step an admin has removed.
    SecondStepReset,
    /// To somebody whose sign-in was ended because its token was used twice.
    SessionEnded,
    /// To somebody whose account was suspended.
    AccountSuspended,
    /// To somebody whose account may be used again.
    AccountReinstated,
    /// To a sitter whose profile parents can see now.
    ProfileApproved,
    /// To a sitter whose profile was sent back.
    ProfileRejected,
    /// To a sitter whose profile was taken away.
    ProfileSuspended,
    /// To a sitter whose profile was given back.
    ProfileReinstated,
    /// To a sitter one of whose certificates an admin has found to be true.
    CredentialVerified,
    /// To a sitter one of whose certificates an admin has not found to be true.
    CredentialRejected,
    /// To a sitter one of whose certificates an admin has found to be good no more.
    CredentialRevoked,
    /// To a sitter one of whose certificates has expired.
    CredentialExpired,
    /// To a sitter who is asked for.
    BookingRequested,
    /// To a parent whose sitter says yes.
    BookingAccepted,
    /// To a parent whose sitter says no.
    BookingDeclined,
    /// To a parent whose sitter has said nothing.
    BookingExpired,
    /// To a sitter who was asked for, and is not any more.
    BookingWithdrawn,
    /// To both sides of a booking that is settled.
    BookingConfirmed,
    /// To a parent whose booking could not be paid for.
    BookingUnpaid,
    /// To both sides of a booking that was called off.
    BookingCancelled,
    /// To a sitter who is asked for another time.
    BookingChangeProposed,
    /// To a parent whose sitter agrees with another time.
    BookingChangeAccepted,
    /// To a parent whose sitter does not.
    BookingChangeDeclined,
    /// To a parent whose sitter is there.
    BookingStarted,
    /// To a parent whose sitter has not come.
    SitterMissing,
    /// To a sitter who has not come.
    BookingMissed,
    /// To a parent whose booking is over: what it cost.
    BookingCompleted,
    /// To both sides of a booking with which one does not agree.
    BookingDisputed,
    /// To both sides of a booking about which an admin has decided: what goes back.
    BookingDecided,
    /// To a parent who gets back a part of what they paid.
    BookingRefunded,
    /// To both sides of a booking that begins soon.
    BookingReminder,
    /// To a parent whose card was refused.
    BookingCardRefused,
    /// To an admin, when somebody calls for help.
    HelpCalled,
    /// To an admin, when something is known against a sitter.
    SitterDiscredited,
    /// To an admin, when a booking is going on in which somebody may not take part any more.
    UnfitForCare,
}

/// Which address of the person a mail goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The one that is theirs.
    Current,
    /// The one that they want instead.
    Pending,
    /// The one before, while the change can be reverted.
    Previous,
}

/// The queue that an email waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailQueue {
    /// Emails that a user needs to sign in, or that warn of a change of the account. Nothing else delays them.
    Identity,
    /// All others: an evening's reminders may fill it for minutes.
    Notices,
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For readers that show HTML.
    pub html: String,
    /// For all others.
    pub text: String,
}

/// A template is wrong, which the tests of this file would have shown.
#[derive(Debug, thiserror::Error)]
#[error("the mail could not be rendered: {0}")]
pub struct RenderError(#[from] minijinja::Error);

/// Stands in a mail for the name of its reader, where nobody has proved to be that reader. A stranger may have chosen
/// the name, to have us send their words to somebody.
pub const UNPROVED: &str = "there";

/// What a mail is filled with.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Context<'a> {
    /// Of the person whom it goes to; [`UNPROVED`] if the address is not verified.
    pub name: &'a str,
    /// The booking, in a mail that is about one.
    #[serde(flatten)]
    pub about: Option<&'a About>,
    /// The person, in a mail to an admin that is about one.
    #[serde(flatten)]
    pub concern: Option<&'a Concern>,
    /// Where the web application lives.
    #[serde(skip)]
    pub app_url: &'a str,
    /// Goes into the link, behind the `#`, which browsers send to nobody.
    #[serde(skip)]
    pub token: Option<&'a str>,
}

/// Whom a mail to an admin is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Concern {
    /// For the link.
    pub person: UserId,
    /// Their name.
    pub who: String,
}

/// What a mail says. The title and the paragraphs may name `{{ name }}`, and in a mail about a booking what
/// [`About`] has, or [`Concern`]; so may the path.
struct Words {
    subject: &'static str,
    title: &'static str,
    before: &'static [&'static str],
    /// The button: its label, and its path in the web application.
    action: Option<(&'static str, &'static str)>,
    after: &'static [&'static str],
}

impl Template {
    /// What the link in the mail is good for, if it has one that proves its reader.
    pub fn link(self) -> Option<Purpose> {
        match self {
            Self::Welcome | Self::VerifyEmail | Self::ConfirmNewEmail => Some(Purpose::VerifyEmail),
            Self::ResetPassword | Self::AdminInvited | Self::EmailReverted => Some(Purpose::ResetPassword),
            Self::EmailChanged => Some(Purpose::RevertEmail),
            _ => None,
        }
    }

    /// The queue that the email waits in. This is the only table of it: `outbox-relay` sends each email where it says.
    pub fn queue(self) -> EmailQueue {
        match self {
            Self::Welcome
            | Self::RegistrationRepeated
            | Self::VerifyEmail
            | Self::ConfirmNewEmail
            | Self::EmailChangeNotice
            | Self::ResetPassword
            | Self::AdminInvited
            | Self::PasswordChanged
            | Self::SecondStepOn
            | Self::SecondStepOff
            | Self::SessionEnded
            | Self::EmailChanged
            | Self::EmailReverted
            | Self::SecondStepReset
            | Self::AccountSuspended
            | Self::AccountReinstated => EmailQueue::Identity,
            Self::ProfileApproved
            | Self::ProfileRejected
            | Self::ProfileSuspended
            | Self::ProfileReinstated
            | Self::CredentialVerified
            | Self::CredentialRejected
            | Self::CredentialRevoked
            | Self::CredentialExpired
            | Self::BookingRequested
            | Self::BookingAccepted
            | Self::BookingDeclined
            | Self::BookingExpired
            | Self::BookingWithdrawn
            | Self::BookingConfirmed
            | Self::BookingUnpaid
            | Self::BookingCancelled
            | Self::BookingChangeProposed
            | Self::BookingChangeAccepted
            | Self::BookingChangeDeclined
            | Self::BookingStarted
            | Self::SitterMissing
            | Self::BookingMissed
            | Self::BookingCompleted
            | Self::BookingDisputed
            | Self::BookingDecided
            | Self::BookingRefunded
            | Self::BookingReminder
            | Self::BookingCardRefused
            // These `safety-alert` sends itself.
            | Self::HelpCalled
            | Self::SitterDiscredited
            | Self::UnfitForCare => EmailQueue::Notices,
        }
    }

    /// Where the mail goes to.
    pub fn recipient(self) -> Recipient {
        match self {
            Self::ConfirmNewEmail => Recipient::Pending,
            Self::EmailChanged => Recipient::Previous,
            _ => Recipient::Current,
        }
    }

    fn words(self) -> Words {
        const NOT_YOU: &str = "If that was not you, reset your password at once and write to us.";
        match self {
            Self::Welcome => Words {
                subject: "Welcome to NannyRadar",
                title: "Welcome to NannyRadar",
                before: &["Your account is open. Please confirm that this is your address."],
                action: Some(("Confirm your address", "/verify-email")),
                after: &[
                    "Then add a photo and a few words about yourself: people book, and are booked by, somebody they can picture.",
                    "If you did not open this account, ignore this mail: an account whose address is not confirmed is removed by itself.",
                ],
            },
            Self::RegistrationRepeated => Words {
                subject: "You already have a NannyRadar account",
                title: "You already have an account",
                before: &[
                    "Hello {{ name }}, somebody, perhaps you, has just tried to open a NannyRadar account with this address. It already belongs to yours, so nothing has changed.",
                ],
                action: Some(("Sign in", "/sign-in")),
                after: &[
                    "If it was not you, you need not do anything. If somebody else has opened the account, choose a new password at the sign-in: you start with an empty account.",
                ],
            },
            Self::VerifyEmail => Words {
                subject: "Confirm your address",
                title: "Confirm your address",
                before: &["Hello {{ name }}, please confirm that this is your address."],
                action: Some(("Confirm your address", "/verify-email")),
                after: &["The link serves once, within two days. Earlier ones serve no more."],
            },
            Self::ConfirmNewEmail => Words {
                subject: "Confirm your new address",
                title: "Confirm your new address",
                before: &[
                    "Hello {{ name }}, you want to use this address for your NannyRadar account from now on.",
                ],
                action: Some(("Confirm the new address", "/verify-email")),
                after: &[
                    "The link serves once, within two days. Until then your old address stays.",
                    "If you have no NannyRadar account, ignore this mail.",
                ],
            },
            Self::EmailChangeNotice => Words {
                subject: "Your address is about to change",
                title: "Your address is about to change",
                before: &[
                    "Hello {{ name }}, another address was entered for your NannyRadar account. It takes this one's place once it is confirmed.",
                ],
                action: None,
                after: &[NOT_YOU],
            },
            Self::EmailChanged => Words {
                subject: "Your email address was changed",
                title: "Your email address was changed",
                before: &[
                    "Hello {{ name }}, your NannyRadar account now has another email address. If you changed it, you need not do anything.",
                ],
                action: Some(("I did not change it", "/revert-email")),
                after: &[
                    "The button restores this address, signs out all devices and makes the password void. You then choose a new one. It works once, within 72 hours.",
                ],
            },
            Self::EmailReverted => Words {
                subject: "Your email address was restored",
                title: "Your email address was restored",
                before: &[
                    "Hello {{ name }}, the change of your email address was reverted. All devices are signed out, and the password no longer works.",
                ],
                action: Some(("Choose a new password", "/reset-password")),
                after: &[
                    "The link works once, within an hour. After that, request another one at the sign-in. If you use the same password elsewhere, change it there too.",
                ],
            },
            Self::SecondStepReset => Words {
                subject: "We removed the second step of your sign-in",
                title: "We removed the second step of your sign-in",
                before: &[
                    "Hello {{ name }}, our support team has removed the second step of your sign-in, as requested after an identity check. All devices are signed out. Your password alone signs you in again.",
                ],
                action: Some(("Sign in", "/sign-in")),
                after: &[NOT_YOU],
            },
            Self::ResetPassword => Words {
                subject: "Choose a new password",
                title: "Choose a new password",
                before: &[
                    "Hello {{ name }}, somebody, perhaps you, has forgotten the password of your NannyRadar account.",
                ],
                action: Some(("Choose a new password", "/reset-password")),
                after: &[
                    "The link serves once, within an hour. Earlier ones serve no more.",
                    "If it was not you, you need not do anything: your password stays.",
                ],
            },
            Self::AdminInvited => Words {
                subject: "You are an administrator of NannyRadar",
                title: "Welcome to NannyRadar",
                before: &["You have been made an administrator. Choose a password to begin."],
                action: Some(("Choose a password", "/reset-password")),
                after: &["The link serves once, within an hour. After that, ask for another at the sign-in."],
            },
            Self::PasswordChanged => Words {
                subject: "Your password was changed",
                title: "Your password was changed",
                before: &[
                    "Hello {{ name }}, the password of your NannyRadar account was changed, and your other devices were signed out.",
                ],
                action: None,
                after: &[NOT_YOU],
            },
            Self::SecondStepOn => Words {
                subject: "Signing in now takes a second step",
                title: "Signing in now takes a second step",
                before: &[
                    "Hello {{ name }}, from now on a code is asked for after your password. Keep your recovery codes where you find them without your phone.",
                ],
                action: None,
                after: &[NOT_YOU],
            },
            Self::SecondStepOff => Words {
                subject: "The second step was switched off",
                title: "The second step was switched off",
                before: &["Hello {{ name }}, your password alone opens your NannyRadar account again."],
                action: None,
                after: &[NOT_YOU],
            },
            Self::SessionEnded => Words {
                subject: "We signed you out of NannyRadar",
                title: "We signed you out on one device",
                before: &[
                    "Hello {{ name }}, a key that keeps one of your devices signed in was used from two places. That can mean that somebody has copied it, so we ended that sign-in everywhere.",
                ],
                action: Some(("Sign in again", "/sign-in")),
                after: &["Change your password if you did not expect this."],
            },
            Self::AccountSuspended => Words {
                subject: "Your account is suspended",
                title: "Your account is suspended",
                before: &[
                    "Hello {{ name }}, we have suspended your NannyRadar account. You cannot sign in until we have looked into it.",
                ],
                action: None,
                after: &["If you think that this is a mistake, answer this mail."],
            },
            Self::AccountReinstated => Words {
                subject: "Your account is open again",
                title: "Your account is open again",
                before: &["Hello {{ name }}, you can use your NannyRadar account again."],
                action: Some(("Sign in", "/sign-in")),
                after: &[],
            },
            Self::ProfileApproved => Words {
                subject: "Parents can find you now",
                title: "Parents can find you now",
                before: &[
                    "Hello {{ name }}, we have looked at your profile, and all is well: parents near you can find you from now on.",
                ],
                action: Some(("See your profile", "/profile")),
                after: &[
                    "Keep your hours up to date, so that you are asked when you are free. You can pause at any time.",
                ],
            },
            Self::ProfileRejected => Words {
                subject: "Your profile needs another look",
                title: "Your profile needs another look",
                before: &[
                    "Hello {{ name }}, we have looked at your profile and cannot show it as it is. Please see that the photo shows you, that all you say is yours and true, and that nobody can be reached past NannyRadar by it.",
                ],
                action: Some(("Change your profile", "/profile")),
                after: &["Then send it to us again. If you are not sure what is wrong, reply to this mail."],
            },
            Self::ProfileSuspended => Words {
                subject: "Your profile is not shown any more",
                title: "Your profile is not shown any more",
                before: &[
                    "Hello {{ name }}, we have taken your profile out of search until we know more about something that was reported to us.",
                ],
                action: None,
                after: &["Reply to this mail if you think that this is wrong."],
            },
            Self::ProfileReinstated => Words {
                subject: "Your profile is yours again",
                title: "Your profile is yours again",
                before: &[
                    "Hello {{ name }}, you can have parents find you again. Your profile is paused until you say so.",
                ],
                action: Some(("Show your profile", "/profile")),
                after: &[],
            },
            Self::CredentialVerified => Words {
                subject: "Your certificate is verified",
                title: "Your certificate is verified",
                before: &[
                    "Hello {{ name }}, we have looked at one of your certificates, and all is well with it.",
                ],
                action: Some(("See your certificates", "/credentials")),
                after: &["If it expires, we write to you then."],
            },
            Self::CredentialRejected => Words {
                subject: "We could not verify your certificate",
                title: "We could not verify your certificate",
                before: &[
                    "Hello {{ name }}, we have looked at one of your certificates, and could not verify it.",
                ],
                action: Some(("See your certificates", "/credentials")),
                after: &[
                    "Check what you entered, and hand it in again. If you think that this is a mistake, answer this mail.",
                ],
            },
            Self::CredentialRevoked => Words {
                subject: "Your certificate is no longer valid",
                title: "Your certificate is no longer valid",
                before: &[
                    "Hello {{ name }}, we have learned that one of your certificates is no longer valid. If it is your background check, families do not find you until you have another.",
                ],
                action: Some(("See your certificates", "/credentials")),
                after: &["If you think that this is a mistake, answer this mail."],
            },
            Self::CredentialExpired => Words {
                subject: "Your certificate has expired",
                title: "Your certificate has expired",
                before: &[
                    "Hello {{ name }}, one of your certificates has expired. If it is your background check, families do not find you until you have another.",
                ],
                action: Some(("Hand in a new one", "/credentials")),
                after: &[],
            },
            Self::BookingRequested => bookings::REQUESTED,
            Self::BookingAccepted => bookings::ACCEPTED,
            Self::BookingDeclined => bookings::DECLINED,
            Self::BookingExpired => bookings::EXPIRED,
            Self::BookingWithdrawn => bookings::WITHDRAWN,
            Self::BookingConfirmed => bookings::CONFIRMED,
            Self::BookingUnpaid => bookings::UNPAID,
            Self::BookingCancelled => bookings::CANCELLED,
            Self::BookingChangeProposed => bookings::CHANGE_PROPOSED,
            Self::BookingChangeAccepted => bookings::CHANGE_ACCEPTED,
            Self::BookingChangeDeclined => bookings::CHANGE_DECLINED,
            Self::BookingStarted => bookings::STARTED,
            Self::SitterMissing => bookings::SITTER_MISSING,
            Self::BookingMissed => bookings::MISSED,
            Self::BookingCompleted => bookings::COMPLETED,
            Self::BookingDisputed => bookings::DISPUTED,
            Self::BookingDecided => bookings::DECIDED,
            Self::BookingRefunded => bookings::REFUNDED,
            Self::BookingReminder => bookings::REMINDER,
            Self::BookingCardRefused => bookings::CARD_REFUSED,
            Self::HelpCalled => bookings::HELP_CALLED,
            Self::UnfitForCare => bookings::UNFIT,
            Self::SitterDiscredited => Words {
                subject: "Something is known against a sitter",
                title: "Something is known against {{ who }}",
                before: &[
                    "Hello {{ name }}, whoever checks sitters for us knows something against {{ who }}, or the number of the check is not theirs. Families do not find {{ who }} any more, and bookings to come are called off.",
                ],
                action: Some(("See the sitter", "/admin/sitters/{{ person }}")),
                after: &[
                    "Look into it now. {{ who }} is listed again with another check that is good: suspend the profile or the account if that must not be.",
                ],
            },
        }
    }

    /// The mail to somebody.
    pub fn render(self, context: &Context<'_>) -> Result<Rendered, RenderError> {
        let words = self.words();
        let app_url = context.app_url.trim_end_matches('/');
        let mut environment = Environment::new();
        // A misspelt variable is an error and not a gap in a sentence.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|file| {
            if file.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
        });
        environment.add_template("layout.html", include_str!("../templates/layout.html"))?;
        environment.add_template("layout.txt", include_str!("../templates/layout.txt"))?;
        let fill = |text: &str| environment.render_str(text, Serde(context));
        let all = |texts: &[&str]| texts.iter().map(|text| fill(text)).collect::<Result<Vec<_>, _>>();
        let action = match words.action {
            Some((label, path)) => {
                let fragment = context.token.map(|token| format!("#token={token}")).unwrap_or_default();
                Some(context! { label, url => format!("{app_url}{}{fragment}", fill(path)?) })
            }
            None => None,
        };
        let values = context! {
            subject => words.subject,
            title => fill(words.title)?,
            before => all(words.before)?,
            action,
            after => all(words.after)?,
            app_url,
        };
        Ok(Rendered {
            subject: words.subject.to_owned(),
            html: environment.get_template("layout.html")?.render(&values)?,
            text: environment.get_template("layout.txt")?.render(&values)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(name: &str) -> Context<'_> {
        Context { name, about: None, concern: None, app_url: "https://app.nannyradar.example/", token: None }
    }

    #[test]
    fn emails_of_identity_wait_for_no_reminder() {
        for template in Template::VARIANTS {
            let name = template.as_ref();
            let is_identity = template.queue() == EmailQueue::Identity;
            assert!(is_identity || template.link().is_none(), "{name} has a link that somebody waits for");
            assert!(!is_identity || !name.contains("booking"), "{name} may come in great numbers");
        }
        for template in [Template::PasswordChanged, Template::SecondStepOff, Template::SessionEnded] {
            assert_eq!(template.queue(), EmailQueue::Identity, "a warning must not be late");
        }
    }

    #[test]
    fn mails() {
        let about = bookings::tests::about();
        let person = domain::id::parse("usr_01h455vb4pex5vsknk084sn02q").unwrap();
        let concern = Concern { person, who: "Mary Poppins".into() };
        for template in Template::VARIANTS {
            let token = template.link().map(|_| "TOKEN");
            let (about, concern) = (Some(&about), Some(&concern));
            let context = Context { token, about, concern, ..context("Zoë van Dijk") };
            let mail = template.render(&context).unwrap();
            assert_eq!(mail.text.contains("#token=TOKEN"), token.is_some());
            insta::assert_snapshot!(
                template.as_ref(),
                format!("Subject: {}\n\n{}\n----\n{}", mail.subject, mail.text, mail.html)
            );
        }
    }

    #[test]
    fn a_name_is_no_markup_and_no_template() {
        let name = "<script>{{ app_url }}</script>";
        let mail = Template::PasswordChanged.render(&context(name)).unwrap();
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(mail.text.contains(name), "plain text shows what is there");
    }

    #[test]
    fn a_mail_about_nothing_is_not_sent() {
        assert!(Template::BookingReminder.render(&context("Zoë")).is_err());
    }
}
