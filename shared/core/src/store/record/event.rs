//! Events of the audit trail.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::audit::{Actor, Chain, Change, Digest, Event, EventTime, Head, Origin, Resource, Value};
use crate::id::OrganizationId;
use crate::store::CorruptItem;
use crate::store::attribute::{Item, Reader, put_bytes, put_number, put_text, text};

use super::{
    ACCOUNT, ORGANIZATION, account_key, deployment_key, is_deployment, organization_key,
    primary_key,
};

/// The partition of the deployment's own trail. Those of organizations start with it, too.
const TRAIL: &str = "AUDIT";

/// The attribute of an item that has the head of a chain.
pub(in crate::store) const HEAD: &str = "audit_head";

/// The attribute of an organization whose ID had a trail before: the first time of its own.
pub(in crate::store) const FROM: &str = "audit_from";

/// The primary key of the item that has the head of a chain.
pub(in crate::store) fn chain_key(chain: &Chain) -> Item {
    match chain {
        Chain::Account(id) => account_key(id),
        Chain::Organization(id) => organization_key(id),
        Chain::Deployment => deployment_key(),
    }
}

/// Returns the chain whose head an item has, if it is an item that has one.
pub(in crate::store) fn chain_of(item: &Item) -> Option<Chain> {
    let reader = Reader(item);
    match item.get("sk")?.as_s().ok()?.as_str() {
        ACCOUNT => Some(Chain::Account(reader.parse("id").ok()?)),
        ORGANIZATION => Some(Chain::Organization(reader.parse("organization").ok()?)),
        _ => is_deployment(item).then_some(Chain::Deployment),
    }
}

/// The partition of a trail.
pub(in crate::store) fn trail_partition(trail: Option<&OrganizationId>) -> String {
    match trail {
        Some(organization) => format!("{TRAIL}#{organization}"),
        None => TRAIL.to_owned(),
    }
}

/// The sort key of an event. Keys of one length sort by time.
pub(in crate::store) fn event_sort_key(time: EventTime) -> String {
    format!("{:018}", time.as_micros())
}

/// Returns the item of an event.
pub(in crate::store) fn event_item(event: &Event) -> Item {
    let partition = trail_partition(event.trail.as_ref());
    let mut item = primary_key(partition, event_sort_key(event.time));
    put_text(&mut item, "chain", &event.chain);
    put_number(&mut item, "sequence", i64::try_from(event.sequence).unwrap_or(i64::MAX));
    put_bytes(&mut item, "previous", &event.previous.0);
    put_bytes(&mut item, "digest", &event.digest.0);
    put_text(&mut item, "action", &event.action);
    put_text(&mut item, "actor_type", &event.actor.kind);
    put_text(&mut item, "resource_type", &event.resource.kind);
    put_text(&mut item, "resource", &event.resource.id);
    for (attribute, value) in [
        ("actor", &event.actor.id),
        ("actor_key", &event.actor.key),
        ("account", &event.resource.account),
        ("request", &event.origin.request),
        ("source_ip", &event.origin.source_ip),
        ("user_agent", &event.origin.user_agent),
    ] {
        if let Some(value) = value {
            put_text(&mut item, attribute, value);
        }
    }
    for (attribute, value) in [("previous_ttl", event.previous_ttl), ("ttl", event.ttl)] {
        if let Some(value) = value {
            put_number(&mut item, attribute, value);
        }
    }
    if !event.changes.is_empty() {
        let changes =
            event.changes.iter().map(|(field, change)| (field.clone(), put_change(change)));
        item.insert("changes".to_owned(), AttributeValue::M(changes.collect()));
    }
    item
}

fn put_change(change: &Change) -> AttributeValue {
    let mut values = HashMap::new();
    for (name, value) in [("old", &change.old), ("new", &change.new)] {
        if let Some(value) = value {
            let value = match value {
                Value::Text(value) => text(value),
                Value::List(list) => AttributeValue::L(list.iter().map(text).collect()),
                Value::Flag(flag) => AttributeValue::Bool(*flag),
            };
            values.insert(name.to_owned(), value);
        }
    }
    AttributeValue::M(values)
}

pub(in crate::store) fn event(item: &Item) -> Result<Event, CorruptItem> {
    let reader = Reader(item);
    let optional = |attribute| reader.optional(attribute, Reader::parse::<String>);
    let digest = |attribute| -> Result<Digest, CorruptItem> {
        let bytes = reader.bytes(attribute)?.try_into();
        Ok(Digest(bytes.map_err(|_| CorruptItem { attribute })?))
    };
    Ok(Event {
        trail: trail(item)?,
        time: time(item)?,
        chain: reader.parse("chain")?,
        sequence: reader.count("sequence")?,
        previous: digest("previous")?,
        previous_ttl: reader.optional("previous_ttl", Reader::number)?,
        action: reader.parse("action")?,
        actor: Actor {
            kind: reader.parse("actor_type")?,
            id: optional("actor")?,
            key: optional("actor_key")?,
        },
        resource: Resource {
            kind: reader.parse("resource_type")?,
            id: reader.parse("resource")?,
            account: optional("account")?,
        },
        origin: Origin {
            request: optional("request")?,
            source_ip: optional("source_ip")?,
            user_agent: optional("user_agent")?,
        },
        changes: reader.optional("changes", changes)?.unwrap_or_default(),
        ttl: reader.optional("ttl", Reader::number)?,
        digest: digest("digest")?,
    })
}

fn trail(item: &Item) -> Result<Option<OrganizationId>, CorruptItem> {
    let corrupt = CorruptItem { attribute: "pk" };
    let partition: String = Reader(item).parse("pk")?;
    if partition == TRAIL {
        return Ok(None);
    }
    let id = partition.strip_prefix(TRAIL).and_then(|rest| rest.strip_prefix('#'));
    Ok(Some(id.and_then(|id| id.parse().ok()).ok_or(corrupt)?))
}

fn time(item: &Item) -> Result<EventTime, CorruptItem> {
    let micros = Reader(item).parse("sk")?;
    EventTime::from_micros(micros).ok_or(CorruptItem { attribute: "sk" })
}

fn changes(
    item: Reader<'_>,
    attribute: &'static str,
) -> Result<BTreeMap<String, Change>, CorruptItem> {
    let corrupt = CorruptItem { attribute };
    let fields = item.0.get(attribute).and_then(|value| value.as_m().ok()).ok_or(corrupt)?;
    let change = |(field, values): (&String, &AttributeValue)| {
        let values = values.as_m().ok()?;
        let read = |name| values.get(name).map(|value| read_value(value).ok_or(())).transpose();
        Some((field.clone(), Change { old: read("old").ok()?, new: read("new").ok()? }))
    };
    let changes = fields.iter().map(change).collect::<Option<_>>();
    changes.ok_or(CorruptItem { attribute })
}

fn read_value(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::S(text) => Value::Text(text.clone()),
        AttributeValue::Bool(flag) => Value::Flag(*flag),
        AttributeValue::L(list) => {
            let texts = list.iter().map(|text| text.as_s().ok().cloned());
            Value::List(texts.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Reads the head of the chain whose item this is; `None` before its first event.
pub(in crate::store) fn head(item: &Item) -> Result<Option<Head>, CorruptItem> {
    Reader(item).optional(HEAD, Reader::parse)
}
