//! Reading the audit trail.

use std::collections::HashMap;

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::audit::{Chain, Event, EventTime, Head};
use crate::id::OrganizationId;

use super::attribute::Item;
use super::{CorruptItem, KeyStore, StoreError, record};

/// A range of times. The default is all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventRange {
    /// Only events at this time or later.
    pub since: Option<EventTime>,
    /// Only events before this time.
    pub before: Option<EventTime>,
}

/// The order of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the newest to the oldest.
    NewestFirst,
    /// From the oldest to the newest.
    OldestFirst,
}

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Whether the range has no event beyond these.
    pub complete: bool,
}

/// Reads an item of a trail that did not come from a query, such as one in the table's stream.
///
/// # Errors
///
/// Names the attribute that is missing or malformed.
pub fn read_event(item: &HashMap<String, AttributeValue>) -> Result<Event, CorruptItem> {
    record::event(item)
}

/// How far apart two clocks may be: each by five minutes, which AWS request signatures tolerate.
const CLOCKS_APART: Duration = Duration::from_secs(10 * 60);

/// The maximum number of keys in a `BatchGetItem` call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH_MAX: usize = 100;

impl KeyStore {
    /// Returns events of a trail in `order`, by one consistent read: at most `limit`, and at most 1 MB. `None` is the
    /// deployment's own trail. The next page is the rest of the range, beyond the last event of this one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also for an event that cannot be read.
    pub async fn events(
        &self,
        trail: Option<&OrganizationId>,
        range: &EventRange,
        order: Order,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let nothing = EventPage { events: Vec::new(), complete: true };
        let mut condition = "pk = :pk".to_owned();
        let partition = AttributeValue::S(record::trail_partition(trail));
        let mut query = self.client.query().expression_attribute_values(":pk", partition);
        // Bounds are inclusive in DynamoDB, and a key has one condition.
        let since = range.since.map(record::event_sort_key);
        let until = match range.before.map(EventTime::previous) {
            Some(None) => return Ok(nothing),
            until => until.flatten().map(record::event_sort_key),
        };
        match (&since, &until) {
            (None, None) => {}
            (Some(_), None) => condition.push_str(" AND sk >= :since"),
            (None, Some(_)) => condition.push_str(" AND sk <= :until"),
            (Some(since), Some(until)) if since > until => return Ok(nothing),
            (Some(_), Some(_)) => condition.push_str(" AND sk BETWEEN :since AND :until"),
        }
        for (placeholder, value) in [(":since", since), (":until", until)] {
            if let Some(value) = value {
                query = query.expression_attribute_values(placeholder, AttributeValue::S(value));
            }
        }
        let page = query
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(order == Order::OldestFirst)
            .key_condition_expression(condition)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        let events = page.items.unwrap_or_default();
        let events = events.iter().map(record::event).collect::<Result<_, _>>()?;
        Ok(EventPage { events, complete: page.last_evaluated_key.is_none() })
    }

    /// Returns when the own trail of an organization starts at the earliest: after the trail of an organization that
    /// had its ID before. `None` if there is no such organization.
    ///
    /// An organization that an earlier version created has no note of that. Its events are at its creation or later,
    /// but for clocks that differ.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn trail_start(&self, id: &OrganizationId) -> Result<Option<EventTime>, StoreError> {
        let Some(item) = self.item(record::organization_key(id)).await? else { return Ok(None) };
        let created_at = record::organization(&item)?.created_at.saturating_sub(CLOCKS_APART);
        let created_at = EventTime::from(created_at);
        Ok(Some(record::trail_start(&item)?.map_or(created_at, |start| start.max(created_at))))
    }

    /// Returns the heads of the chains of a trail, as the items have them, by the names of the chains. `None` is the
    /// deployment's own trail. Reads every account of the organization.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn heads(
        &self,
        trail: Option<&OrganizationId>,
    ) -> Result<Vec<(String, Head)>, StoreError> {
        let Some(id) = trail else {
            return Ok(self.head(&Chain::Deployment).await?.into_iter().collect());
        };
        let mut heads: Vec<_> =
            self.head(&Chain::Organization(id.clone())).await?.into_iter().collect();
        let mut after = None;
        loop {
            let page = self.directory(id, BATCH_MAX, after.as_deref()).await?;
            let keys = page.items.iter().map(|entry| record::account_key(&entry.account));
            let keys: Vec<_> = keys.collect();
            if !keys.is_empty() {
                let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys));
                for item in self.batch(keys.build()?).await? {
                    let account = record::account(&item)?.id;
                    heads.extend(record::head(&item)?.map(|head| (account.to_string(), head)));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(heads);
            }
        }
    }

    /// Returns the name and the head of a chain, as its item has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn head(&self, chain: &Chain) -> Result<Option<(String, Head)>, StoreError> {
        let item = self.chain_item(chain).await?;
        let head = item.map(|item| record::head(&item)).transpose()?.flatten();
        Ok(head.map(|head| (chain.name().to_owned(), head)))
    }

    async fn chain_item(&self, chain: &Chain) -> Result<Option<Item>, StoreError> {
        self.item(record::chain_key(chain)).await
    }
}
