//! What can go wrong, in no dialect's words, and the HTTP status that all dialects answer it with.

use lambda_http::http::{Method, StatusCode};

use crate::config::InvalidExpiry;
use crate::id::{InvalidId, InvalidOrganizationId, KeyId, OrganizationId, ServiceAccountId};
use crate::idempotency::InvalidIdempotencyKey;
use crate::json::InvalidBody;
use crate::key::Key;
use crate::page::InvalidPage;
use crate::principal::Denial;
use crate::scope::{InvalidScope, Scope};
use crate::store::StoreError;
use crate::text::InvalidText;
use crate::time::{InvalidTimestamp, Timestamp};

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
    /// The caller did not prove who it is.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// The caller may not do this.
    #[error("{0}")]
    Denied(#[from] Denial),
    /// The body is not what the operation takes.
    #[error("{0}")]
    InvalidBody(#[from] InvalidBody),
    /// A parameter of a form or a query is missing, or given twice.
    #[error("the parameter `{0}` must be given once")]
    Parameter(&'static str),
    /// The path's service account id is outside the grammar.
    #[error("the service account id {0}")]
    InvalidAccountId(#[from] InvalidId),
    /// The path's key id is outside the grammar.
    #[error("the key id {0}")]
    InvalidKeyId(InvalidId),
    /// A query parameter is not what a list takes.
    #[error("`{parameter}` {problem}")]
    InvalidPage {
        /// The parameter, as the dialect calls it.
        parameter: &'static str,
        /// The rule that it breaks.
        problem: InvalidPage,
    },
    /// A name or a description is outside its bounds.
    #[error("`{field}` {problem}")]
    InvalidText {
        /// The field, as the dialect calls it.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidText,
    },
    /// An expiry is not a date-time.
    #[error("`{field}` {problem}")]
    InvalidTimestamp {
        /// The field, as the dialect calls it.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidTimestamp,
    },
    /// A key may not end then.
    #[error("`{field}` {problem}")]
    InvalidExpiry {
        /// The field, as the dialect calls it.
        field: &'static str,
        /// The rule that it breaks.
        problem: InvalidExpiry,
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
    /// No such account in the caller's organization.
    #[error("service account `{0}` does not exist")]
    AccountNotFound(ServiceAccountId),
    /// Nothing of that id: it is outside our grammar, so it names no account.
    #[error("this service account does not exist")]
    UnknownAccount,
    /// No such key of that account.
    #[error("key `{0}` does not exist")]
    KeyNotFound(KeyId),
    /// Nothing of that id: it is outside our grammar, so it names no key.
    #[error("this key does not exist")]
    UnknownKey,
    /// The key has ended, so nothing about it changes any more.
    #[error("key `{key}` {ended}")]
    KeyEnded {
        /// The key.
        key: KeyId,
        /// How it ended.
        ended: Ended,
    },
    /// A key that a rotation made is to be rotated without grace at once.
    #[error(
        "key `{0}` took the place of another one less than a minute ago; \
         wait, or rotate it with a grace period"
    )]
    RotatedRecently(KeyId),
    /// A caller is about to lock itself out.
    #[error(
        "service account `{0}` is the one whose key you present; \
         to disable or delete it, present a key of another account"
    )]
    OwnAccount(ServiceAccountId),
    /// The account is disabled.
    #[error("service account `{0}` is disabled; enable it before minting keys for it")]
    AccountDisabled(ServiceAccountId),
    /// The organization is disabled, or on its way out.
    #[error(
        "organization `{0}` is disabled or being deleted; nothing is created in it until an operator \
         enables it"
    )]
    OrganizationDisabled(OrganizationId),
    /// The account holds as many live keys as it may.
    #[error(
        "service account `{account}` already holds {limit} keys; revoke one before minting another"
    )]
    KeyLimitReached {
        /// The account.
        account: ServiceAccountId,
        /// The most live keys that it may hold.
        limit: u32,
    },
    /// The organization has as many service accounts as it may.
    #[error(
        "organization `{organization}` already has {limit} service accounts (the limit); delete one or \
         raise AccountLimit"
    )]
    AccountLimitReached {
        /// The organization.
        organization: OrganizationId,
        /// The most service accounts that it may have.
        limit: u32,
    },
    /// The `Idempotency-Key` header is none.
    #[error("the `Idempotency-Key` header {0}")]
    InvalidIdempotencyKey(#[from] InvalidIdempotencyKey),
    /// The `Idempotency-Key` came with another request before.
    #[error(
        "this `Idempotency-Key` was used for another request within the last 24 hours; \
         send a new one with each new request"
    )]
    IdempotencyKeyReused,
    /// Too many writers at one item, or a store that asks for patience.
    #[error("the key store is busy; try again")]
    Busy,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The operating system gave no random numbers.
    #[error("the service could not draw random numbers; try again")]
    Random(#[source] rand::rngs::SysError),
}

