//! The deployment's own item: the disabled organizations, and the number of organizations.
//!
//! Every verification must know whether an organization is disabled. So this is one small item that an
//! execution environment reads occasionally, rather than an attribute of each organization.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use crate::audit::{Action, Draft};
use crate::error::Error;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::time::Timestamp;

use super::attribute::number;
use super::record;
use super::transaction::{Outcome, Part};
use super::{KeyStore, Lookup, StoreError};

/// Data about all organizations together. The default is a table without this item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The organizations whose keys are all rejected.
    pub disabled: HashSet<OrganizationId>,
    /// The number of organizations; `None` in a table where none was created or deleted since version 0.1.0.
    pub organizations: Option<u64>,
}

impl Deployment {
    /// Returns whether all keys of `organization` are rejected.
    pub fn disables(&self, organization: &OrganizationId) -> bool {
        self.disabled.contains(organization)
    }
}

impl KeyStore {
    /// Reads the deployment's item with a consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn deployment(&self) -> Result<Deployment, StoreError> {
        let item = self.item(record::deployment_key()).await?;
        Ok(item.map(|item| record::deployment(&item)).transpose()?.unwrap_or_default())
    }

    /// Reads the deployment's item with an eventually consistent read.
    pub(crate) async fn deployment_soon(&self) -> Result<Deployment, StoreError> {
        let key = record::deployment_key();
        let item = self.client.get_item().table_name(&self.table).set_key(Some(key));
        let item = item.send().await?.item;
        Ok(item.map(|item| record::deployment(&item)).transpose()?.unwrap_or_default())
    }

    /// Reads an account, one of its keys, and the deployment's item in one round trip.
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
        Ok((self.sort(items, consistent)?, deployment.unwrap_or_default()))
    }

    /// Disables or enables an existing organization. Disabling stops all of its keys with one write. Nothing else
    /// changes, so enabling restores exactly the keys that worked before. Returns whether the organization exists.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn set_organization_disabled(
        &self,
        id: &OrganizationId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let action = match disabled {
            true => Action::DisableOrganization,
            false => Action::EnableOrganization,
        };
        let mut change = self.disable_organization(id, disabled)?;
        // So that two changes at once are one event.
        let already = if disabled { "NOT contains" } else { "contains" };
        let condition = format!("{already}(disabled_organizations, :id)");
        if let Some(update) = &mut change.update {
            update.condition_expression = Some(match disabled {
                true => format!("attribute_not_exists(disabled_organizations) OR {condition}"),
                false => condition,
            });
            let values = update.expression_attribute_values.get_or_insert_default();
            values.insert(":id".to_owned(), AttributeValue::S(id.to_string()));
        }
        let events = [Draft::organization(action, id, now)];
        match self.transact(&[(Part::Deployment, change)], &events).await? {
            Outcome::Refused(unmet) => Ok(!unmet.has(Part::Organization)),
            _ => Ok(true),
        }
    }

    /// Frees the ID of an organization that is gone but was disabled while it was being deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn free_organization_id(&self, id: &OrganizationId) -> Result<(), Error> {
        let parts = [(Part::Deployment, self.disable_organization(id, false)?)];
        self.transact(&parts, &[]).await.map(drop)
    }

    /// Returns a transaction's update that adds an organization to the disabled ones, or removes it.
    pub(super) fn disable_organization(
        &self,
        id: &OrganizationId,
        disabled: bool,
    ) -> Result<TransactWriteItem, StoreError> {
        let action = if disabled { "ADD" } else { "DELETE" };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::deployment_key()))
            .update_expression(format!("{action} disabled_organizations :ids"))
            .expression_attribute_values(":ids", ids(id))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns a transaction's update that adds one to the number of organizations. It fails if the ID is
    /// still disabled, because then another organization with this ID is being deleted.
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

    /// Returns a transaction's update that subtracts one from the number of organizations and frees the ID.
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

    /// Counts the organizations of a table without a count by scanning it. Every write that would make the
    /// count wrong is conditional on it, so none can happen between the scan and the write.
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
        // Rejected if another writer has already counted.
        self.update(update).await.map(drop)
    }
}

fn ids(id: &OrganizationId) -> AttributeValue {
    AttributeValue::Ss(vec![id.to_string()])
}
