//! Rotating a key: ending the old one and writing its replacement, in one transaction.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::id::OrganizationId;
use crate::idempotency::StoredResponse;
use crate::key::{Ended, Key, Rotation};
use crate::policy::KeyPolicy;
use crate::time::Timestamp;

use super::attribute::{Item, number, text};
use super::insert_key::RECOUNTS_MAX;
use super::record;
use super::reviews::plan_review;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, Written};

impl KeyStore {
    /// Writes both halves of a rotation: counts the new key and ends the old one. Fails if the old key has
    /// ended, was rotated, or changed after it was read.
    ///
    /// A rotation without a grace period leaves the count unchanged, because one key replaces another. So it
    /// also works in a full account, unless the old key is about to expire and may no longer be counted. For
    /// `response`, see [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`Error::KeyEnded`], [`Error::KeyNotFound`], the errors of [`KeyStore::insert_key`], and
    /// [`Error::Busy`] if the key changed after it was read. On error, nothing is written, unless the table
    /// did not respond.
    pub async fn rotate_key(
        &self,
        rotation: &Rotation,
        organization: &OrganizationId,
        policy: &KeyPolicy,
        now: Timestamp,
        response: Option<&StoredResponse>,
    ) -> Result<Written, Error> {
        let Rotation { old, new, .. } = rotation;
        let at_once = rotation.old_ends_at <= now && old.is_counted(now);
        let parts = [
            (Part::Account, self.count_rotated(new, organization, policy, at_once)?),
            (Part::Key, self.replace(rotation, policy, now)?),
            (Part::NewKey, self.put_new(record::key_item(new, policy, now))?),
        ];
        let events = Draft::key_rotated(organization, rotation, now);
        for _ in 0..RECOUNTS_MAX {
            let mut unmet = match self.transact_with(&parts, &events, response, now).await? {
                Outcome::Written => return Ok(Written::Created),
                Outcome::Replayed(stored) => return Ok(Written::Replayed(stored)),
                Outcome::Refused(unmet) => unmet,
            };
            if let Some(found) = unmet.take(Part::Key) {
                return Err(refusal(old, found, now));
            }
            let Some(found) = unmet.take(Part::Account) else { break };
            self.explain_count(new, organization, policy, now, found).await?;
        }
        Err(Error::Busy)
    }

    /// Returns a transaction's update that ends a key, if it is unchanged since it was read.
    fn replace(
        &self,
        rotation: &Rotation,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let Rotation { old, new, old_ends_at } = rotation;
        let mut ended = old.clone().ending_at(*old_ends_at);
        ended.rotated_to = Some(new.id.clone());
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&old.spec.account, &old.id)))
            // `ttl` is a reserved word.
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":end", number(old_ends_at.as_millis()))
            .expression_attribute_values(":new", text(&new.id))
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(
                ":ttl",
                number(ended.ttl(policy.retention).unwrap_or(i64::MAX)),
            )
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let set = "SET expires_at = :end, rotated_to = :new, updated_at = :now, #ttl = :ttl";
        let update = plan_review(update, set, &old.id, policy.warnings.next(&ended, None, now));
        // The attributes that the new key copies, and the expiry that its event names, must still match the old key.
        let update = record::require_same(
            update,
            "attribute_exists(pk) AND attribute_not_exists(revoked_at) \
             AND attribute_not_exists(rotated_to) \
             AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            old,
            &["name", "scopes", "expires_at"],
        );
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}

/// Returns the reason the old key could not be replaced.
fn refusal(old: &Key, found: Option<Item>, now: Timestamp) -> Error {
    let Some(found) = found else { return Error::KeyNotFound(old.id.clone()) };
    match record::key(&found) {
        Ok(key) => match key.ended(now) {
            Some(ended) => Error::KeyEnded { key: key.id, ended },
            None if key.rotated_to.is_some() => {
                Error::KeyEnded { key: key.id, ended: Ended::Rotated }
            }
            // The key changed after it was read.
            None => Error::Busy,
        },
        Err(error) => StoreError::from(error).into(),
    }
}
