//! How many service accounts an organization has: counted where one is created or deleted.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::error::Error;
use crate::id::OrganizationId;

use super::attribute::number;
use super::record;
use super::{KeyStore, StoreError};

/// How often a write is tried again that needs a count, where others may set or change the count.
pub(super) const COUNTS_MAX: u32 = 4;

/// How many entries of a directory are read at a time.
const PAGE: usize = 1000;

impl KeyStore {
    /// A transaction's update of an organization that has one account more, if it may.
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
            // One round trip then tells not found, being deleted, not counted and full apart.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(limit) = limit {
            condition.push_str(" AND accounts < :limit");
            update = update.expression_attribute_values(":limit", number(limit.get().into()));
        }
        let update = update.condition_expression(condition).build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A transaction's update of an organization that has one account less.
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

    /// Counts the accounts of an organization that has no count yet, by its directory. Every write that
    /// would make the count wrong is conditional on it, so none comes between the two.
    pub(super) async fn start_counting_accounts(&self, id: &OrganizationId) -> Result<(), Error> {
        let mut found = 0;
        let mut after = None;
        loop {
            let page = self.directory(id, PAGE, after.as_deref()).await?;
            // An account whose deletion has begun is gone, and was counted out if there was a count.
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
        // Refused: someone else has counted meanwhile.
        self.update(update).await.map(drop)
    }
}
