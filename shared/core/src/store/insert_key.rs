//! Inserting a key and counting it against its account's limit, in one transaction.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use crate::audit::Draft;
use crate::error::Error;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::idempotency::StoredResponse;
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::time::Timestamp;

use super::attribute::{Item, number, text};
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, Written};

/// The maximum number of recounts of a full account before the caller must retry.
pub(super) const RECOUNTS_MAX: u32 = 4;

impl KeyStore {
    /// Writes a new key and counts it, if its account exists in `organization`, is enabled, and is not full.
    ///
    /// `live_keys` on the account is an upper bound, because nothing subtracts an expired key. When the bound
    /// reaches the limit, the live keys are counted and the bound is corrected (`recount`).
    ///
    /// `response` is the sealed response of the request and is written with the key. If a response is already
    /// stored, the request is a repeat: the key is not written, and the stored response is returned.
    ///
    /// # Errors
    ///
    /// [`Error::AccountNotFound`], [`Error::AccountDisabled`], [`Error::KeyLimitReached`], [`Error::Busy`],
    /// or [`Error::Store`]. On error, nothing is written, unless the table did not respond.
    pub async fn insert_key(
        &self,
        key: &Key,
        organization: &OrganizationId,
        policy: &KeyPolicy,
        now: Timestamp,
        response: Option<&StoredResponse>,
    ) -> Result<Written, Error> {
        let parts = [
            (Part::Account, self.count_one_more(key, organization, policy)?),
            (Part::NewKey, self.put_new(record::key_item(key, policy, now))?),
        ];
        let events = [Draft::key_created(Some(organization), key, now)];
        for _ in 0..RECOUNTS_MAX {
            let mut unmet = match self.transact_with(&parts, &events, response, now).await? {
                Outcome::Written => return Ok(Written::Created),
                Outcome::Replayed(stored) => return Ok(Written::Replayed(stored)),
                Outcome::Refused(unmet) => unmet,
            };
            // Otherwise only the new ID was taken: one in four billion within the same millisecond.
            let Some(found) = unmet.take(Part::Account) else { break };
            self.explain_count(key, organization, policy, now, found).await?;
        }
        Err(Error::Busy)
    }

    /// Returns the reason an account could not count `key`, where `found` is the account's item. Returns `Ok`
    /// if another attempt may succeed, because expired keys no longer count.
    pub(super) async fn explain_count(
        &self,
        key: &Key,
        organization: &OrganizationId,
        policy: &KeyPolicy,
        now: Timestamp,
        found: Option<Item>,
    ) -> Result<(), Error> {
        let account = &key.spec.account;
        let found = found.ok_or_else(|| Error::AccountNotFound(account.clone()))?;
        let state = record::account(&found).map_err(StoreError::from)?;
        if state.organization != *organization {
            return Err(Error::AccountNotFound(account.clone()));
        }
        if state.disabled {
            return Err(Error::AccountDisabled(account.clone()));
        }
        let count = record::key_count(&found).map_err(StoreError::from)?;
        if count.counted.to.as_ref().is_some_and(|to| *to > key.id) {
            tracing::warn!(
                key.id = %key.id,
                "this clock is at least an hour behind the clock of another writer"
            );
            return Err(Error::Busy);
        }
        let Some(limit) = policy.key_limit else { return Err(Error::Busy) };
        if count.is_full(limit.get(), now) {
            return Err(Error::KeyLimitReached { account: account.clone(), limit: limit.get() });
        }
        self.recount(account, count, limit.get(), now).await
    }

    /// Returns a transaction's update that subtracts one live key from an account.
    pub(super) fn count_one_less(
        &self,
        account: &ServiceAccountId,
    ) -> Result<TransactWriteItem, StoreError> {
        self.count_ended(account, 1)
    }

    /// Returns a transaction's update that notes an earlier end of a key, and subtracts `less` live keys from its
    /// account: none, if the key is live until then.
    pub(super) fn count_ended(
        &self,
        account: &ServiceAccountId,
        less: i64,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::account_key(account)))
            .update_expression(
                "SET live_keys = live_keys - :less, revision = revision + :one ADD ended :one",
            )
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":less", number(less))
            .expression_attribute_values(":one", number(1))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns a transaction's update that counts `key` as one more live key of its account, if permitted.
    fn count_one_more(
        &self,
        key: &Key,
        organization: &OrganizationId,
        policy: &KeyPolicy,
    ) -> Result<TransactWriteItem, StoreError> {
        let set = "SET live_keys = live_keys + :more, revision = revision + :one";
        self.count(key, organization, set, 1, policy.key_limit)
    }

    /// Returns a transaction's update of the account of `key`, which replaces another key. That key ends
    /// `at_once`, or else both are live for a while.
    pub(super) fn count_rotated(
        &self,
        key: &Key,
        organization: &OrganizationId,
        policy: &KeyPolicy,
        at_once: bool,
    ) -> Result<TransactWriteItem, StoreError> {
        let set = "SET live_keys = live_keys + :more, revision = revision + :one ADD ended :one";
        let (more, limit) = if at_once { (0, None) } else { (1, policy.key_limit) };
        self.count(key, organization, set, more, limit)
    }

    fn count(
        &self,
        key: &Key,
        organization: &OrganizationId,
        update: &str,
        more: i64,
        limit: Option<NonZeroU32>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut condition = "organization = :organization AND disabled = :false \
             AND (attribute_not_exists(counted_to) OR counted_to <= :key)"
            .to_owned();
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::account_key(&key.spec.account)))
            .update_expression(update)
            .expression_attribute_values(":more", number(more))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":false", AttributeValue::Bool(false))
            .expression_attribute_values(":organization", text(organization))
            .expression_attribute_values(":key", text(&key.id))
            // One round trip then distinguishes "not found", "disabled", and "full".
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(limit) = limit {
            condition.push_str(" AND live_keys < :limit");
            update = update.expression_attribute_values(":limit", number(limit.get().into()));
        }
        let update = update.condition_expression(condition).build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
