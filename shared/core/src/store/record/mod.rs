//! Items: the records in the table. Both conversions of each record are side by side.

mod account;
mod event;
mod key;
mod organization;
mod response;
mod webhook;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;

use crate::id::{KeyId, ServiceAccountId};

use super::CorruptItem;
use super::attribute::{Item, Reader};

pub(in crate::store) use account::{
    Counted, KeyCount, account, account_item, counted_key, key_count, key_ids,
};
pub(in crate::store) use event::{
    HEAD, chain_key, chain_of, event, event_item, event_sort_key, head, trail_partition,
};
pub(in crate::store) use key::{
    REVIEW, REVIEW_SHARDS, Reviewed, key, key_item, name, require_same, review_shard, reviewed,
    scopes,
};
pub(in crate::store) use organization::{
    deployment, deployment_key, directory_account, directory_item, directory_key,
    directory_organization, is_deployment, organization, organization_item, organization_key,
    organization_partition, stored_organization, trail_start,
};
pub(in crate::store) use response::{response, response_item, response_key};
pub(in crate::store) use webhook::{
    DELIVERY_PREFIX, WEBHOOK_COUNT, WEBHOOK_PREFIX, delivery, delivery_item, delivery_key, webhook,
    webhook_item, webhook_key, webhook_partition,
};

/// The sort key of an account's own item.
pub(in crate::store) const ACCOUNT: &str = "ACCOUNT";

/// The prefix of the sort keys of an account's keys.
pub(in crate::store) const KEY_PREFIX: &str = "KEY#";

/// The sort key of an organization's own item.
pub(in crate::store) const ORGANIZATION: &str = "ORG";

/// The prefix of the sort keys of an organization's directory entries.
pub(in crate::store) const DIRECTORY_PREFIX: &str = "ACCOUNT#";

/// Returns the ID after the prefix of an item's sort key.
pub(in crate::store) fn id_after(item: &Item, prefix: &str) -> Result<String, CorruptItem> {
    let sort_key: String = Reader(item).parse("sk")?;
    let id = sort_key.strip_prefix(prefix).ok_or(CorruptItem { attribute: "sk" })?;
    Ok(id.to_owned())
}

/// The primary key of an account.
pub(in crate::store) fn account_key(id: &ServiceAccountId) -> Item {
    primary_key(account_partition(id), ACCOUNT.to_owned())
}

/// The primary key of a key.
pub(in crate::store) fn key_key(account: &ServiceAccountId, id: &KeyId) -> Item {
    primary_key(account_partition(account), key_sort_key(id.as_ref()))
}

/// The sort key of a key.
pub(in crate::store) fn key_sort_key(id: &str) -> String {
    format!("{KEY_PREFIX}{id}")
}

/// Returns the ID of a key from its sort key.
pub(in crate::store) fn key_id(item: &Item) -> Result<KeyId, CorruptItem> {
    id_after(item, KEY_PREFIX)?.parse().map_err(|_| CorruptItem { attribute: "sk" })
}

/// The partition of an account and all of its keys.
pub(in crate::store) fn account_partition(id: &ServiceAccountId) -> String {
    format!("ACCOUNT#{id}")
}

/// Makes an update conditional on `condition`, and on an item that still has these attributes as `known` has them.
pub(in crate::store) fn require_attributes(
    mut update: UpdateBuilder,
    condition: &str,
    mut known: Item,
    attributes: &[&str],
) -> UpdateBuilder {
    let mut condition = condition.to_owned();
    for attribute in attributes {
        // Some names are reserved words.
        let alias = format!("#known_{attribute}");
        match known.remove(*attribute) {
            Some(value) => {
                condition.push_str(&format!(" AND {alias} = :known_{attribute}"));
                update = update.expression_attribute_values(format!(":known_{attribute}"), value);
            }
            None => condition.push_str(&format!(" AND attribute_not_exists({alias})")),
        }
        update = update.expression_attribute_names(alias, *attribute);
    }
    update.condition_expression(condition)
}

pub(in crate::store) fn primary_key(partition: String, sort: String) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::S(sort)),
    ])
}
