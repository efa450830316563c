//! Mails as templates. HTML is escaped by the engine; a value never becomes markup.

use minijinja::{Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

/// Which mail. Its name is part of messages on queues, so it does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Template {
    /// To somebody who has opened an account.
    Welcome,
    /// To somebody whose address was used to open an account again.
    RegistrationRepeated,
    /// To somebody whose sign-in was ended because its token was used twice.
    SessionEnded,
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

const LAYOUT: &str = include_str!("../templates/layout.html");

impl Template {
    fn sources(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Welcome => (
                "Welcome to NannyRadar",
                include_str!("../templates/welcome.html"),
                include_str!("../templates/welcome.txt"),
            ),
            Self::RegistrationRepeated => (
                "You already have a NannyRadar account",
                include_str!("../templates/registration_repeated.html"),
                include_str!("../templates/registration_repeated.txt"),
            ),
            Self::SessionEnded => (
                "We signed you out of NannyRadar",
                include_str!("../templates/session_ended.html"),
                include_str!("../templates/session_ended.txt"),
            ),
        }
    }

    /// The mail to a person of that name. `app_url` is where the web application lives.
    pub fn render(self, name: &str, app_url: &str) -> Result<Rendered, RenderError> {
        let (subject, html, text) = self.sources();
        let mut environment = Environment::new();
        // A misspelt variable is an error and not a gap in a sentence.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template("layout.html", LAYOUT)?;
        environment.add_template("mail.html", html)?;
        environment.add_template("mail.txt", text)?;
        let values = context! { subject, name, app_url => app_url.trim_end_matches('/') };
        Ok(Rendered {
            subject: subject.to_owned(),
            html: environment.get_template("mail.html")?.render(&values)?,
            text: environment.get_template("mail.txt")?.render(&values)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails() {
        for template in [Template::Welcome, Template::RegistrationRepeated, Template::SessionEnded] {
            let mail = template.render("Zoë van Dijk", "https://app.nannyradar.example/").unwrap();
            insta::assert_snapshot!(
                template.as_ref(),
                format!("Subject: {}\n\n{}\n----\n{}", mail.subject, mail.text, mail.html)
            );
        }
    }

    #[test]
    fn a_name_is_no_markup() {
        let mail = Template::Welcome.render("<script>alert(1)</script>", "https://x.example").unwrap();
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(mail.text.contains("<script>"), "plain text shows what is there");
    }
}
