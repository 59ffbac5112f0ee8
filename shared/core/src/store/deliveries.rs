//! Creating, reading, and changing deliveries.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};

use crate::error::Error;
use crate::id::{OrganizationId, WebhookId};
use crate::webhook::{Delivery, DeliveryId};

use super::attribute::{number, text};
use super::transaction::{Outcome, Part};
use super::{KeyStore, Page, StoreError, record};

/// The condition that a webhook exists and is not disabled.
pub(super) const ENABLED: &str = "attribute_exists(pk) AND attribute_not_exists(disabled_at)";

impl KeyStore {
    /// Writes a new delivery, on condition that its webhook exists and is not disabled. Returns `false` if it does
    /// not, or if the delivery exists already; then this writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn create_delivery(&self, delivery: &Delivery) -> Result<bool, Error> {
        let parts = [
            (Part::Webhook, self.check_enabled(&delivery.organization, &delivery.webhook)?),
            (Part::NewDelivery, self.put_new(record::delivery_item(delivery))?),
        ];
        let outcome = self.transact(&parts, &[]).await?;
        Ok(!matches!(outcome, Outcome::Refused(_)))
    }

    /// Reads a delivery with a consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn delivery(
        &self,
        organization: &OrganizationId,
        id: &DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let item = self.item(record::delivery_key(organization, id)).await?;
        Ok(item.map(|item| record::delivery(&item)).transpose()?)
    }

    /// Returns at most `limit` deliveries of an organization, newest first, starting after the delivery `after`, by one
    /// consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn deliveries(
        &self,
        organization: &OrganizationId,
        limit: usize,
        after: Option<&DeliveryId>,
    ) -> Result<Page<Delivery>, StoreError> {
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(&record::webhook_partition(organization)))
            .expression_attribute_values(":prefix", text(record::DELIVERY_PREFIX))
            .set_exclusive_start_key(after.map(|id| record::delivery_key(organization, id)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        let items: Vec<Delivery> =
            found.items().iter().map(record::delivery).collect::<Result<_, _>>()?;
        let last = found.last_evaluated_key.as_ref();
        let next = last.map(|last| record::id_after(last, record::DELIVERY_PREFIX)).transpose()?;
        Ok(Page { items, next })
    }

    /// Replaces a delivery by a later version of it, if it has not changed since it was read. Returns whether it had
    /// not.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn update_delivery(&self, old: &Delivery, new: &Delivery) -> Result<bool, Error> {
        let parts = [(Part::Delivery, self.replace_delivery(old, new)?)];
        let outcome = self.transact(&parts, &[]).await?;
        Ok(!matches!(outcome, Outcome::Refused(_)))
    }

    /// Writes the delivery `new`, which repeats `old`, and marks `old` as repeated, on condition that its webhook exists
    /// and is not disabled.
    ///
    /// # Errors
    ///
    /// [`Error::WebhookDisabled`], [`Error::Busy`], [`Error::Store`].
    pub async fn replay_delivery(&self, old: &Delivery, new: &Delivery) -> Result<(), Error> {
        let at = new.created_at;
        let marked = Delivery { replayed_at: Some(at), updated_at: at, ..old.clone() };
        let parts = [
            (Part::Webhook, self.check_enabled(&new.organization, &new.webhook)?),
            (Part::Delivery, self.replace_delivery(old, &marked)?),
            (Part::NewDelivery, self.put_new(record::delivery_item(new))?),
        ];
        match self.transact(&parts, &[]).await? {
            Outcome::Refused(unmet) if unmet.has(Part::Webhook) => {
                Err(Error::WebhookDisabled(new.webhook.clone()))
            }
            // It changed since it was read, or the ID was taken.
            Outcome::Refused(_) => Err(Error::Busy),
            _ => Ok(()),
        }
    }

    /// Returns a transaction's check that a webhook exists and is not disabled.
    fn check_enabled(
        &self,
        organization: &OrganizationId,
        id: &WebhookId,
    ) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(record::webhook_key(organization, id)))
            .condition_expression(ENABLED)
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Returns a transaction's put of `new`, on condition that the table has `old`. No delivery returns to an earlier
    /// state, so an attempt that arrives late has no effect.
    pub(super) fn replace_delivery(
        &self,
        old: &Delivery,
        new: &Delivery,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(record::delivery_item(new)))
            .condition_expression(
                "#status = :status AND attempts = :attempts AND updated_at = :updated_at",
            )
            // A reserved word.
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(old.status.name()))
            .expression_attribute_values(":attempts", number(old.attempts.into()))
            .expression_attribute_values(":updated_at", number(old.updated_at.as_millis()))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