/// The challenge to present a key. A scheme never stands alone (RFC 6750, section 3).
const BEARER: &str = r#"Bearer realm="latchkey""#;

/// The challenge to present a key that may do more.
const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="latchkey", error="insufficient_scope""#;

/// How a key came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was revoked.
    #[error("is revoked")]
    Revoked,
    /// It ended by itself.
    #[error("is expired")]
    Expired,
    /// Another key has taken its place; it may still be in its grace.
    #[error("was rotated before; rotate the key that took its place")]
    Rotated,
}

impl Ended {
    /// How `key` has ended by `now`; `None` if it is live.
    pub(crate) fn of(key: &Key, now: Timestamp) -> Option<Self> {
        if key.revoked_at.is_some() {
            Some(Self::Revoked)
        } else {
            key.is_expired(now).then_some(Self::Expired)
        }
    }
}

/// Why a caller is not who it claims to be. What the caller reads never says which half was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No `Authorization` header.
    #[error("the request carries no credentials; send `Authorization: Bearer <key>`")]
    Missing,
    /// Another scheme than `Bearer`, or no token after it.
    #[error("the `Authorization` header is not of the form `Bearer <key>`")]
    Scheme,
    /// The key presented does not authenticate; the log has the reason.
    #[error("the key presented is not valid")]
    Refused(Refusal),
}

/// Why a key does not authenticate: for the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a token of ours; the table was not read.
    #[error("malformed: {0}")]
    Malformed(#[from] crate::token::InvalidToken),
    /// The table holds no such key, or no such account.
    #[error("unknown")]
    Unknown,
    /// The key exists, the secret is another.
    #[error("wrong secret")]
    Digest,
    /// The key's account is disabled.
    #[error("account disabled")]
    AccountDisabled,
    /// The key's organization is disabled.
    #[error("organization disabled")]
    OrganizationDisabled,
    /// The key was revoked.
    #[error("revoked")]
    Revoked,
    /// The key has ended.
    #[error("expired")]
    Expired,
}

impl AsRef<Error> for Error {
    fn as_ref(&self) -> &Error {
        self
    }
}

