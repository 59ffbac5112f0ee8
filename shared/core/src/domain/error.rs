//! What can go wrong, in no dialect's words and no protocol's.

use std::error::Error as StdError;

use super::id::{KeyId, OrganizationId, ServiceAccountId};
use super::key::Ended;
use super::policy::InvalidExpiry;
use super::principal::Denial;
use super::token::InvalidToken;

/// Why a request was refused or could not be served.
///
/// `Display` is for the caller. What only the operator may know is a source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller did not prove who it is. The log has the reason.
    #[error("the key presented is not valid")]
    Unauthenticated(Refusal),
    /// The caller may not do this.
    #[error("{0}")]
    Denied(#[from] Denial),
    /// A key may not end then.
    #[error("the expiry {0}")]
    InvalidExpiry(#[from] InvalidExpiry),
    /// No such account in the caller's organization.
    #[error("service account `{0}` does not exist")]
    AccountNotFound(ServiceAccountId),
    /// No such key of that account.
    #[error("key `{0}` does not exist")]
    KeyNotFound(KeyId),
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
    /// The idempotency key came with another request before.
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

impl Error {
    /// Whether the caller must ask for something else. Otherwise the service failed, and the same request
    /// may succeed.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Busy | Self::Store(_) | Self::Random(_))
    }
}

/// Why a caller is not who it claims to be: for the log and the metrics. What the caller reads never says
/// which half of a key was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key was presented.
    #[error("missing")]
    Missing,
    /// What was presented is not in the form that a key is presented in.
    #[error("another scheme")]
    Scheme,
    /// Not a token of ours; the table was not read.
    #[error("malformed: {0}")]
    Malformed(#[from] InvalidToken),
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

impl StoreError {
    pub(crate) fn corrupt(attribute: &'static str) -> Self {
        Self::Corrupt(CorruptItem { attribute })
    }

    /// The store did not answer in time, or not in full.
    pub fn unavailable(problem: &'static str) -> Self {
        Self::Unavailable(problem.into())
    }
}

impl From<CorruptItem> for StoreError {
    fn from(item: CorruptItem) -> Self {
        Self::Corrupt(item)
    }
}

/// Characters of a cause. What DynamoDB says is shorter.
const CAUSE_LENGTH_MAX: usize = 300;

/// The causes of an error, outermost first, each cut short: the SDK's may hold a whole request.
pub fn causes(error: &dyn StdError) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string().chars().take(CAUSE_LENGTH_MAX).collect::<String>());
        cause = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_reads_the_same_whatever_the_reason() {
        for reason in [
            Refusal::Malformed(InvalidToken::Checksum),
            Refusal::Unknown,
            Refusal::Digest,
            Refusal::AccountDisabled,
            Refusal::OrganizationDisabled,
            Refusal::Revoked,
            Refusal::Expired,
        ] {
            let error = Error::Unauthenticated(reason);
            assert_eq!(error.to_string(), "the key presented is not valid");
            assert!(error.is_refusal());
        }
    }
}
