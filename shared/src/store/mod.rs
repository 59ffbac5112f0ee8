//! The key store: one DynamoDB table.
//!
//! There is no trait and no fake: conditions and transactions are where the mistakes would be,
//! so tests use this very code against an embedded DynamoDB.

mod account;
mod attribute;
mod count_accounts;
mod create;
mod deployment;
mod insert_key;
mod list;
mod organization;
mod read;
mod record;
mod record_use;
mod recount;
mod revoke_key;
mod rotate_key;
mod transaction;
mod update_key;

use std::error::Error as StdError;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use lambda_http::http::StatusCode;

pub use create::CreateError;
pub use deployment::Deployment;
pub use list::{Listed, Page};
pub use organization::{DirectoryEntry, StoredOrganization};
pub use read::Lookup;
pub use revoke_key::Revoked;

use crate::idempotency::SealedAnswer;

/// The store of organizations, service accounts and keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    client: Client,
    table: String,
}

/// What became of what was to be written.
#[derive(Debug)]
pub enum Written {
    /// It was written.
    New,
    /// It was not: the request came before, and this is its answer.
    Before(SealedAnswer),
}

/// Why the store could not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or asked for patience: the same request may succeed later.
    #[error("the key store did not answer; try again")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The store refused: a wrong table or missing permissions.
    #[error("the key store refused the request")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// An item that this code did not write.
    #[error("the key store holds an item that cannot be read")]
    Corrupt(#[source] CorruptItem),
}

/// Which attribute of an item is not what this code writes. Its value is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` is missing or malformed")]
pub struct CorruptItem {
    /// The attribute's name.
    pub attribute: &'static str,
}

impl KeyStore {
    /// The store in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

impl StoreError {
    /// The HTTP status that every dialect answers this error with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) | Self::Corrupt(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn corrupt(attribute: &'static str) -> Self {
        Self::Corrupt(CorruptItem { attribute })
    }

    pub(crate) fn unavailable(problem: &'static str) -> Self {
        Self::Unavailable(problem.into())
    }
}

impl From<CorruptItem> for StoreError {
    fn from(item: CorruptItem) -> Self {
        Self::Corrupt(item)
    }
}

/// A request that lacks a part: a mistake of ours.
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
        /// Errors that say the request is wrong, not the moment.
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
