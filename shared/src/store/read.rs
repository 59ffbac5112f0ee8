//! Reads: what authenticating takes, and single records.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::account::{Organization, ServiceAccount};
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::idempotency::SealedAnswer;
use crate::key::Key;
use crate::time::Timestamp;

use super::{KeyStore, StoreError, record};

/// What the table knows of a token's account and key.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The account that the token names; root keys have none.
    pub account: Option<ServiceAccount>,
    /// The key that the token names.
    pub key: Option<Key>,
}

/// How often a read is sent again for what DynamoDB left out of its answer.
const BATCH_ATTEMPTS_MAX: u32 = 4;
const BATCH_BACKOFF: Duration = Duration::from_millis(20);

impl KeyStore {
    /// Reads an account and one of its keys, in one round trip.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn lookup(
        &self,
        account: &ServiceAccountId,
        key: &KeyId,
        consistent: bool,
    ) -> Result<Lookup, StoreError> {
        let mut keys = KeysAndAttributes::builder()
            .consistent_read(consistent)
            .keys(record::key_key(account, key));
        if !account.is_root() {
            keys = keys.keys(record::account_key(account));
        }
        let mut pending = keys.build().map_err(|error| StoreError::Refused(error.into()))?;
        let mut items = Vec::new();
        for attempt in 0..BATCH_ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(BATCH_BACKOFF * attempt).await;
            }
            let request = self.client.batch_get_item().request_items(&self.table, pending.clone());
            let answer = request.send().await?;
            items.extend(answer.responses.and_then(|mut tables| tables.remove(&self.table)));
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            match left.filter(|left| !left.keys.is_empty()) {
                Some(left) => pending = left,
                None => return sort(items.into_iter().flatten()),
            }
        }
        Err(StoreError::unavailable("DynamoDB kept leaving items out of a batch"))
    }

    /// Reads an account of `organization`, consistently. Another organization's does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn account(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        let item = self.item(record::account_key(id)).await?;
        let account = item.map(|item| record::account(&item)).transpose()?;
        Ok(account.filter(|account| account.organization == *organization))
    }

    /// Reads an organization, consistently.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let item = self.item(record::organization_key(id)).await?;
        Ok(item.map(|item| record::organization(&item)).transpose()?)
    }

    /// Reads the answer that is kept under `id`, consistently.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn answer(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<SealedAnswer>, StoreError> {
        let item = self.item(record::answer_key(id)).await?;
        let answer = item.map(|item| record::answer(&item)).transpose()?;
        Ok(answer.filter(|answer| answer.expires_at > now))
    }

    async fn item(&self, key: record::Item) -> Result<Option<record::Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key));
        Ok(request.consistent_read(true).send().await?.item)
    }
}

/// Tells the account's item from the key's by the sort key: a batch answers in any order.
fn sort(items: impl Iterator<Item = record::Item>) -> Result<Lookup, StoreError> {
    let mut lookup = Lookup { account: None, key: None };
    for item in items {
        let sort_key = item.get("sk").and_then(|value| value.as_s().ok());
        let sort_key = sort_key.ok_or_else(|| StoreError::corrupt("sk"))?;
        if sort_key == record::ACCOUNT {
            lookup.account = Some(record::account(&item)?);
        } else {
            lookup.key = Some(record::key(&item)?);
        }
    }
    Ok(lookup)
}
