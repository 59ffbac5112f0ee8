//! The number of service accounts in an organization, updated when one is created or deleted.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::error::Error;
use crate::id::OrganizationId;

use super::attribute::number;
use super::record;
use super::{KeyStore, StoreError};

/// The maximum number of attempts for a write that needs a count that others may set or change.
pub(super) const COUNTS_MAX: u32 = 4;

/// The page size for reading a directory.
const PAGE: usize = 1000;

impl KeyStore {
    /// Returns a transaction's update that adds one account to an organization, if permitted.
    pub(super) fn count_account(
        &self,
        id: &OrganizationId,
        limit: Option<NonZeroU32>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut condition =
            "attribute_exists(accounts) AND attribute_not_exists(deleting)".to_owned();
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET accounts = accounts + :one")
            .expression_attribute_values(":one", number(1))
            // One round trip then distinguishes "not found", "being deleted", "not counted", and "full".
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(limit) = limit {
            condition.push_str(" AND accounts < :limit");
            update = update.expression_attribute_values(":limit", number(limit.get().into()));
        }
        let update = update.condition_expression(condition).build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns a transaction's update that subtracts one account from an organization.
    pub(super) fn discount_account(
        &self,
        id: &OrganizationId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET accounts = accounts - :one")
            .condition_expression("attribute_exists(accounts)")
            .expression_attribute_values(":one", number(1))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Counts the accounts of an organization without a count by reading its directory. Every write that
    /// would make the count wrong is conditional on it, so none can happen between the read and the write.
    pub(super) async fn start_counting_accounts(&self, id: &OrganizationId) -> Result<(), Error> {
        let mut found = 0;
        let mut after = None;
        loop {
            let page = self.directory(id, PAGE, after.as_deref()).await?;
            // An account whose deletion has begun is gone. If there was a count, it was already subtracted.
            found += page.items.iter().filter(|entry| !entry.deleting).count();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET accounts = :found")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(accounts)")
            .expression_attribute_values(":found", number(found));
        // Rejected if another writer has already counted.
        self.update(update).await.map(drop)
    }
}
