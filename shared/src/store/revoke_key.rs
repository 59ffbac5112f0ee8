//! Revoking a key: it ends now and counts no longer.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use crate::config::KeyPolicy;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::Key;
use crate::time::Timestamp;

use super::transaction::Outcome;
use super::{KeyStore, StoreError, record};

/// How often a key is read again that another writer has changed meanwhile.
const ATTEMPTS_MAX: u32 = 4;

impl KeyStore {
    /// Revokes a key for good, and returns it. A key that was revoked before stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotFound`], [`Error::Busy`] or [`Error::Store`]; then the key is as it was.
    pub async fn revoke_key(
        &self,
        account: &ServiceAccountId,
        id: &KeyId,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Key, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.lookup(account, id, true).await?.key;
            let key = found.ok_or_else(|| Error::KeyNotFound(id.clone()))?;
            if key.revoked_at.is_some() {
                return Ok(key);
            }
            // Expired keys may have left the count already; it must never fall below the truth.
            let counts = !key.is_expired(now) && !account.is_root();
            let key = Key { revoked_at: Some(now), updated_at: now, ..key };
            let mut items = vec![self.end(&key, policy)?];
            if counts {
                items.push(self.count_one_less(account)?);
            }
            if let Outcome::Written = self.transact(&items).await? {
                tracing::info!(account.id = %account, key.id = %id, "key revoked");
                return Ok(key);
            }
        }
        Err(Error::Busy)
    }

    /// A transaction's update that writes the end of a key which is not revoked yet.
    fn end(&self, key: &Key, policy: &KeyPolicy) -> Result<TransactWriteItem, StoreError> {
        let number = |value: i64| AttributeValue::N(value.to_string());
        let at = number(key.updated_at.as_millis());
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(revoked_at)")
            .update_expression("SET revoked_at = :now, updated_at = :now, #ttl = :ttl")
            // A reserved word.
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", at);
        if let Some(ttl) = key.ttl(policy.retention) {
            update = update.expression_attribute_values(":ttl", number(ttl));
        }
        let update = update.build().map_err(|error| StoreError::Refused(error.into()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
