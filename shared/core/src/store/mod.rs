//! The key store: one DynamoDB table.
//!
//! There is no trait and no fake. Mistakes would be in the conditions and transactions, so the tests run this
//! code against an embedded DynamoDB.

mod account;
mod attempts;
mod attribute;
pub mod client;
mod count_accounts;
mod create;
mod deliveries;
mod deployment;
pub mod environment;
mod error;
mod events;
mod insert_key;
mod limit_key;
mod list;
mod organization;
mod read;
mod record;
mod record_use;
mod records;
mod recount;
mod reviews;
mod revoke_key;
mod rotate_key;
mod trail;
mod trails;
mod transaction;
mod update_key;
mod webhooks;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

use crate::audit::{AuditPolicy, Author};

pub use attempts::Recorded;
pub use create::CreateError;
pub use deployment::Deployment;
pub use events::{EventPage, EventRange, Order, read_event};
pub use list::{Listed, Page};
pub use organization::{DirectoryEntry, StoredOrganization};
pub use read::Lookup;
pub use record_use::Use;
pub use records::{FoundRecords, RecordPage, RecordPosition, StoredRecord};
pub use reviews::{DueKey, DuePage, Planned, ReviewWalk, WalkPosition};
pub use revoke_key::Revocation;

pub use crate::error::{CorruptItem, StoreError};

use crate::idempotency::StoredResponse;

/// The store of organizations, service accounts, keys, and the trail of their changes.
#[derive(Clone, Debug)]
pub struct KeyStore {
    client: Client,
    table: String,
    trail: Arc<trail::Trail>,
    author: Arc<Author>,
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
    /// Creates a store that uses `table`. It records changes as those of an operator, with the default
    /// [`AuditPolicy`].
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), trail: Arc::default(), author: Arc::default() }
    }

    /// Sets the rules of the audit trail.
    #[must_use]
    pub fn with_audit(self, policy: AuditPolicy) -> Self {
        Self { trail: Arc::new(trail::Trail::new(policy)), ..self }
    }

    /// Returns the same store for changes by `author`.
    #[must_use]
    pub fn by(&self, author: Author) -> Self {
        Self { author: Arc::new(author), ..self.clone() }
    }
}
