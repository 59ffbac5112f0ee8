//! Errors of requests, independent of dialects: an invalid form, or an error of the service. `status.rs` maps
//! them to HTTP, and each dialect supplies the body.

use http::Method;
use latchkey::audit::EventTime;
use latchkey::id::{InvalidId, InvalidOrganizationId};
use latchkey::idempotency::InvalidIdempotencyKey;
use latchkey::principal::Denial;
use latchkey::scope::{InvalidScope, Scope};
use latchkey::time::InvalidTimestamp;
use latchkey::webhook::UnknownStatus;

use crate::body::InvalidBody;

/// The reason a request was rejected or failed.
///
/// `Display` is for the caller. Details that only the operator may see are in the source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No operation has this path.
    #[error("this path does not exist; check the URL")]
    RouteNotFound,
    /// The path exists, but not for this method.
    #[error("this path does not support {method}; it supports {}", in_words(allowed))]
    MethodNotAllowed {
        /// The method of the request.
        method: Method,
        /// The methods that the path accepts.
        allowed: Vec<Method>,
    },
    /// The `Authorization` header is missing.
    #[error("the request has no credentials; send `Authorization: Bearer <key>`")]
    NoCredentials,
    /// The scheme is not `Bearer`, or no token follows it.
    #[error("the `Authorization` header must have the form `Bearer <key>`")]
    OtherScheme,
    /// The body is not valid for the operation.
    #[error("{0}")]
    InvalidBody(#[from] InvalidBody),
    /// A parameter of a form or a query is missing or given twice.
    #[error("the parameter `{0}` must be sent exactly once")]
    Parameter(&'static str),
    /// The service account ID in the path is malformed.
    #[error("the service account ID {0}")]
    InvalidAccountId(InvalidId),
    /// The key ID in the path is malformed.
    #[error("the key ID {0}")]
    InvalidKeyId(InvalidId),
    /// No account has this ID, because it is not a valid Latchkey ID.
    #[error("this service account does not exist")]
    UnknownAccount,
    /// No key has this ID, because it is not a valid Latchkey ID.
    #[error("this key does not exist")]
    UnknownKey,
    /// No webhook has this ID, because it is not a valid Latchkey ID.
    #[error("this webhook does not exist")]
    UnknownWebhook,
    /// No delivery has this ID, because it is not a valid Latchkey ID.
    #[error("this delivery does not exist")]
    UnknownDelivery,
    /// A query parameter is not valid for a list.
    #[error("`{parameter}` {problem}")]
    InvalidPage {
        /// The parameter's name in the dialect.
        parameter: &'static str,
        /// The violated rule.
        problem: InvalidPage,
    },
    /// The deployment has no such scope.
    #[error("`{shown}` is not a scope of this deployment; its scopes are {}", in_words(known))]
    UnknownScope {
        /// The start of the requested scope.
        shown: String,
        /// The deployment's scopes.
        known: Vec<Scope>,
    },
    /// The query parameter `scope` contains an invalid scope.
    #[error("the parameter `scope` must list scopes, separated by spaces; {0}")]
    InvalidScope(#[from] InvalidScope),
    /// The query parameter `organization` contains an invalid organization ID.
    #[error("the parameter `organization` must list organization IDs, separated by spaces; {0}")]
    InvalidOrganization(#[from] InvalidOrganizationId),
    /// The `Idempotency-Key` header is invalid.
    #[error("the `Idempotency-Key` header {0}")]
    InvalidIdempotencyKey(#[from] InvalidIdempotencyKey),
    /// The request does not have the signature that authorizes it.
    #[error("{0}")]
    InvalidSignature(String),
    /// Another service, which the request needs, failed or did not respond.
    #[error("{0}; try again later")]
    Dependency(String),
    /// The service rejected the request or failed.
    #[error(transparent)]
    Service(#[from] latchkey::Error),
}

/// The maximum number of entries on a page.
pub const LIMIT_MAX: usize = 100;

/// The reason a query parameter of a list is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// The limit is not a number or is out of bounds.
    #[error("must be a whole number from {min} to {max}")]
    Limit {
        /// The minimum.
        min: usize,
        /// The maximum.
        max: usize,
    },
    /// The cursor is malformed, too old, or from a different caller or list.
    #[error("is invalid or has expired; omit it to start from the first page")]
    Cursor,
    /// A time is not a date-time.
    #[error("{0}")]
    Timestamp(#[from] InvalidTimestamp),
    /// An outcome is not one that events have.
    #[error("must be `success` or `failure`")]
    Outcome,
    /// An ID is malformed.
    #[error("{0}")]
    Id(#[from] InvalidId),
    /// A status is not one that deliveries have.
    #[error("{0}")]
    DeliveryStatus(#[from] UnknownStatus),
    /// Only this many of the requested events fit into a response.
    #[error(
        "must be at most {0} here, because more of these events exceed the size of a response; \
         continue with `before`"
    )]
    TooLarge(usize),
    /// A search took too long after this many events.
    #[error(
        "must be at most {0} here, because the search for more takes too long; continue with \
         `before`"
    )]
    TooSlow(usize),
    /// A search took too long and found nothing back to this time.
    #[error("must be `{0}` to continue this search, which found no event since then")]
    NotYetFound(EventTime),
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Service(denial.into())
    }
}

impl AsRef<Error> for Error {
    fn as_ref(&self) -> &Error {
        self
    }
}

/// Formats a list for a sentence: `a`, `b`, and `c`, each in backticks.
fn in_words<T: std::fmt::Display>(items: &[T]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, [first])) => format!("{first} and {last}"),
        Some((last, rest)) => format!("{}, and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(in_words(&["a"]), "`a`");
        assert_eq!(in_words(&["a", "b"]), "`a` and `b`");
        assert_eq!(in_words(&["a", "b", "c"]), "`a`, `b`, and `c`");
    }
}
