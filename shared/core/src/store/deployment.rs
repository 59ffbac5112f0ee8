//! The deployment's own item: which organizations are disabled, and how many organizations there are.
//!
//! Every verification must know whether an organization is disabled, so this is one small item that an
//! execution environment reads once in a while, and not an attribute of each organization.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use crate::error::Error;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};

use super::attribute::number;
use super::record;
use super::transaction::Updated;
use super::{KeyStore, Lookup, StoreError};

/// What is true of all organizations together. The default is a table that says nothing about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The organizations whose keys are all refused.
    pub disabled: HashSet<OrganizationId>,
    /// How many organizations there are; `None` in a table where none was made or deleted since version
    /// 0.1.0.
    pub organizations: Option<u64>,
}

impl Deployment {
    /// Whether all keys of `organization` are refused.
    pub fn disables(&self, organization: &OrganizationId) -> bool {
        self.disabled.contains(organization)
    }
}

impl KeyStore {
    /// Reads the deployment's item, consistently.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn deployment(&self) -> Result<Deployment, StoreError> {
        let item = self.item(record::deployment_key()).await?;
        Ok(item.map(|item| record::deployment(&item)).transpose()?.unwrap_or_default())
    }

    /// Reads the deployment's item, eventually consistent.
    pub(crate) async fn deployment_soon(&self) -> Result<Deployment, StoreError> {
        let key = record::deployment_key();
        let item = self.client.get_item().table_name(&self.table).set_key(Some(key));
        let item = item.send().await?.item;
        Ok(item.map(|item| record::deployment(&item)).transpose()?.unwrap_or_default())
    }

    /// Reads an account, one of its keys, and the deployment's item, in one round trip.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn lookup_with_deployment(
        &self,
        account: &ServiceAccountId,
        key: &KeyId,
        consistent: bool,
    ) -> Result<(Lookup, Deployment), StoreError> {
        let keys = super::read::lookup_keys(account, key).chain([record::deployment_key()]);
        let keys = KeysAndAttributes::builder()
            .consistent_read(consistent)
            .set_keys(Some(keys.collect()))
            .build()?;
        let (own, items): (Vec<_>, Vec<_>) =
            self.batch(keys).await?.into_iter().partition(record::is_deployment);
        let deployment = own.first().map(record::deployment).transpose()?;
        Ok((super::read::sort(items)?, deployment.unwrap_or_default()))
    }

    /// Disables an organization, or enables it again: one write, which stops all of its keys. Nothing
    /// else changes, so enabling restores exactly the keys that worked before.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn set_organization_disabled(
        &self,
        id: &OrganizationId,
        disabled: bool,
    ) -> Result<(), Error> {
        let action = if disabled { "ADD" } else { "DELETE" };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::deployment_key()))
            .update_expression(format!("{action} disabled_organizations :ids"))
            .expression_attribute_values(":ids", ids(id));
        match self.update(update).await? {
            Updated::Written(_) | Updated::Refused(_) => Ok(()),
        }
    }

    /// A transaction's update that counts one organization more, unless the id is still disabled: then
    /// another organization of this id is being deleted.
    pub(super) fn count_organization(
        &self,
        id: &OrganizationId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::deployment_key()))
            .update_expression("SET organizations = organizations + :one")
            .condition_expression(
                "attribute_exists(organizations) AND (attribute_not_exists(disabled_organizations) \
                 OR NOT contains(disabled_organizations, :id))",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":id", AttributeValue::S(id.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A transaction's update that counts one organization less and frees its id.
    pub(super) fn discount_organization(
        &self,
        id: &OrganizationId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::deployment_key()))
            .update_expression(
                "SET organizations = organizations - :one DELETE disabled_organizations :ids",
            )
            .condition_expression("attribute_exists(organizations)")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ids", ids(id))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Counts the organizations of a table that has no count yet, by a scan. Every write that would make
    /// the count wrong is conditional on it, so none comes between the scan and the write.
    pub(super) async fn start_counting_organizations(&self) -> Result<(), Error> {
        let found = self.organizations().await?.len();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::deployment_key()))
            .update_expression("SET organizations = :found")
            .condition_expression("attribute_not_exists(organizations)")
            .expression_attribute_values(":found", AttributeValue::N(found.to_string()));
        match self.update(update).await? {
            // Refused: someone else has counted meanwhile.
            Updated::Written(_) | Updated::Refused(_) => Ok(()),
        }
    }
}

fn ids(id: &OrganizationId) -> AttributeValue {
    AttributeValue::Ss(vec![id.to_string()])
}
