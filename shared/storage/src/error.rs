use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Why the store did not do what it was asked.
///
/// The messages carry AWS's error codes and never an item's content. Which of several conditions
/// failed is not told: callers that must know read again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The condition of a write was not met: somebody was there before, or nobody ever was.
    #[error("the condition of the write was not met")]
    Conflict,
    /// The account of the user whose request is served is suspended or gone; see
    /// [`Tables::acting_for`](crate::Tables::acting_for).
    #[error("the caller's account is not active")]
    Inactive,
    /// The service is throttled, slow or down, or others keep writing the same items. The same
    /// call may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A stored item is not of the form that this version writes or upgrades.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(String),
    /// The call was wrong, or not permitted. Repeating it does not help.
    #[error("the store refused the call: {0}")]
    Refused(String),
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] config::Missing),
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for Error {
    fn from(error: SdkError<E, R>) -> Self {
        let SdkError::ServiceError(service) = &error else {
            return match error {
                SdkError::ConstructionFailure(_) => Self::Refused("the request could not be built".into()),
                _ => Self::Unavailable("no answer".into()),
            };
        };
        // HeadBucket and its like answer without a body, so without a code.
        let code = service.err().code().unwrap_or("no code").to_owned();
        match code.as_str() {
            "ConditionalCheckFailedException" => Self::Conflict,
            "InternalFailure"
            | "InternalServerError"
            | "InternalServiceError"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "SlowDown"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException" => Self::Unavailable(code),
            _ => Self::Refused(code),
        }
    }
}

impl From<serde_dynamo::Error> for Error {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
