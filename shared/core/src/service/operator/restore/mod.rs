//! Comparing a table that was restored from a backup with the current one, and restricting it accordingly.
//!
//! A backup has keys that were revoked since, accounts that were disabled or deleted since, and wider limits. The
//! comparison reads both tables as a whole, because a record that is missing in a directory must not be missed.
//! What follows from it only ever restricts the restored table.

mod apply;
mod compare;

use std::collections::HashSet;

use crate::account::{Organization, ServiceAccount};
use crate::id::{OrganizationId, ServiceAccountId};
use crate::key::Key;
use crate::time::Timestamp;

pub use apply::{apply, copy_key};
pub use compare::compare;

/// What to consider in a comparison.
#[derive(Clone, Debug, Default)]
pub struct ComparisonScope {
    /// The organizations whose accounts and keys stay in the restored table although the current one lacks them.
    pub kept_organizations: HashSet<OrganizationId>,
    /// The accounts that stay in the restored table, and whose keys do, although the current one lacks them.
    pub kept_accounts: HashSet<ServiceAccountId>,
    /// The time of the backup. What is newer was created in the restored table itself, so that the current table
    /// need not have it. `None` if the restored table was not in use yet.
    pub backup_time: Option<Timestamp>,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What the restored table allows and the current one does not, in the order in which to end it.
    pub differences: Vec<Difference>,
    /// What the current table has or allows and the restored one does not.
    pub lost: Vec<Lost>,
}

/// Something that the restored table allows and the current one does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The organization was deleted.
    DeletedOrganization(OrganizationId),
    /// The organization was disabled.
    DisabledOrganization(OrganizationId),
    /// The account was deleted.
    DeletedAccount(OrganizationId, ServiceAccountId),
    /// The account was disabled.
    DisabledAccount(OrganizationId, ServiceAccountId),
    /// The key, as restored, must be revoked.
    EndedKey(Box<Key>, KeyEnd),
    /// The key, as restored, has wider limits than its version in the current table.
    LimitedKey(Box<Key>, Box<Key>),
}

/// Why a key must be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEnd {
    /// It was revoked.
    Revoked,
    /// The current table does not have it any more.
    Deleted,
    /// The current table has a key with the same ID and another secret.
    Replaced,
    /// Its scopes were replaced by other ones.
    NoCommonScope,
}

/// Something that the current table has or allows and the restored one does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The organization was created since.
    Organization(Organization),
    /// The organization was enabled since.
    EnabledOrganization(OrganizationId),
    /// The account was created since.
    Account(ServiceAccount),
    /// The account was enabled since.
    EnabledAccount(OrganizationId, ServiceAccountId),
    /// The key was created since, and works.
    Key(Box<Key>),
}

impl Difference {
    /// The order in which differences are ended: first what stops most keys.
    fn order(&self) -> (u8, &str, &str) {
        match self {
            Self::DeletedOrganization(id) => (0, id.as_ref(), ""),
            Self::DisabledOrganization(id) => (1, id.as_ref(), ""),
            Self::DeletedAccount(organization, id) => (2, organization.as_ref(), id.as_ref()),
            Self::DisabledAccount(organization, id) => (3, organization.as_ref(), id.as_ref()),
            Self::EndedKey(key, _) => (4, key.spec.account.as_ref(), key.id.as_ref()),
            Self::LimitedKey(key, _) => (5, key.spec.account.as_ref(), key.id.as_ref()),
        }
    }
}

impl Lost {
    fn order(&self) -> (u8, &str, &str) {
        match self {
            Self::Organization(organization) => (0, organization.id.as_ref(), ""),
            Self::EnabledOrganization(id) => (1, id.as_ref(), ""),
            Self::Account(account) => (2, account.organization.as_ref(), account.id.as_ref()),
            Self::EnabledAccount(organization, id) => (3, organization.as_ref(), id.as_ref()),
            Self::Key(key) => (4, key.spec.account.as_ref(), key.id.as_ref()),
        }
    }
}
