//! Limiting a key to what another version of it allows.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::reviews::plan_review;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError};

/// The maximum number of attempts for a key that other writers keep changing.
const ATTEMPTS_MAX: u32 = 4;

/// The attributes that a limit can change.
const LIMITED: &[&str] = &["expires_at", "scopes", "rotated_to"];

impl KeyStore {
    /// Limits a key to what `other`, another version of it, allows too: an earlier expiry, fewer scopes, and no
    /// second rotation. Returns the key, unchanged if it was revoked or `other` sets no limit.
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotFound`], also if its account is being deleted or the key must be revoked instead;
    /// [`Error::Busy`], [`Error::Store`]. On error, the key is unchanged, unless the table did not respond.
    pub async fn limit_key(
        &self,
        other: &Key,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Key, Error> {
        let account = &other.spec.account;
        let not_found = || Error::KeyNotFound(other.id.clone());
        for _ in 0..ATTEMPTS_MAX {
            let found = self.lookup(account, &other.id, true).await?;
            if found.account.is_none() && !account.is_root() {
                return Err(not_found());
            }
            let key = found.key.ok_or_else(not_found)?;
            if key.revoked_at.is_some() {
                return Ok(key);
            }
            let limited = key.limited_by(other).map_err(|_| not_found())?;
            if limited == key {
                return Ok(key);
            }
            let limited = Key { updated_at: now, ..limited };
            let change = (Part::Key, self.limit(&key, &limited, policy)?);
            let organization = found.account.map(|account| account.organization);
            let events = [Draft::key_updated(organization.as_ref(), &key, &limited, now)];
            let outcome = if limited.spec.expires_at == key.spec.expires_at || account.is_root() {
                self.transact(&[change], &events).await?
            } else {
                // As in a rotation, a key that ends earlier makes a count of live keys stale.
                let ends = limited.is_expired(now) && key.is_counted(now);
                let count = self.count_ended(account, i64::from(ends))?;
                self.transact(&[change, (Part::Account, count)], &events).await?
            };
            if let Outcome::Written = outcome {
                tracing::info!(account.id = %account, key.id = %key.id, "key limited");
                return Ok(limited);
            }
        }
        Err(Error::Busy)
    }

    /// Returns a transaction's update from `key` to `limited`, if the key has not changed since it was read.
    fn limit(
        &self,
        key: &Key,
        limited: &Key,
        policy: &KeyPolicy,
    ) -> Result<TransactWriteItem, StoreError> {
        let now = limited.updated_at;
        let mut set = "SET updated_at = :now".to_owned();
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .expression_attribute_values(":now", number(now.as_millis()));
        let (known, item) =
            (record::key_item(key, policy, now), record::key_item(limited, policy, now));
        for attribute in LIMITED {
            if let Some(value) =
                item.get(*attribute).filter(|value| known.get(*attribute) != Some(value))
            {
                set.push_str(&format!(", {attribute} = :{attribute}"));
                update = update.expression_attribute_values(format!(":{attribute}"), value.clone());
            }
        }
        if let Some(ttl) = item.get("ttl") {
            // `ttl` is a reserved word.
            set.push_str(", #ttl = :ttl");
            update = update
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", ttl.clone());
        }
        let condition = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        let ends = |key: &Key| (key.spec.expires_at, key.rotated_to.clone());
        let update = if ends(limited) == ends(key) {
            update.update_expression(set)
        } else {
            plan_review(update, &set, &key.id, policy.warnings.next(limited, None, now))
        };
        let update = record::require_same(update, condition, key, LIMITED);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}
