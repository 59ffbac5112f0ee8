//! What can go wrong with a request, in no dialect's words: what is wrong with its form, and what the service
//! says of it. How HTTP says it is in `status.rs`; the body is the dialect's business.

use http::Method;
use latchkey::id::{InvalidId, InvalidOrganizationId};
use latchkey::idempotency::InvalidIdempotencyKey;
use latchkey::principal::Denial;
use latchkey::scope::{InvalidScope, Scope};

use crate::body::InvalidBody;

/// Why a request was refused or could not be served.
///
/// `Display` is for the caller. What only the operator may know is a source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No operation has this path.
    #[error("no operation has this path")]
    RouteNotFound,
    /// The path exists, the method does not.
    #[error("this path does not take {method}; it takes {}", in_words(allowed))]
    MethodNotAllowed {
        /// What the request asked for.
        method: Method,
        /// What the path takes.
        allowed: Vec<Method>,
    },
    /// No `Authorization` header.
    #[error("the request carries no credentials; send `Authorization: Bearer <key>`")]
    NoCredentials,
    /// Another scheme than `Bearer`, or no token after it.
    #[error("the `Authorization` header is not of the form `Bearer <key>`")]
    OtherScheme,
    /// The body is not what the operation takes.
    #[error("{0}")]
    InvalidBody(#[from] InvalidBody),
    /// A parameter of a form or a query is missing, or given twice.
    #[error("the parameter `{0}` must be given once")]
    Parameter(&'static str),
    /// The path's service account id is outside the grammar.
    #[error("the service account id {0}")]
    InvalidAccountId(InvalidId),
    /// The path's key id is outside the grammar.
    #[error("the key id {0}")]
    InvalidKeyId(InvalidId),
    /// Nothing of that id: it is outside our grammar, so it names no account.
    #[error("this service account does not exist")]
    UnknownAccount,
    /// Nothing of that id: it is outside our grammar, so it names no key.
    #[error("this key does not exist")]
    UnknownKey,
    /// A query parameter is not what a list takes.
    #[error("`{parameter}` {problem}")]
    InvalidPage {
        /// The parameter, as the dialect calls it.
        parameter: &'static str,
        /// The rule that it breaks.
        problem: InvalidPage,
    },
    /// The deployment knows no such scope.
    #[error("`{shown}` is not a scope of this deployment; its scopes are {}", in_words(known))]
    UnknownScope {
        /// The start of what the caller asked for.
        shown: String,
        /// What it could have asked for.
        known: Vec<Scope>,
    },
    /// The parameter `scope` of a query names what is no scope.
    #[error("the parameter `scope` takes scopes, separated by spaces; {0}")]
    InvalidScope(#[from] InvalidScope),
    /// The parameter `organization` of a query names something that is not an organization.
    #[error("the parameter `organization` takes organization IDs, separated by spaces; {0}")]
    InvalidOrganization(#[from] InvalidOrganizationId),
    /// The `Idempotency-Key` header is none.
    #[error("the `Idempotency-Key` header {0}")]
    InvalidIdempotencyKey(#[from] InvalidIdempotencyKey),
    /// The service refused it, or could not serve it.
    #[error(transparent)]
    Service(#[from] latchkey::Error),
}

/// Entries on a page, at most.
pub const LIMIT_MAX: usize = 100;

/// Why a query parameter of a list is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// The limit is no number, or out of bounds.
    #[error("must be a whole number from 1 to {LIMIT_MAX}, given once")]
    Limit,
    /// The cursor is none of ours, or of another caller or list, or too old.
    #[error(
        "is not one that this list gave out to this key within the last 24 hours; \
         start again without it"
    )]
    Cursor,
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

/// A list for a sentence: `a`, `b` and `c`, each in backticks.
fn in_words<T: std::fmt::Display>(items: &[T]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(in_words(&["a"]), "`a`");
        assert_eq!(in_words(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
