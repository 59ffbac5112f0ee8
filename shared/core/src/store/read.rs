//! Reads for authentication, and reads of single records.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::account::{Organization, ServiceAccount};
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::idempotency::StoredResponse;
use crate::key::Key;
use crate::time::Timestamp;

use super::attribute::Item;
use super::{KeyStore, StoreError, record};

/// The table's records for a token.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The account that the token names; `None` for root keys.
    pub account: Option<ServiceAccount>,
    /// The key that the token names.
    pub key: Option<Key>,
}

/// The maximum number of attempts of a batch read, which is repeated for items that DynamoDB leaves out.
const BATCH_ATTEMPTS_MAX: u32 = 4;
const BATCH_BACKOFF: Duration = Duration::from_millis(20);

impl KeyStore {
    /// Reads an account and one of its keys in one round trip.
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
        let keys = lookup_keys(account, key).collect();
        let keys = KeysAndAttributes::builder().consistent_read(consistent).set_keys(Some(keys));
        let keys = keys.build()?;
        self.sort(self.batch(keys).await?, consistent)
    }

    /// Reads several items, and requests those again that DynamoDB leaves out.
    pub(super) async fn batch(
        &self,
        mut pending: KeysAndAttributes,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        for attempt in 0..BATCH_ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(BATCH_BACKOFF * attempt).await;
            }
            let request = self.client.batch_get_item().request_items(&self.table, pending);
            let answer = request.send().await?;
            let found = answer.responses.and_then(|mut tables| tables.remove(&self.table));
            items.extend(found.unwrap_or_default());
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            match left.filter(|left| !left.keys.is_empty()) {
                Some(left) => pending = left,
                None => return Ok(items),
            }
        }
        Err(StoreError::unavailable("DynamoDB repeatedly returned incomplete batches"))
    }

    /// Reads an account of any organization with a consistent read. For operators only.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn any_account(
        &self,
        id: &ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        let item = self.item(record::account_key(id)).await?;
        Ok(item.map(|item| record::account(&item)).transpose()?)
    }

    /// Reads an account of `organization` with a consistent read. Accounts of other organizations count as
    /// missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn account(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        let account = self.any_account(id).await?;
        Ok(account.filter(|account| account.organization == *organization))
    }

    /// Returns whether an organization's directory lists an account, even one that is being deleted.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn is_listed(
        &self,
        organization: &OrganizationId,
        id: &ServiceAccountId,
    ) -> Result<bool, StoreError> {
        Ok(self.item(record::directory_key(organization, id)).await?.is_some())
    }

    /// Reads an organization with a consistent read.
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

    /// Reads the response stored under `id` with a consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stored_response(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let item = self.item(record::response_key(id)).await?;
        let response = item.map(|item| record::response(&item)).transpose()?;
        Ok(response.filter(|response| response.expires_at > now))
    }

    /// Distinguishes the account's item from the key's by the sort key, because a batch returns items in any
    /// order. If the read was `consistent`, remembers the head of the account's chain for a change.
    pub(super) fn sort(&self, items: Vec<Item>, consistent: bool) -> Result<Lookup, StoreError> {
        let mut lookup = Lookup { account: None, key: None };
        for item in items {
            let sort_key = item.get("sk").and_then(|value| value.as_s().ok());
            let sort_key = sort_key.ok_or_else(|| StoreError::corrupt("sk"))?;
            if sort_key == record::ACCOUNT {
                if consistent {
                    self.trail.saw(&item);
                }
                lookup.account = Some(record::account(&item)?);
            } else {
                lookup.key = Some(record::key(&item)?);
            }
        }
        Ok(lookup)
    }

    pub(super) async fn item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key));
        let item = request.consistent_read(true).send().await?.item;
        Ok(item.inspect(|item| self.trail.saw(item)))
    }
}

/// Returns the primary keys of a key and its account. Root keys have no account.
pub(super) fn lookup_keys(
    account: &ServiceAccountId,
    key: &KeyId,
) -> impl Iterator<Item = Item> + use<> {
    let account_key = (!account.is_root()).then(|| record::account_key(account));
    [record::key_key(account, key)].into_iter().chain(account_key)
}
