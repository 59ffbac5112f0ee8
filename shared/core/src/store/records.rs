//! Reading a whole table in pages, and the same records of another table.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::account::ServiceAccount;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::key::Key;

use super::attribute::Item;
use super::{CorruptItem, KeyStore, StoreError, StoredOrganization, record};

/// The maximum number of keys in a `BatchGetItem` call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH_MAX: usize = 100;

/// A record that decides whether keys are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredRecord {
    /// An organization.
    Organization(StoredOrganization),
    /// A service account.
    Account(ServiceAccount),
    /// An account of an organization that is deleted, although some of its keys may remain.
    DeletingAccount(OrganizationId, ServiceAccountId),
    /// A key.
    Key(Key),
}

/// A page of a table's records, in no order.
#[derive(Debug)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<StoredRecord>,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<RecordPosition>,
}

/// Where a page of records starts.
#[derive(Clone, Debug)]
pub struct RecordPosition(Item);

/// Records of a table by their IDs.
#[derive(Debug, Default)]
pub struct FoundRecords {
    /// The organizations.
    pub organizations: HashMap<OrganizationId, StoredOrganization>,
    /// The service accounts, also those of the keys.
    pub accounts: HashMap<ServiceAccountId, ServiceAccount>,
    keys: HashMap<ServiceAccountId, HashMap<KeyId, Key>>,
}

impl FoundRecords {
    /// The version of `key` among these records.
    pub fn version_of(&self, key: &Key) -> Option<&Key> {
        self.keys.get(&key.spec.account)?.get(&key.id)
    }

    fn add(&mut self, record: StoredRecord) {
        match record {
            StoredRecord::Organization(found) => {
                self.organizations.insert(found.organization.id.clone(), found);
            }
            StoredRecord::Account(found) => {
                self.accounts.insert(found.id.clone(), found);
            }
            StoredRecord::Key(found) => {
                let keys = self.keys.entry(found.spec.account.clone()).or_default();
                keys.insert(found.id.clone(), found);
            }
            StoredRecord::DeletingAccount(..) => {}
        }
    }
}

impl KeyStore {
    /// Returns a page of the table's records by scanning it with consistent reads. For operators only.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also for a record that cannot be read.
    pub async fn records(&self, start: Option<RecordPosition>) -> Result<RecordPage, StoreError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let page = scan.set_exclusive_start_key(start.map(|start| start.0)).send().await?;
        let items = page.items.unwrap_or_default();
        let records = items.iter().filter_map(|item| record_of(item).transpose());
        let records = records.collect::<Result<_, _>>()?;
        Ok(RecordPage { records, next: page.last_evaluated_key.map(RecordPosition) })
    }

    /// Returns this table's versions of the records of another table, and the accounts of its keys, with
    /// consistent reads.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also for a record that cannot be read.
    pub async fn same_records(&self, of: &[StoredRecord]) -> Result<FoundRecords, StoreError> {
        let mut accounts = BTreeSet::new();
        let mut wanted = Vec::new();
        for record in of {
            match record {
                StoredRecord::Organization(found) => {
                    wanted.push(record::organization_key(&found.organization.id));
                }
                StoredRecord::Account(found) => {
                    accounts.insert(&found.id);
                }
                StoredRecord::DeletingAccount(_, id) => {
                    accounts.insert(id);
                }
                StoredRecord::Key(key) => {
                    wanted.push(record::key_key(&key.spec.account, &key.id));
                    if !key.spec.account.is_root() {
                        accounts.insert(&key.spec.account);
                    }
                }
            }
        }
        wanted.extend(accounts.into_iter().map(record::account_key));
        let mut found = FoundRecords::default();
        for wanted in wanted.chunks(BATCH_MAX) {
            let keys = KeysAndAttributes::builder()
                .consistent_read(true)
                .set_keys(Some(wanted.to_vec()))
                .build()?;
            for item in self.batch(keys).await? {
                if let Some(record) = record_of(&item)? {
                    found.add(record);
                }
            }
        }
        Ok(found)
    }
}

/// Reads an item; `None` if it does not decide whether keys are accepted, or is read on its own.
fn record_of(item: &Item) -> Result<Option<StoredRecord>, CorruptItem> {
    let sort_key = item.get("sk").and_then(|value| value.as_s().ok());
    let sort_key = sort_key.ok_or(CorruptItem { attribute: "sk" })?;
    Ok(Some(match sort_key.as_str() {
        record::ORGANIZATION => StoredRecord::Organization(record::stored_organization(item)?),
        record::ACCOUNT => StoredRecord::Account(record::account(item)?),
        key if key.starts_with(record::KEY_PREFIX) => StoredRecord::Key(record::key(item)?),
        entry if entry.starts_with(record::DIRECTORY_PREFIX) && item.contains_key("deleting") => {
            let organization = record::directory_organization(item)?;
            StoredRecord::DeletingAccount(organization, record::directory_account(item)?)
        }
        _ => return Ok(None),
    }))
}
