//! Consistent lists of keys, accounts, and organizations, oldest first, in pages.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::account::ServiceAccount;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::key::Key;

use super::attribute::Item;
use super::record;
use super::{KeyStore, StoreError, StoredOrganization};

/// The maximum number of queries for a page that a filter leaves incomplete. With their growing sizes, they
/// read at least 3000 items.
const QUERIES_MAX: usize = 8;

/// The number of items that a filtered page reads beyond its limit, in place of those that the filter drops. Ten
/// keys are about one read unit, which another query would cost as well.
const READ_AHEAD: usize = 10;

/// The maximum number of items in one query, about 100 read units.
const QUERY_SIZE_MAX: usize = 1000;

/// The maximum number of keys in a `BatchGetItem` call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH_MAX: usize = 100;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, oldest first.
    pub items: Vec<T>,
    /// The ID after which the next page starts; `None` after the last page.
    pub next: Option<String>,
}

/// The keys that a list includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Every key that the table still has.
    All,
    /// Keys that were not revoked, for dialects that cannot express revocation.
    NotRevoked,
}

/// A query within one partition.
struct Query<'a> {
    partition: String,
    /// The prefix of the sort keys; the ID follows it.
    prefix: &'a str,
    filter: Option<&'a str>,
}

impl KeyStore {
    /// Returns at most `limit` keys of an account, starting after the key `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn keys(
        &self,
        account: &ServiceAccountId,
        listed: Listed,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Key>, StoreError> {
        let query = Query {
            partition: record::account_partition(account),
            prefix: record::KEY_PREFIX,
            filter: match listed {
                Listed::All => None,
                Listed::NotRevoked => Some("attribute_not_exists(revoked_at)"),
            },
        };
        let page = self.page(&query, limit, after).await?;
        let items = page.items.iter().map(record::key).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    /// Returns at most `limit` accounts of an organization, starting after the account `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn accounts(
        &self,
        organization: &OrganizationId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<ServiceAccount>, StoreError> {
        let query = Query {
            partition: record::organization_partition(organization),
            prefix: record::DIRECTORY_PREFIX,
            filter: Some("attribute_not_exists(deleting)"),
        };
        let page = self.page(&query, limit, after).await?;
        let ids =
            page.items.iter().map(record::directory_account).collect::<Result<Vec<_>, _>>()?;
        let mut found = HashMap::new();
        for ids in ids.chunks(BATCH_MAX) {
            for account in self.account_batch(ids).await? {
                found.insert(account.id.clone(), account);
            }
        }
        // An account that was deleted between the two reads is omitted.
        let items = ids.iter().filter_map(|id| found.remove(id)).collect();
        Ok(Page { items, next: page.next })
    }

    /// Returns a page of an organization's directory, including accounts that are being deleted.
    pub(super) async fn directory_page(
        &self,
        organization: &OrganizationId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Item>, StoreError> {
        let query = Query {
            partition: record::organization_partition(organization),
            prefix: record::DIRECTORY_PREFIX,
            filter: None,
        };
        self.page(&query, limit, after).await
    }

    /// Returns every organization by scanning the whole table. For operators only.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn organizations(&self) -> Result<Vec<StoredOrganization>, StoreError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("sk = :organization")
            .expression_attribute_values(
                ":organization",
                AttributeValue::S(record::ORGANIZATION.to_owned()),
            );
        let mut pages = scan.into_paginator().items().send();
        let mut organizations = Vec::new();
        while let Some(item) = pages.next().await {
            organizations.push(record::stored_organization(&item?)?);
        }
        let id = |stored: &StoredOrganization| stored.organization.id.to_string();
        organizations.sort_by_key(id);
        Ok(organizations)
    }

    async fn account_batch(
        &self,
        ids: &[ServiceAccountId],
    ) -> Result<Vec<ServiceAccount>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(record::account_key).collect();
        let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys));
        let items = self.batch(keys.build()?).await?;
        Ok(items.iter().map(record::account).collect::<Result<_, _>>()?)
    }

    /// Requests one item more than `limit`, so that `next` is set only if more items exist. While a filter leaves
    /// the page incomplete, queries double in size, because what it drops is often contiguous.
    async fn page(
        &self,
        query: &Query<'_>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Item>, StoreError> {
        let Query { partition, prefix, filter } = query;
        let mut items: Vec<Item> = Vec::new();
        let ahead = if filter.is_some() { READ_AHEAD } else { 0 };
        let mut size = limit.saturating_add(1 + ahead);
        let mut start =
            after.map(|id| record::primary_key(partition.clone(), format!("{prefix}{id}")));
        for _ in 0..QUERIES_MAX {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .set_filter_expression(filter.map(str::to_owned))
                .expression_attribute_values(":pk", AttributeValue::S(partition.clone()))
                .expression_attribute_values(":prefix", AttributeValue::S((*prefix).to_owned()))
                .limit(i32::try_from(size).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take());
            let answer = request.send().await?;
            size = size.saturating_mul(2).min(QUERY_SIZE_MAX.max(size));
            items.extend(answer.items.unwrap_or_default());
            if items.len() > limit {
                items.truncate(limit);
                let last = items.last().map(|item| record::id_after(item, prefix)).transpose()?;
                return Ok(Page { items, next: last });
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(Page { items, next: None });
            }
        }
        let next = start.map(|start| record::id_after(&start, prefix)).transpose()?;
        Ok(Page { items, next })
    }
}
