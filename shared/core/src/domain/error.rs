//! Errors, independent of dialects and protocols.

use std::error::Error as StdError;

use super::id::{KeyId, OrganizationId, ServiceAccountId, WebhookId};
use super::key::Ended;
use super::policy::InvalidExpiry;
use super::principal::Denial;
use super::token::InvalidToken;
use super::webhook::{DeliveryId, NotDiscardable, NotReplayable};

/// The reason a request was rejected or failed.
///
/// `Display` is for the caller. Details that only the operator may see are in the source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller could not be authenticated. The log has the reason.
    #[error("the key is invalid, revoked, or expired")]
    Unauthenticated(Refusal),
    /// The caller may not do this.
    #[error("{0}")]
    Denied(#[from] Denial),
    /// The requested expiry is not allowed.
    #[error("the expiry {0}")]
    InvalidExpiry(#[from] InvalidExpiry),
    /// The caller's organization has no such account.
    #[error("service account `{0}` does not exist")]
    AccountNotFound(ServiceAccountId),
    /// The account has no such key.
    #[error("key `{0}` does not exist")]
    KeyNotFound(KeyId),
    /// The key has ended and can no longer change.
    #[error("key `{key}` {ended}")]
    KeyEnded {
        /// The key.
        key: KeyId,
        /// How it ended.
        ended: Ended,
    },
    /// A key created by a recent rotation cannot be rotated again without a grace period.
    #[error(
        "key `{0}` was created by a rotation less than a minute ago; \
         wait a minute, or rotate it with a grace period"
    )]
    RotatedRecently(KeyId),
    /// The caller would lock itself out.
    #[error(
        "service account `{0}` cannot disable or delete itself; \
         use a key of another service account"
    )]
    OwnAccount(ServiceAccountId),
    /// The account is disabled.
    #[error("service account `{0}` is disabled; enable it before you create keys for it")]
    AccountDisabled(ServiceAccountId),
    /// The organization is disabled or being deleted.
    #[error(
        "organization `{0}` is disabled or being deleted, so you cannot create anything in it; \
         ask an operator to enable it"
    )]
    OrganizationDisabled(OrganizationId),
    /// The account already has the maximum number of live keys.
    #[error(
        "service account `{account}` already has {limit} live keys (the limit); revoke one or raise \
         KeyLimit"
    )]
    KeyLimitReached {
        /// The account.
        account: ServiceAccountId,
        /// The maximum number of live keys.
        limit: u32,
    },
    /// The organization already has the maximum number of service accounts.
    #[error(
        "organization `{organization}` already has {limit} service accounts (the limit); delete one or \
         raise AccountLimit"
    )]
    AccountLimitReached {
        /// The organization.
        organization: OrganizationId,
        /// The maximum number of service accounts.
        limit: u32,
    },
    /// The caller's organization has no such webhook.
    #[error("webhook `{0}` does not exist")]
    WebhookNotFound(WebhookId),
    /// The organization already has the maximum number of webhooks.
    #[error(
        "organization `{organization}` already has {limit} webhooks (the limit); delete one, for example one \
         that is disabled"
    )]
    WebhookLimitReached {
        /// The organization.
        organization: OrganizationId,
        /// The maximum number of webhooks.
        limit: u32,
    },
    /// The webhook of a delivery is deleted or disabled.
    #[error("webhook `{0}` is deleted or disabled; create another webhook for later events")]
    WebhookDisabled(WebhookId),
    /// The caller's organization has no such delivery.
    #[error("delivery `{0}` does not exist; deliveries are kept for 30 days")]
    DeliveryNotFound(DeliveryId),
    /// The delivery cannot be repeated.
    #[error("delivery `{0}` cannot be replayed: {1}")]
    NotReplayable(DeliveryId, NotReplayable),
    /// The delivery cannot be given up.
    #[error("delivery `{0}` cannot be discarded: {1}")]
    NotDiscardable(DeliveryId, NotDiscardable),
    /// The idempotency key was used with a different request.
    #[error(
        "this `Idempotency-Key` was used for a different request in the last 24 hours; \
         send a new value with each new request"
    )]
    IdempotencyKeyReused,
    /// Too many writers contend for one item, or the store throttles requests.
    #[error("the key store is busy; try again")]
    Busy,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The operating system returned no random numbers.
    #[error("the service could not generate random numbers; try again")]
    Random(#[source] rand::rngs::SysError),
}

impl Error {
    /// Returns whether the caller must change the request. Otherwise the service failed, and the same request
    /// may succeed later.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Busy | Self::Store(_) | Self::Random(_))
    }
}

/// The reason authentication failed, for the log and the metrics. The response to the caller never reveals
/// which half of a key was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key was presented.
    #[error("missing")]
    Missing,
    /// The credentials are not in the expected form.
    #[error("wrong scheme")]
    Scheme,
    /// The token is malformed. The table was not read.
    #[error("malformed: {0}")]
    Malformed(#[from] InvalidToken),
    /// The table has no such key or account.
    #[error("unknown")]
    Unknown,
    /// The key exists, but the secret does not match.
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
    /// The key has expired.
    #[error("expired")]
    Expired,
}

/// The reason the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not respond or throttled the request. The same request may succeed later.
    #[error("the key store did not respond; try again")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The store rejected the request: the table is wrong or permissions are missing.
    #[error("the key store rejected the request")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// This code did not write the item.
    #[error("the key store contains an item that Latchkey cannot read")]
    Corrupt(#[source] CorruptItem),
}

/// Names the malformed attribute of an item. It does not include the value.
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

    /// The store did not respond in time, or the response was incomplete.
    pub fn unavailable(problem: &'static str) -> Self {
        Self::Unavailable(problem.into())
    }
}

impl From<CorruptItem> for StoreError {
    fn from(item: CorruptItem) -> Self {
        Self::Corrupt(item)
    }
}

/// The maximum length of a cause in characters. DynamoDB's messages are shorter.
const CAUSE_LENGTH_MAX: usize = 300;

/// Returns the causes of an error, outermost first, each truncated because the SDK's may hold a whole
/// request.
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
            assert_eq!(error.to_string(), "the key is invalid, revoked, or expired");
            assert!(error.is_refusal());
        }
    }
}
