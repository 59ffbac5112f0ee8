//! The key store: one DynamoDB table.
//!
//! There is no trait and no fake: conditions and transactions are where the mistakes would be,
//! so tests use this very code against an embedded DynamoDB.

mod account;
mod attribute;
pub mod client;
mod count_accounts;
mod create;
mod deployment;
pub mod environment;
mod error;
mod insert_key;
mod list;
mod organization;
mod read;
mod record;
mod record_use;
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
pub use revoke_key::Revocation;

pub use crate::error::{CorruptItem, StoreError};

use crate::idempotency::StoredResponse;

/// The store of organizations, service accounts and keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    client: Client,
    table: String,
}

/// What became of what was to be written.
#[derive(Debug)]
pub enum Written {
    /// It was written.
    Created,
    /// It was not: the request came before, and this is its response.
    Replayed(StoredResponse),
}

impl KeyStore {
    /// The store in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}
