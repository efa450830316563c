//! Sending texts with SNS.

use aws_sdk_sns::{Client, error::ProvideErrorMetadata, types::MessageAttributeValue};
use aws_types::SdkConfig;
use domain::{booking::Who, one_time_code::Code, phone::PhoneNumber};

/// SNS did not take a text, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the text was not taken: {0}")]
pub struct SendError(String);

/// Sends texts.
#[derive(Debug, Clone)]
pub struct Texter {
    client: Client,
    sender: String,
}

/// The text that tells a code. Its last line is for phones that fill the code in by themselves
/// (<https://wicg.github.io/sms-one-time-codes/>).
pub fn code_text(code: &Code, app_host: &str) -> String {
    let code = code.expose();
    format!(
        "{code} is your NannyRadar code. It serves for 10 minutes. Never tell it to anybody.\n\n@{app_host} #{code}"
    )
}

/// The longest first name that leaves room for the rest of a text.
const MAX_NAME_CHARS: usize = 20;

/// The text to a family's emergency contact, when somebody who takes part in a booking calls for help. Without
/// an address: whoever it goes to knows the family, and a text is read by whoever has the phone.
pub fn help_text(name: &str, by: Who) -> String {
    let first = name.split_whitespace().next().unwrap_or_default();
    // Other scripts would make a text of it that is longer, and nothing else would let a link slip in.
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '\'');
    let first = deunicode::deunicode_with_tofu(first, "");
    let first: String = first.chars().filter(plain).take(MAX_NAME_CHARS).collect();
    let (sitter, whom) = if by == Who::Sitter { (", the sitter,", "the family") } else { ("", "them") };
    let first = if first.is_empty() { "Somebody" } else { &first };
    format!(
        "{first}{sitter} has called for help during a NannyRadar booking. Please call {whom} now. In danger call 999 or 112."
    )
}

impl Texter {
    /// Sends as the environment says.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self::new(aws, config::required("SMS_SENDER")?))
    }

    /// Sends in that name.
    pub fn new(aws: &SdkConfig, sender: String) -> Self {
        Self { client: Client::new(aws), sender }
    }

    /// Sends one text to one number.
    pub async fn send(&self, to: &PhoneNumber, text: &str) -> Result<(), SendError> {
        let attribute = |value: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(value).build().ok()
        };
        self.client
            .publish()
            .phone_number(to.as_str())
            .message(text)
            .set_message_attributes(Some(
                [("AWS.SNS.SMS.SMSType", "Transactional"), ("AWS.SNS.SMS.SenderID", &self.sender)]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), attribute(value)?)))
                    .collect(),
            ))
            .send()
            .await
            .map_err(|error| SendError(error.code().unwrap_or("no answer").to_owned()))?;
        Ok(())
    }

    /// Asks SNS whether it is there. A function that only asks needs no sender.
    pub async fn ping(aws: &SdkConfig) -> Result<(), SendError> {
        let asked = Client::new(aws).list_topics().send().await;
        asked.map(|_| ()).map_err(|error| SendError(error.code().unwrap_or("no answer").to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_into_one_message() {
        let text = code_text(&Code::parse("123456").unwrap(), "app.nannyradar.example");
        insta::assert_snapshot!(text, @"
        123456 is your NannyRadar code. It serves for 10 minutes. Never tell it to anybody.

        @app.nannyradar.example #123456
        ");
        assert!(text.is_ascii() && text.len() <= 160);
    }

    #[test]
    fn a_call_for_help_fits_into_one_message() {
        insta::assert_snapshot!(help_text("Zoë van Dijk", Who::Parent), @"Zoe has called for help during a NannyRadar booking. Please call them now. In danger call 999 or 112.");
        insta::assert_snapshot!(help_text("Mary Poppins", Who::Sitter), @"Mary, the sitter, has called for help during a NannyRadar booking. Please call the family now. In danger call 999 or 112.");
        let long = "Wolfeschlegelsteinhausenbergerdorff";
        for name in [long, "Ната́лья", "www.nannyradar.example/help", "👩‍👧 Ada", "…"] {
            let text = help_text(name, Who::Sitter);
            assert!(text.is_ascii() && text.len() <= 160 && !text.contains('/'), "{text}");
        }
    }
}
