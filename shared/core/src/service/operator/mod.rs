//! Operations for an operator who has direct access to the table and presents no key.
//!
//! An operator belongs to no organization, so each function reads the organization from the account.

mod accounts;
mod audit;
mod descendants;
mod keys;
mod organization_end;
mod organization_status;
mod organizations;
pub mod restore;
mod rotate;
mod status;
mod webhooks;

pub use accounts::{
    account, accounts, accounts_being_deleted, create_account, delete_account, set_account_disabled,
};
pub use audit::{TrailCheck, check_trail, events, key_trail, trails, verify_trail};
pub use descendants::{Origin, Owner, Relative, RevokedTree, owner, revoke_tree, tree};
pub use keys::{
    FoundKey, MintSpec, create_root_key, key, keys, mint_key, revoke_key, warning_rules,
};
pub use organization_end::{delete_organization, set_organization_disabled};
pub use organization_status::{FoundOrganization, OrganizationStatus, organization};
pub use organizations::{
    Bootstrap, bootstrap, count_organizations, generate_bootstrap, organizations, write_bootstrap,
};
pub use rotate::{Rotated, rotate_key};
pub use status::{KeyFilter, KeyStatus};
pub use webhooks::{delete_webhook, webhook, webhooks};

use crate::error::Error;
use crate::id::{KeyId, OrganizationId};
use crate::store::{CreateError, StoreError};

/// The page size for reading lists.
const PAGE: usize = 100;

/// The reason an operator's command failed. Unless stated otherwise, nothing was written,
/// except perhaps after [`StoreError::Unavailable`].
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// An organization with this ID already exists.
    #[error("organization `{0}` already exists")]
    OrganizationExists(OrganizationId),
    /// No organization has this ID.
    #[error("organization `{0}` does not exist")]
    OrganizationNotFound(OrganizationId),
    /// The organization is disabled: its keys do not work, and none can be created.
    #[error("organization `{0}` is disabled")]
    OrganizationDisabled(OrganizationId),
    /// The organization is being deleted: nothing can be added to it, and its ID is not free yet.
    #[error("organization `{0}` is being deleted")]
    OrganizationDeleting(OrganizationId),
    /// The account ID of root keys was given for a service account.
    #[error("`ROOT` is not a service account; it owns the root keys")]
    RootAccount,
    /// A root key cannot be rotated.
    #[error("a root key cannot be rotated")]
    RootKey,
    /// New descendants of a revoked key kept appearing while they were being revoked.
    #[error(
        "key `{0}` is revoked, but new descendants of it kept appearing; run the same command again"
    )]
    DescendantsLeft(KeyId),
    /// The service's rules rejected the request, or the store failed.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CreateError> for OperatorError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::OrganizationExists(id) => Self::OrganizationExists(id),
            CreateError::OrganizationNotFound(id) => Self::OrganizationNotFound(id),
            CreateError::OrganizationDeleting(id) => Self::OrganizationDeleting(id),
            CreateError::Failed(error) => Self::Failed(error),
        }
    }
}
