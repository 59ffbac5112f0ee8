//! Revoking a key, which ends it and subtracts it from the count.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::Key;
use crate::leak::Sighting;
use crate::policy::KeyPolicy;
use crate::principal::AccountPrincipal;
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

/// The maximum number of attempts for a key that other writers keep changing.
const ATTEMPTS_MAX: u32 = 4;

/// The result of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// This call revoked it.
    Revoked(Key),
    /// It was already revoked, or a leaked key had already ended, and is unchanged.
    AlreadyRevoked(Key),
}

impl Revocation {
    /// The revoked key.
    pub fn key(&self) -> &Key {
        let (Self::Revoked(key) | Self::AlreadyRevoked(key)) = self;
        key
    }

    /// The revoked key.
    pub fn into_key(self) -> Key {
        let (Self::Revoked(key) | Self::AlreadyRevoked(key)) = self;
        key
    }
}

impl KeyStore {
    /// Revokes a key permanently. If `caller` is set, the key must belong to an account of its organization
    /// and have no more scopes than the caller.
    ///
    /// # Errors
    ///
    /// [`Error::AccountNotFound`] for an account of another organization, [`Error::KeyNotFound`],
    /// [`Error::Denied`] for a key with more scopes, [`Error::Busy`], or [`Error::Store`]. On error, the key
    /// is unchanged, unless the table did not respond.
    pub async fn revoke_key(
        &self,
        caller: Option<&AccountPrincipal>,
        account: &ServiceAccountId,
        id: &KeyId,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Revocation, Error> {
        self.revoke_for(caller, account, id, None, policy, now).await
    }

    /// Revokes a key that was found in a public place, and records where.
    ///
    /// # Errors
    ///
    /// The errors of [`KeyStore::revoke_key`].
    pub async fn revoke_leaked_key(
        &self,
        key: &Key,
        sighting: &Sighting,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Revocation, Error> {
        self.revoke_for(None, &key.spec.account, &key.id, Some(sighting), policy, now).await
    }

    async fn revoke_for(
        &self,
        caller: Option<&AccountPrincipal>,
        account: &ServiceAccountId,
        id: &KeyId,
        sighting: Option<&Sighting>,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Revocation, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.lookup(account, id, true).await?;
            let organization = found.account.map(|account| account.organization);
            if let Some(caller) = caller {
                if organization.as_ref() != Some(&caller.organization) {
                    return Err(Error::AccountNotFound(account.clone()));
                }
            } else if organization.is_none() && !account.is_root() {
                // The account is being deleted together with its keys.
                return Err(Error::KeyNotFound(id.clone()));
            }
            let key = found.key.ok_or_else(|| Error::KeyNotFound(id.clone()))?;
            if let Some(caller) = caller {
                caller.outrank(&key.spec.scopes)?;
            }
            // An operator revokes a key even if it has expired. A leak of an ended key changes nothing.
            let ended = sighting.is_some() && key.ended(now).is_some();
            if key.revoked_at.is_some() || ended {
                return Ok(Revocation::AlreadyRevoked(key));
            }
            // A key that may no longer be counted is not subtracted, because the count must never be too low.
            let counts = key.is_counted(now) && !account.is_root();
            let key = Key { revoked_at: Some(now), updated_at: now, ..key };
            let ended = (Part::Key, self.end(&key, policy)?);
            let organization = organization.as_ref();
            let leak = sighting.map(|sighting| sighting.event(organization, &key, now));
            let revoked = Draft::key_revoked(organization, account, id, now);
            let events: Vec<Draft> = leak.into_iter().chain([revoked]).collect();
            let outcome = if counts {
                let count = self.count_one_less(account)?;
                self.transact(&[ended, (Part::Account, count)], &events).await?
            } else {
                self.transact(&[ended], &events).await?
            };
            if let Outcome::Written = outcome {
                tracing::info!(action = "api_key.revoke", account.id = %account, key.id = %id, "key revoked");
                return Ok(Revocation::Revoked(key));
            }
        }
        Err(Error::Busy)
    }

    /// Returns a transaction's update that revokes a key, if the key is not revoked yet and its expiry and
    /// scopes are unchanged.
    fn end(&self, key: &Key, policy: &KeyPolicy) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .update_expression("SET revoked_at = :now, updated_at = :now, #ttl = :ttl")
            // `ttl` is a reserved word.
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(key.updated_at.as_millis()))
            .expression_attribute_values(
                ":ttl",
                number(key.ttl(policy.retention).unwrap_or(i64::MAX)),
            );
        // A rotation without a grace period ends a key and subtracts it from the count. So the expiry must be
        // the one that showed the key to be counted.
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        let update = record::require_same(update, condition, key, &["expires_at", "scopes"]);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}
