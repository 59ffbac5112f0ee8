//! Webhooks and deliveries.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::id::{OrganizationId, WebhookId};
use crate::store::CorruptItem;
use crate::store::attribute::{Item, Reader, put_number, put_text, text};
use crate::text::Description;
use crate::time::Timestamp;
use crate::webhook::{
    Delivery, DeliveryId, Disabled, EventTypes, LastAttempt, RETENTION, Webhook, WebhookUrl,
};

use super::primary_key;

/// The prefix of the partitions of webhooks. Each has an organization's webhooks and their deliveries.
const PARTITION_PREFIX: &str = "WEBHOOKS#";

/// The prefix of the sort keys of webhooks.
pub(in crate::store) const WEBHOOK_PREFIX: &str = "WEBHOOK#";

/// The prefix of the sort keys of deliveries.
pub(in crate::store) const DELIVERY_PREFIX: &str = "DELIVERY#";

/// The attribute of an organization that counts its webhooks; absent before the first one.
pub(in crate::store) const WEBHOOK_COUNT: &str = "webhooks";

/// The partition of an organization's webhooks.
pub(in crate::store) fn webhook_partition(organization: &OrganizationId) -> String {
    format!("{PARTITION_PREFIX}{organization}")
}

/// The primary key of a webhook.
pub(in crate::store) fn webhook_key(organization: &OrganizationId, id: &WebhookId) -> Item {
    primary_key(webhook_partition(organization), format!("{WEBHOOK_PREFIX}{id}"))
}

/// The primary key of a delivery.
pub(in crate::store) fn delivery_key(organization: &OrganizationId, id: &DeliveryId) -> Item {
    primary_key(webhook_partition(organization), format!("{DELIVERY_PREFIX}{id}"))
}

/// Returns the organization of a webhook or of a delivery.
fn organization(item: &Item) -> Result<OrganizationId, CorruptItem> {
    let partition: String = Reader(item).parse("pk")?;
    let id = partition.strip_prefix(PARTITION_PREFIX).and_then(|id| id.parse().ok());
    id.ok_or(CorruptItem { attribute: "pk" })
}

/// Returns the item of a webhook.
pub(in crate::store) fn webhook_item(webhook: &Webhook) -> Item {
    let mut item = webhook_key(&webhook.organization, &webhook.id);
    put_text(&mut item, "id", &webhook.id);
    put_text(&mut item, "url", &webhook.url);
    put_text(&mut item, "description", &webhook.description);
    let events = webhook.events.names().map(text).collect();
    item.insert("events".to_owned(), AttributeValue::L(events));
    put_time(&mut item, "created_at", Some(webhook.created_at));
    put_time(&mut item, "updated_at", Some(webhook.updated_at));
    put_time(&mut item, "failing_since", webhook.failing_since);
    put_time(&mut item, "trouble_at", webhook.trouble_at);
    if let Some(Disabled { at, reason }) = webhook.disabled {
        put_time(&mut item, "disabled_at", Some(at));
        put_text(&mut item, "disabled_reason", &reason.name());
    }
    item
}

pub(in crate::store) fn webhook(item: &Item) -> Result<Webhook, CorruptItem> {
    let reader = Reader(item);
    let disabled_at = reader.optional("disabled_at", Reader::timestamp)?;
    let disabled = |at| Ok(Disabled { at, reason: reader.parse("disabled_reason")? });
    Ok(Webhook {
        id: reader.parse("id")?,
        organization: organization(item)?,
        url: reader.text("url", WebhookUrl::local)?,
        description: reader.text("description", Description::stored)?,
        events: event_types(item)?,
        created_at: reader.timestamp("created_at")?,
        updated_at: reader.timestamp("updated_at")?,
        disabled: disabled_at.map(disabled).transpose()?,
        failing_since: reader.optional("failing_since", Reader::timestamp)?,
        trouble_at: reader.optional("trouble_at", Reader::timestamp)?,
    })
}

fn event_types(item: &Item) -> Result<EventTypes, CorruptItem> {
    let corrupt = CorruptItem { attribute: "events" };
    let list = item.get("events").and_then(|list| list.as_l().ok());
    let names = list.and_then(|list| list.iter().map(|name| name.as_s().ok().cloned()).collect());
    EventTypes::stored(names.ok_or(corrupt.clone())?).map_err(|_| corrupt)
}

/// Returns the item of a delivery.
pub(in crate::store) fn delivery_item(delivery: &Delivery) -> Item {
    let mut item = delivery_key(&delivery.organization, &delivery.id);
    put_text(&mut item, "id", &delivery.id);
    put_text(&mut item, "webhook", &delivery.webhook);
    put_text(&mut item, "event", &delivery.event);
    put_text(&mut item, "event_type", &delivery.event_type);
    put_text(&mut item, "resource_type", &delivery.resource_type);
    put_text(&mut item, "resource", &delivery.resource);
    put_text(&mut item, "target", &delivery.target);
    put_text(&mut item, "body", &delivery.body);
    put_text(&mut item, "status", &delivery.status.name());
    put_number(&mut item, "attempts", delivery.attempts.into());
    if let Some(status) = delivery.last.status {
        put_number(&mut item, "last_status", status.into());
    }
    if let Some(error) = &delivery.last.error {
        put_text(&mut item, "last_error", error);
    }
    if let Some(from) = &delivery.replayed_from {
        put_text(&mut item, "replayed_from", from);
    }
    for (attribute, time) in [
        ("created_at", Some(delivery.created_at)),
        ("updated_at", Some(delivery.updated_at)),
        ("next_attempt_at", delivery.next_attempt_at),
        ("delivered_at", delivery.delivered_at),
        ("discarded_at", delivery.discarded_at),
        ("replayed_at", delivery.replayed_at),
    ] {
        put_time(&mut item, attribute, time);
    }
    let ttl = delivery.created_at.saturating_add(RETENTION).as_seconds_ceil();
    put_number(&mut item, "ttl", ttl);
    item
}

pub(in crate::store) fn delivery(item: &Item) -> Result<Delivery, CorruptItem> {
    let reader = Reader(item);
    let time = |attribute| reader.optional(attribute, Reader::timestamp);
    Ok(Delivery {
        id: reader.parse("id")?,
        organization: organization(item)?,
        webhook: reader.parse("webhook")?,
        event: reader.parse("event")?,
        event_type: reader.parse("event_type")?,
        resource_type: reader.parse("resource_type")?,
        resource: reader.parse("resource")?,
        target: reader.text("target", WebhookUrl::local)?,
        body: reader.parse("body")?,
        status: reader.parse("status")?,
        attempts: reader.count("attempts")?,
        last: LastAttempt {
            status: reader.optional("last_status", Reader::count)?,
            error: reader.optional("last_error", Reader::parse)?,
        },
        created_at: reader.timestamp("created_at")?,
        updated_at: reader.timestamp("updated_at")?,
        next_attempt_at: time("next_attempt_at")?,
        delivered_at: time("delivered_at")?,
        discarded_at: time("discarded_at")?,
        replayed_at: time("replayed_at")?,
        replayed_from: reader.optional("replayed_from", Reader::parse)?,
    })
}

fn put_time(item: &mut Item, attribute: &str, time: Option<Timestamp>) {
    if let Some(time) = time {
        put_number(item, attribute, time.as_millis());
    }
}
