//! What we speak to Stripe with, in Secrets Manager: `{"api_key": …, "webhook_secret": …}`.
//!
//! Both come from Stripe's own pages, so that a person puts them there; no template and no file has them.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::SecretString;
use serde::Deserialize;

use crate::Error;

/// The two secrets.
#[derive(Debug, Clone)]
pub struct StripeSecret {
    /// By which Stripe knows us.
    pub api_key: SecretString,
    /// By which we know Stripe's webhooks.
    pub webhook_secret: SecretString,
}

#[derive(Deserialize)]
struct Document {
    api_key: String,
    webhook_secret: String,
}

/// The secrets, as the environment names them.
pub async fn read(aws: &SdkConfig) -> Result<StripeSecret, Error> {
    let id = config::required("STRIPE_SECRET_ARN")?;
    let secret = Client::new(aws).get_secret_value().secret_id(id).send().await?;
    parse(secret.secret_string().unwrap_or_default())
}

fn parse(text: &str) -> Result<StripeSecret, Error> {
    match serde_json::from_str(text) {
        Ok(Document { api_key, webhook_secret }) if !api_key.is_empty() && !webhook_secret.is_empty() => {
            Ok(StripeSecret { api_key: api_key.into(), webhook_secret: webhook_secret.into() })
        }
        // What was found instead may be a secret as well.
        _ => Err(Error::Unreadable(
            "the Stripe secret is not of the form {\"api_key\": …, \"webhook_secret\": …}".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn needs_both() {
        let secret = parse(r#"{"api_key":"sk_test_1","webhook_secret":"whsec_1"}"#).unwrap();
        assert_eq!(secret.api_key.expose_secret(), "sk_test_1");
        assert_eq!(secret.webhook_secret.expose_secret(), "whsec_1");
        for text in
            ["", "sk_test_1", r#"{"api_key":"sk_test_1"}"#, r#"{"api_key":"sk_test_1","webhook_secret":""}"#]
        {
            assert!(!parse(text).unwrap_err().to_string().contains("sk_test_1"), "{text}");
        }
    }
}
