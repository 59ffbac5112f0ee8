//! Creating, reading, and deleting webhooks.

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use crate::audit::Draft;
use crate::error::Error;
use crate::id::{OrganizationId, WebhookId};
use crate::idempotency::StoredResponse;
use crate::time::Timestamp;
use crate::webhook::{WEBHOOKS_MAX, Webhook};

use super::attribute::{number, text};
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, Written, record};

impl KeyStore {
    /// Writes a new webhook, and counts it. For `response`, see [`KeyStore::insert_key`].
    ///
    /// # Errors
    ///
    /// [`Error::WebhookLimitReached`]; [`Error::OrganizationDisabled`] if the organization is deleted or being
    /// deleted; [`Error::Busy`], [`Error::Store`].
    pub async fn create_webhook(
        &self,
        webhook: &Webhook,
        now: Timestamp,
        response: Option<&StoredResponse>,
    ) -> Result<Written, Error> {
        let organization = &webhook.organization;
        let parts = [
            (Part::Organization, self.count_webhook(organization)?),
            (Part::Webhook, self.put_new(record::webhook_item(webhook))?),
        ];
        let events = [Draft::webhook_created(webhook, now)];
        let mut unmet = match self.transact_with(&parts, &events, response, now).await? {
            Outcome::Written => return Ok(Written::Created),
            Outcome::Replayed(stored) => return Ok(Written::Replayed(stored)),
            Outcome::Refused(unmet) => unmet,
        };
        let organization = organization.clone();
        Err(match unmet.take(Part::Organization) {
            // The ID was taken.
            None => Error::Busy,
            Some(Some(found)) if !found.contains_key("deleting") => {
                Error::WebhookLimitReached { organization, limit: WEBHOOKS_MAX }
            }
            Some(_) => Error::OrganizationDisabled(organization),
        })
    }

    /// Returns the webhooks of an organization, oldest first, with consistent reads.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn webhooks(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vec<Webhook>, StoreError> {
        // There are at most as many as the limit allows, which fit in one page.
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(&record::webhook_partition(organization)))
            .expression_attribute_values(":prefix", text(record::WEBHOOK_PREFIX))
            .send()
            .await?;
        Ok(found.items().iter().map(record::webhook).collect::<Result<_, _>>()?)
    }

    /// Reads a webhook with a consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn webhook(
        &self,
        organization: &OrganizationId,
        id: &WebhookId,
    ) -> Result<Option<Webhook>, StoreError> {
        let item = self.item(record::webhook_key(organization, id)).await?;
        Ok(item.map(|item| record::webhook(&item)).transpose()?)
    }

    /// Deletes a webhook, and subtracts it from the count. Its deliveries remain until their time to live.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookNotFound`]; [`Error::OrganizationDisabled`] if the organization is being deleted;
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn delete_webhook(
        &self,
        organization: &OrganizationId,
        id: &WebhookId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(record::webhook_key(organization, id)))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(StoreError::from)?;
        let parts = [
            (Part::Webhook, TransactWriteItem::builder().delete(delete).build()),
            (Part::Organization, self.discount_webhook(organization)?),
        ];
        let events = [Draft::webhook_deleted(organization, id, now)];
        match self.transact(&parts, &events).await? {
            Outcome::Refused(unmet) if unmet.has(Part::Webhook) => {
                Err(Error::WebhookNotFound(id.clone()))
            }
            Outcome::Refused(_) => Err(Error::OrganizationDisabled(organization.clone())),
            _ => Ok(()),
        }
    }

    /// Deletes all webhooks of an organization that is being deleted, and then all deliveries.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn delete_webhooks(&self, organization: &OrganizationId) -> Result<(), Error> {
        // A delivery is created on condition that its webhook exists, so none can follow.
        for prefix in [record::WEBHOOK_PREFIX, record::DELIVERY_PREFIX] {
            while !self.delete_page(record::webhook_partition(organization), Some(prefix)).await? {}
        }
        Ok(())
    }

    /// Returns a transaction's update that adds one webhook to an organization, if permitted.
    fn count_webhook(&self, id: &OrganizationId) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET #count = if_not_exists(#count, :zero) + :one")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(deleting) \
                 AND (attribute_not_exists(#count) OR #count < :limit)",
            )
            .expression_attribute_names("#count", record::WEBHOOK_COUNT)
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(WEBHOOKS_MAX.into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns a transaction's update that subtracts one webhook from an organization.
    fn discount_webhook(&self, id: &OrganizationId) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::organization_key(id)))
            .update_expression("SET #count = #count - :one")
            // Nothing follows an organization's deletion in its chain of events.
            .condition_expression("#count >= :one AND attribute_not_exists(deleting)")
            .expression_attribute_names("#count", record::WEBHOOK_COUNT)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
