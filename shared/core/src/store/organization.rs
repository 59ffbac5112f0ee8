//! Organizations: their status and their deletion.

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use crate::account::Organization;
use crate::audit::{Action, Draft};
use crate::error::Error;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::time::Timestamp;

use super::count_accounts::COUNTS_MAX;
use super::transaction::{Outcome, Part};
use super::{KeyStore, Page, StoreError, record};

/// An organization and whether its deletion has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrganization {
    /// The organization.
    pub organization: Organization,
    /// Whether its deletion has begun. Then nothing can be added to it.
    pub deleting: bool,
}

/// A service account in the directory of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The account.
    pub account: ServiceAccountId,
    /// Whether the account is deleted but some of its keys may remain.
    pub deleting: bool,
}

impl KeyStore {
    /// Reads an organization and its status with a consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stored_organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<StoredOrganization>, StoreError> {
        let item = self.item(record::organization_key(id)).await?;
        Ok(item.map(|item| record::stored_organization(&item)).transpose()?)
    }

    /// Returns at most `limit` entries of an organization's directory, starting after the account `after`.
    /// Includes accounts whose deletion was interrupted.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn directory(
        &self,
        organization: &OrganizationId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<DirectoryEntry>, StoreError> {
        let page = self.directory_page(organization, limit, after).await?;
        let entry = |item| {
            let account = record::directory_account(item)?;
            Ok(DirectoryEntry { account, deleting: item.contains_key("deleting") })
        };
        let items = page.items.iter().map(entry).collect::<Result<_, super::CorruptItem>>()?;
        Ok(Page { items, next: page.next })
    }

    /// Disables an organization, which stops all of its keys, and marks it, so that no accounts can be created in
    /// it. Returns whether the organization exists.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn begin_deleting_organization(
        &self,
        id: &OrganizationId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mark = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET deleting = :true")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(deleting)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(StoreError::from)?;
        let mark = TransactWriteItem::builder().update(mark).build();
        let parts =
            [(Part::Organization, mark), (Part::Deployment, self.disable_organization(id, true)?)];
        let events = [Draft::organization(Action::DeleteOrganization, id, now)];
        match self.transact(&parts, &events).await? {
            // Marked by an earlier call, or gone.
            Outcome::Refused(mut unmet) => Ok(unmet.take(Part::Organization).flatten().is_some()),
            _ => Ok(true),
        }
    }

    /// Deletes an organization that is marked and has no accounts left, subtracts it from the count, and
    /// frees its ID, all or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn finish_deleting_organization(&self, id: &OrganizationId) -> Result<(), Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .condition_expression("attribute_exists(deleting)")
            .build()
            .map_err(StoreError::from)?;
        let parts = [
            (Part::Organization, TransactWriteItem::builder().delete(delete).build()),
            (Part::Deployment, self.discount_organization(id)?),
        ];
        for _ in 0..COUNTS_MAX {
            if let Outcome::Written = self.transact(&parts, &[]).await? {
                tracing::info!(action = "organization.delete", organization.id = %id, "organization deleted");
                return Ok(());
            }
            match self.stored_organization(id).await? {
                // Another call has deleted it.
                None => return Ok(()),
                Some(_) => self.start_counting_organizations().await?,
            }
        }
        Err(Error::Busy)
    }

    /// Removes an account from an organization's directory.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn delete_directory_entry(
        &self,
        organization: &OrganizationId,
        account: &ServiceAccountId,
    ) -> Result<(), Error> {
        self.delete_entry(organization, account).await
    }
}
