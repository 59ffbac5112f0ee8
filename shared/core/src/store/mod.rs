//! The key store: one DynamoDB table.
//!
//! There is no trait and no fake. Mistakes would be in the conditions and transactions, so the tests run this
//! code against an embedded DynamoDB.

mod account;
mod attribute;
pub mod client;
mod count_accounts;
mod create;
mod deployment;
pub mod environment;
mod error;
mod insert_key;
mod limit_key;
mod list;
mod organization;
mod read;
mod record;
mod record_use;
mod records;
mod recount;
mod revoke_key;
mod rotate_key;
mod transaction;
mod update_key;

use aws_sdk_dynamodb::Client;

pub use create::CreateError;
pub use deployment::Deployment;
pub use list::{Listed, Page};
pub use organization::{DirectoryEntry, StoredOrganization};
pub use read::Lookup;
pub use record_use::Use;
pub use records::{FoundRecords, RecordPage, RecordPosition, StoredRecord};
pub use revoke_key::Revocation;

pub use crate::error::{CorruptItem, StoreError};

use crate::idempotency::StoredResponse;

/// The store of organizations, service accounts, and keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    client: Client,
    table: String,
}

/// The result of a write.
#[derive(Debug)]
pub enum Written {
    /// The record was written.
    Created,
    /// Nothing was written: the request is a repeat, and this is its response.
    Replayed(StoredResponse),
}

impl KeyStore {
    /// Creates a store that uses `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}
