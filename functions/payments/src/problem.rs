use api::Problem;
use axum::http::StatusCode;
use stripe::Error;

/// What a caller is told when Stripe did not do what it was to do.
pub(crate) fn from_stripe(error: Error) -> Problem {
    match error {
        Error::NotFound => Problem::not_found(),
        Error::Unavailable(_) | Error::Retryable(_) => {
            tracing::warn!(%error, "dependency unavailable");
            Problem::unavailable()
        }
        Error::Declined { .. } | Error::AuthenticationRequired { .. } => {
            Problem::new(StatusCode::CONFLICT, "card_refused", "The bank refuses the card.")
        }
        Error::Refused(_) | Error::IdempotencyClash | Error::Unreadable => {
            tracing::error!(%error, "request failed");
            Problem::internal()
        }
    }
}
