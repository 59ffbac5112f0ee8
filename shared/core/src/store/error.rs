//! Conversion of DynamoDB's errors to Latchkey's.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};

use crate::error::StoreError;

/// Errors that mean the request is wrong, so a retry would not help.
const REFUSALS: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
];

/// Converts an incomplete request, which is a bug in Latchkey.
impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Refused(error.into())
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let refused = match &error {
            SdkError::ServiceError(service) => {
                service.err().code().is_some_and(|code| REFUSALS.contains(&code))
            }
            SdkError::ConstructionFailure(_) => true,
            _ => false,
        };
        if refused { Self::Refused(error.into()) } else { Self::Unavailable(error.into()) }
    }
}