impl Error {
    /// The HTTP status that every dialect answers this error with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::RouteNotFound
            | Self::AccountNotFound(_)
            | Self::UnknownAccount
            | Self::UnknownKey
            | Self::KeyNotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::InvalidBody(body) => body.status(),
            Self::Parameter(_)
            | Self::InvalidAccountId(_)
            | Self::InvalidKeyId(_)
            | Self::InvalidPage { .. }
            | Self::InvalidIdempotencyKey(_)
            | Self::InvalidText { .. }
            | Self::InvalidTimestamp { .. }
            | Self::InvalidExpiry { .. }
            | Self::InvalidScope(_)
            | Self::InvalidOrganization(_)
            | Self::UnknownScope { .. } => StatusCode::BAD_REQUEST,
            Self::AccountDisabled(_)
            | Self::OrganizationDisabled(_)
            | Self::KeyEnded { .. }
            | Self::RotatedRecently(_)
            | Self::OwnAccount(_)
            | Self::KeyLimitReached { .. }
            | Self::AccountLimitReached { .. }
            | Self::IdempotencyKeyReused => StatusCode::CONFLICT,
            Self::Busy | Self::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(error) => error.status(),
        }
    }

    /// Seconds after which the same request may succeed, where waiting helps.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1)
    }

    /// The challenge of a 401 or 403 answer (RFC 6750, section 3), if this is one. With another key
    /// the same request may pass, and a scope is named where there is one that such a key must have.
    pub fn challenge(&self) -> Option<String> {
        let scoped = |scope: &str| Some(format!(r#"{INSUFFICIENT_SCOPE}, scope="{scope}""#));
        match self {
            Self::Unauthenticated(Unauthenticated::Missing | Unauthenticated::Scheme) => {
                Some(BEARER.to_owned())
            }
            Self::Unauthenticated(Unauthenticated::Refused(_)) => {
                Some(format!(r#"{BEARER}, error="invalid_token""#))
            }
            Self::Denied(denial) => match denial {
                Denial::MissingScope(scope) => scoped(scope),
                Denial::ScopeNotHeld(scope) | Denial::TargetHoldsScope(scope) => {
                    scoped(scope.as_ref())
                }
                Denial::FullAccessNeeded
                | Denial::FullAccessNotHeld
                | Denial::TargetHasFullAccess
                | Denial::LaterExpiry(_)
                | Denial::RootKey
                | Denial::OrganizationNotAllowed => Some(INSUFFICIENT_SCOPE.to_owned()),
                // No scope would help.
                Denial::RootKeyNeeded | Denial::OtherOrganization => None,
            },
            _ => None,
        }
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
    fn a_refused_key_reads_the_same_whatever_the_reason() {
        let reasons = [
            Refusal::Malformed(crate::token::InvalidToken::Checksum),
            Refusal::Unknown,
            Refusal::Digest,
            Refusal::AccountDisabled,
            Refusal::OrganizationDisabled,
            Refusal::Revoked,
            Refusal::Expired,
        ];
        for reason in reasons {
            let error = Error::Unauthenticated(Unauthenticated::Refused(reason));
            assert_eq!(error.to_string(), "the key presented is not valid");
            assert_eq!(error.status(), StatusCode::UNAUTHORIZED);
            let challenge = r#"Bearer realm="latchkey", error="invalid_token""#;
            assert_eq!(error.challenge().as_deref(), Some(challenge));
        }
    }

    #[test]
    fn a_challenge_says_what_another_key_must_be() {
        let scope = || "keys.read".parse().expect("a scope");
        let named = r#"Bearer realm="latchkey", error="insufficient_scope", scope="keys.read""#;
        for (denial, challenge) in [
            (Denial::MissingScope("keys.read".to_owned()), Some(named)),
            (Denial::ScopeNotHeld(scope()), Some(named)),
            (Denial::FullAccessNeeded, Some(INSUFFICIENT_SCOPE)),
            (Denial::FullAccessNotHeld, Some(INSUFFICIENT_SCOPE)),
            (Denial::TargetHoldsScope(scope()), Some(named)),
            (Denial::TargetHasFullAccess, Some(INSUFFICIENT_SCOPE)),
            (
                Denial::LaterExpiry("2026-01-01T00:00:00Z".parse().expect("a time")),
                Some(INSUFFICIENT_SCOPE),
            ),
            (Denial::RootKey, Some(INSUFFICIENT_SCOPE)),
            (Denial::OrganizationNotAllowed, Some(INSUFFICIENT_SCOPE)),
            (Denial::RootKeyNeeded, None),
            (Denial::OtherOrganization, None),
        ] {
            assert_eq!(Error::from(denial.clone()).challenge().as_deref(), challenge, "{denial:?}");
        }
        for missing in [Unauthenticated::Missing, Unauthenticated::Scheme] {
            let challenge = Error::Unauthenticated(missing).challenge();
            assert_eq!(challenge.as_deref(), Some(r#"Bearer realm="latchkey""#));
        }
        assert!(INSUFFICIENT_SCOPE.starts_with(BEARER));
    }

    #[test]
    fn only_a_503_asks_to_come_back() {
        assert_eq!(Error::Busy.retry_after_seconds(), Some(1));
        assert_eq!(Error::RouteNotFound.retry_after_seconds(), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(in_words(&["a"]), "`a`");
        assert_eq!(in_words(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
