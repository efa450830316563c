use domain::stripe::IntentId;
use reqwest::StatusCode;
use serde::Deserialize;

/// Why a call did not do what it was to do.
///
/// It carries Stripe's codes and no words: those may repeat what somebody has typed. What Stripe itself
/// knows of a call is found there by the request's name, which is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bank refuses the card, at least for now.
    #[error("the card was declined: {code}")]
    Declined {
        /// Why, e.g. `insufficient_funds`, see <https://docs.stripe.com/declines/codes>.
        code: String,
        /// The payment that failed.
        intent: Option<IntentId>,
    },
    /// The bank wants to hear from the payer, who has to confirm this payment in the app.
    #[error("the bank wants the payer to confirm {intent}")]
    AuthenticationRequired {
        /// The payment that waits.
        intent: IntentId,
    },
    /// What was asked for is not there.
    #[error("Stripe knows no such thing")]
    NotFound,
    /// The call is wrong, or comes at the wrong time; to repeat it is of no use. By its code.
    #[error("Stripe refused: {0}")]
    Refused(String),
    /// Stripe answered, and has not done what it was asked: the key is in use by an earlier call, the object is locked by
    /// another one, there are too many calls, a bank does not answer Stripe, or our API key is not accepted. The call can be
    /// repeated later with the same idempotency key. Stripe itself is up. By its code.
    #[error("Stripe wants the call to be repeated later: {0}")]
    Retryable(String),
    /// Nothing is known of what has become of the call. With the same idempotency key it can be repeated; but
    /// Stripe keeps the answer 500 for a key as well, so what goes on failing wants a look, then another key.
    #[error("Stripe is unavailable: {0}")]
    Unavailable(String),
    /// Stripe has done what it was asked, and tells it in a shape that is not read here: e.g. of something that is no
    /// card, or in a currency that we do not use. To repeat the call is of no use.
    #[error("Stripe's answer is of another shape")]
    Unreadable,
    /// The key belongs to a call with other parameters: a mistake of ours.
    #[error("the idempotency key belongs to another call")]
    IdempotencyClash,
}

impl Error {
    pub(crate) fn unavailable(code: &str) -> Self {
        Self::Unavailable(code.to_owned())
    }

    /// Whether it passes within a second or so: somebody else is at the same key or object. A limit of calls does not,
    /// and asking again would only take more of it.
    pub(crate) fn passes_soon(&self) -> bool {
        matches!(self, Self::Retryable(code) if code == "idempotency_key_in_use" || code == "lock_timeout")
    }

    /// What it means that an answer cannot be read.
    pub(crate) fn of_body(error: &serde_json::Error) -> Self {
        // Whoever does not even answer in JSON is not Stripe.
        if error.is_data() { Self::Unreadable } else { Self::unavailable("unreadable") }
    }

    /// What an answer other than 2xx means.
    pub(crate) fn of(status: StatusCode, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Body>(body).unwrap_or_default().error;
        let intent = told.payment_intent.as_ref().map(|intent| intent.id.clone());
        let is_clash = told.kind.as_deref() == Some("idempotency_error");
        let code = told.reason().unwrap_or_else(|| format!("http_{}", status.as_u16()));
        match status.as_u16() {
            402 => match intent {
                Some(intent) if code == "authentication_required" => Self::AuthenticationRequired { intent },
                intent => Self::Declined { code, intent },
            },
            404 => Self::NotFound,
            400 if is_clash => Self::IdempotencyClash,
            // A key of ours that is not, or no longer, good says nothing of the payment. An account that has
            // turned away from us does.
            401 | 403 if code != "account_invalid" => Self::Retryable(code),
            // The same key is being worked on; a bank that Stripe itself waits for; too many calls.
            409 | 424 | 429 => Self::Retryable(code),
            400..500 => Self::Refused(code),
            // Besides outages, somebody who is not Stripe and sends us elsewhere.
            _ => Self::Unavailable(code),
        }
    }
}

/// Codes are Stripe's, but they end up in the log and in the store.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    error: Told,
}

/// The part of Stripe's errors that is of use.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Told {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    payment_intent: Option<Named>,
}

impl Told {
    /// The most exact code: that of the bank, if there is one.
    pub(crate) fn reason(self) -> Option<String> {
        self.decline_code.or(self.code).filter(|code| is_code(code))
    }
}

#[derive(Debug, Deserialize)]
struct Named {
    id: IntentId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Error {
        Error::of(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn tells_a_card_from_a_key_from_an_outage() {
        let refused = r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"lost_card"}}"#;
        assert_eq!(of(402, refused), Error::Declined { code: "lost_card".into(), intent: None });
        // Without the payment nobody could confirm it.
        let unnamed = r#"{"error":{"code":"authentication_required"}}"#;
        assert_eq!(
            of(402, unnamed),
            Error::Declined { code: "authentication_required".into(), intent: None }
        );
        assert_eq!(
            of(401, r#"{"error":{"type":"invalid_request_error"}}"#),
            Error::Retryable("http_401".into())
        );
        assert_eq!(
            of(403, r#"{"error":{"code":"account_invalid"}}"#),
            Error::Refused("account_invalid".into())
        );
        assert_eq!(of(400, r#"{"error":{"type":"idempotency_error"}}"#), Error::IdempotencyClash);
        assert_eq!(
            of(400, r#"{"error":{"code":"amount_too_small"}}"#),
            Error::Refused("amount_too_small".into())
        );
        assert_eq!(of(404, "{}"), Error::NotFound);
        for status in [409, 424, 429] {
            assert_eq!(of(status, "<html>"), Error::Retryable(format!("http_{status}")));
        }
        for status in [302, 500, 502, 503, 529] {
            assert_eq!(of(status, "<html>"), Error::Unavailable(format!("http_{status}")));
        }
    }

    #[test]
    fn repeats_no_words() {
        let told = r#"{"error":{"code":"Ada Byron, 12 Dock Street","message":"no such customer: Ada"}}"#;
        assert_eq!(of(400, told), Error::Refused("http_400".into()));
    }
}
