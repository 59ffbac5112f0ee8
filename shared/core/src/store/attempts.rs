//! Recording the outcome of an attempt, in the delivery and in its webhook.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::time::Timestamp;
use crate::webhook::{Delivery, DisableReason, Webhook};

use super::attribute::{number, text};
use super::deliveries::ENABLED;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, record};

/// What an attempt says about its webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has been failing since this attempt.
    Failing,
    /// It has been failing since then, and this attempt succeeded.
    Recovered(Timestamp),
    /// It is given up.
    GivenUp(DisableReason),
}

impl KeyStore {
    /// Replaces a delivery by the version of it after an attempt at `now`, if it has not changed since it was read, and
    /// notes in its webhook what the attempt says about it, all or nothing. If the webhook is deleted, or says so
    /// already, writes only the delivery. Returns whether the delivery had not changed.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn record_attempt(
        &self,
        old: &Delivery,
        new: &Delivery,
        webhook: &Webhook,
        health: Option<Health>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(health) = health else { return self.update_delivery(old, new).await };
        let (organization, id) = (&webhook.organization, &webhook.id);
        let events = match health {
            Health::GivenUp(reason) => {
                vec![Draft::webhook_disabled(organization, id, reason, now)]
            }
            Health::Failing | Health::Recovered(_) => Vec::new(),
        };
        let parts = [
            (Part::Delivery, self.replace_delivery(old, new)?),
            (Part::Webhook, self.note_health(webhook, health, now)?),
        ];
        match self.transact(&parts, &events).await? {
            Outcome::Refused(unmet) if unmet.has(Part::Delivery) => Ok(false),
            Outcome::Refused(_) => self.update_delivery(old, new).await,
            _ => Ok(true),
        }
    }

    fn note_health(
        &self,
        webhook: &Webhook,
        health: Health,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = record::webhook_key(&webhook.organization, &webhook.id);
        let update = Update::builder().table_name(&self.table).set_key(Some(key));
        let now = number(now.as_millis());
        let update = match health {
            Health::Failing => update
                .update_expression("SET failing_since = :now")
                .condition_expression(
                    "attribute_exists(pk) AND attribute_not_exists(failing_since)",
                )
                .expression_attribute_values(":now", now),
            // Not a later failure, of which this attempt knows nothing.
            Health::Recovered(since) => update
                .update_expression("REMOVE failing_since")
                .condition_expression("failing_since = :since")
                .expression_attribute_values(":since", number(since.as_millis())),
            Health::GivenUp(reason) => update
                .update_expression(
                    "SET disabled_at = :now, disabled_reason = :reason, updated_at = :now",
                )
                .condition_expression(ENABLED)
                .expression_attribute_values(":now", now)
                .expression_attribute_values(":reason", text(reason.name())),
        };
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}
