//! Recording the outcome of an attempt, in the delivery and in its webhook.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::time::Timestamp;
use crate::webhook::{Delivery, Health, Webhook};

use super::attribute::{number, text};
use super::deliveries::ENABLED;
use super::transaction::{Outcome, Part};
use super::{KeyStore, StoreError, record};

/// The attributes of a webhook that an attempt changes.
const HEALTH: &[&str] = &["failing_since", "trouble_at"];

/// Whether the outcome of an attempt was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Everything was written.
    Written,
    /// Nothing was written, because the delivery had changed.
    DeliveryChanged,
    /// Nothing was written, because the webhook had changed or was deleted.
    WebhookChanged,
    /// Nothing was written, because nothing may be noted in the webhook: its organization is being deleted.
    OrganizationDeleting,
}

impl KeyStore {
    /// Replaces a delivery by the version of it after an attempt at `now`, if it has not changed since it was read. With
    /// `health`, notes that in the webhook, too, if it has not changed either; all or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`].
    pub async fn record_attempt(
        &self,
        old: &Delivery,
        new: &Delivery,
        health: Option<(&Webhook, Health)>,
        now: Timestamp,
    ) -> Result<Recorded, Error> {
        let mut parts = vec![(Part::Delivery, self.replace_delivery(old, new)?)];
        let mut events = Vec::new();
        if let Some((webhook, health)) = health {
            parts.push((Part::Webhook, self.note_health(webhook, health, now)?));
            if let Health::GivenUp(reason) = health {
                let (organization, id) = (&webhook.organization, &webhook.id);
                events.push(Draft::webhook_disabled(organization, id, reason, now));
            }
        }
        Ok(match self.transact(&parts, &events).await? {
            Outcome::Refused(unmet) if unmet.has(Part::Delivery) => Recorded::DeliveryChanged,
            Outcome::Refused(unmet) if unmet.has(Part::Webhook) => Recorded::WebhookChanged,
            Outcome::Refused(_) => Recorded::OrganizationDeleting,
            _ => Recorded::Written,
        })
    }

    fn note_health(
        &self,
        webhook: &Webhook,
        health: Health,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = record::webhook_key(&webhook.organization, &webhook.id);
        let update = Update::builder().table_name(&self.table).set_key(Some(key));
        let update = match health {
            Health::Noted { failing_since, trouble_at } => {
                let (mut update, mut set, mut remove) = (update, Vec::new(), Vec::new());
                for (attribute, time) in HEALTH.iter().zip([failing_since, trouble_at]) {
                    let Some(time) = time else {
                        remove.push(*attribute);
                        continue;
                    };
                    set.push(format!("{attribute} = :{attribute}"));
                    let value = number(time.as_millis());
                    update = update.expression_attribute_values(format!(":{attribute}"), value);
                }
                let clause = |name, parts: String| match parts.as_str() {
                    "" => String::new(),
                    parts => format!("{name} {parts} "),
                };
                let (set, remove) = (set.join(", "), remove.join(", "));
                update.update_expression(clause("SET", set) + &clause("REMOVE", remove))
            }
            Health::GivenUp(reason) => update
                .update_expression(
                    "SET disabled_at = :now, disabled_reason = :reason, updated_at = :now",
                )
                .expression_attribute_values(":now", number(now.as_millis()))
                .expression_attribute_values(":reason", text(reason.name())),
        };
        let known = record::webhook_item(webhook);
        let update = record::require_attributes(update, ENABLED, known, HEALTH);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}
