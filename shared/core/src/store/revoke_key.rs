//! Revoking a key: it ends now and counts no longer.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::principal::AccountPrincipal;
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

/// How often a key is read again that another writer has changed meanwhile.
const ATTEMPTS_MAX: u32 = 4;

/// What became of a key to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// It is revoked now.
    Revoked(Key),
    /// It was revoked before, and stays as it is.
    AlreadyRevoked(Key),
}

impl Revocation {
    /// The key, revoked.
    pub fn key(&self) -> &Key {
        let (Self::Revoked(key) | Self::AlreadyRevoked(key)) = self;
        key
    }

    /// The key, revoked.
    pub fn into_key(self) -> Key {
        let (Self::Revoked(key) | Self::AlreadyRevoked(key)) = self;
        key
    }
}

impl KeyStore {
    /// Revokes a key for good. With a `caller`, only a key of an account of its organization, which
    /// holds no more than the caller does.
    ///
    /// # Errors
    ///
    /// [`Error::AccountNotFound`] for an account of another organization, [`Error::KeyNotFound`],
    /// [`Error::Denied`] for a key that holds more,
    /// [`Error::Busy`] or [`Error::Store`]; then the key is as it was, unless the table did not answer.
    pub async fn revoke_key(
        &self,
        caller: Option<&AccountPrincipal>,
        account: &ServiceAccountId,
        id: &KeyId,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Revocation, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.lookup(account, id, true).await?;
            if let Some(caller) = caller {
                let own =
                    found.account.filter(|account| account.organization == caller.organization);
                own.ok_or_else(|| Error::AccountNotFound(account.clone()))?;
            } else if found.account.is_none() && !account.is_root() {
                // An account that is being deleted, and its keys with it.
                return Err(Error::KeyNotFound(id.clone()));
            }
            let key = found.key.ok_or_else(|| Error::KeyNotFound(id.clone()))?;
            if let Some(caller) = caller {
                caller.outrank(&key.spec.scopes)?;
            }
            if key.revoked_at.is_some() {
                return Ok(Revocation::AlreadyRevoked(key));
            }
            // What may have left the count is not subtracted: it must never fall below the truth.
            let counts = key.is_counted(now) && !account.is_root();
            let seen = key.spec.expires_at;
            let key = Key { revoked_at: Some(now), updated_at: now, ..key };
            let ended = (Part::Key, self.end(&key, seen, policy)?);
            let outcome = if counts {
                self.transact(&[ended, (Part::Account, self.count_one_less(account)?)]).await?
            } else {
                self.transact(&[ended]).await?
            };
            if let Outcome::Written = outcome {
                tracing::info!(account.id = %account, key.id = %id, "key revoked");
                return Ok(Revocation::Revoked(key));
            }
        }
        Err(Error::Busy)
    }

    /// A transaction's update that writes the end of a key which is not revoked yet and still has the
    /// expiry and the scopes that were seen.
    fn end(
        &self,
        key: &Key,
        expires_at: Option<Timestamp>,
        policy: &KeyPolicy,
    ) -> Result<TransactWriteItem, StoreError> {
        let at = number(key.updated_at.as_millis());
        // A rotation without grace ends a key and takes it out of the count, so the expiry must be the
        // one by which it was found to be counted.
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at) AND ";
        let (condition, seen) = match expires_at {
            Some(at) => (format!("{condition} expires_at = :seen"), Some(number(at.as_millis()))),
            None => (format!("{condition} attribute_not_exists(expires_at)"), None),
        };
        let (same_scopes, scopes) = record::has_scopes(&key.spec.scopes);
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .condition_expression(format!("{condition} AND {same_scopes}"))
            .update_expression("SET revoked_at = :now, updated_at = :now, #ttl = :ttl")
            // A reserved word.
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", at);
        if let Some(ttl) = key.ttl(policy.retention) {
            update = update.expression_attribute_values(":ttl", number(ttl));
        }
        if let Some(scopes) = scopes {
            update = update.expression_attribute_values(":had", scopes);
        }
        if let Some(seen) = seen {
            update = update.expression_attribute_values(":seen", seen);
        }
        let update = update.build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
