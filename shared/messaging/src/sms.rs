//! Sending texts with SNS.

use aws_sdk_sns::{Client, error::ProvideErrorMetadata, types::MessageAttributeValue};
use aws_types::SdkConfig;
use domain::{one_time_code::Code, phone::PhoneNumber};

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

impl Texter {
    /// Sends as the environment says.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self { client: Client::new(aws), sender: config::required("SMS_SENDER")? })
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
}
