//! Organizations.

use std::fmt;

use crate::account::{Organization, ServiceAccount};
use crate::id::OrganizationId;
use crate::key::Minted;
use crate::policy::KeyPolicy;
use crate::store::{Deployment, KeyStore, StoredOrganization};
use crate::text::{Description, Name};
use crate::time::Timestamp;

use super::OperatorError;
use super::accounts::new_account;
use super::keys::{MintSpec, generate};

/// A new organization, its first account and that account's full-access key.
#[derive(Debug)]
pub struct Bootstrap {
    /// The organization.
    pub organization: Organization,
    /// Its first account.
    pub account: ServiceAccount,
    /// The key, with the only sight of its token.
    pub minted: Minted,
}

/// Makes an organization, its first service account and a full-access key, all or nothing.
///
/// # Errors
///
/// [`OperatorError`], for instance when the organization exists already.
pub async fn bootstrap(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    id: OrganizationId,
    name: Name,
    account_name: Name,
) -> Result<Bootstrap, OperatorError> {
    let organization = Organization { id, name, created_at: now };
    let description = Description::empty();
    let account = new_account(now, organization.id.clone(), account_name, description)?;
    let minted = generate(policy, now, account.id.clone(), MintSpec::default())?;
    store.create_organization(&organization, &account, &minted.key, policy).await?;
    Ok(Bootstrap { organization, account, minted })
}

/// How an organization stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationStatus {
    /// Its keys work.
    Live,
    /// All of its keys are refused, until it is enabled.
    Disabled,
    /// Its deletion was begun and not finished.
    Deleting,
}

/// An organization and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrganization {
    /// The organization.
    pub organization: Organization,
    /// How it stands.
    pub status: OrganizationStatus,
}

impl fmt::Display for OrganizationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Disabled => "disabled",
            Self::Deleting => "deleting",
        })
    }
}

impl serde::Serialize for OrganizationStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FoundOrganization {
    fn new(stored: StoredOrganization, deployment: &Deployment) -> Self {
        let status = if stored.deleting {
            OrganizationStatus::Deleting
        } else if deployment.disables(&stored.organization.id) {
            OrganizationStatus::Disabled
        } else {
            OrganizationStatus::Live
        };
        Self { organization: stored.organization, status }
    }
}

/// Every organization, by a scan of the whole table.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn organizations(store: &KeyStore) -> Result<Vec<FoundOrganization>, OperatorError> {
    let stored = store.organizations().await?;
    let deployment = store.deployment().await?;
    Ok(stored.into_iter().map(|stored| FoundOrganization::new(stored, &deployment)).collect())
}

/// An organization and how it stands.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`], [`OperatorError::Failed`].
pub async fn organization(
    store: &KeyStore,
    id: &OrganizationId,
) -> Result<FoundOrganization, OperatorError> {
    let stored = store.stored_organization(id).await?;
    let stored = stored.ok_or_else(|| OperatorError::OrganizationNotFound(id.clone()))?;
    Ok(FoundOrganization::new(stored, &store.deployment().await?))
}

/// How many organizations the table counts; `None` where it has no count yet.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn count_organizations(store: &KeyStore) -> Result<Option<u64>, OperatorError> {
    Ok(store.deployment().await?.organizations)
}

/// Checks that keys and accounts of an organization may be made.
///
/// # Errors
///
/// [`OperatorError::OrganizationDisabled`], [`OperatorError::OrganizationDeleting`], and as
/// [`organization`].
pub(super) async fn require_live(
    store: &KeyStore,
    id: &OrganizationId,
) -> Result<(), OperatorError> {
    match organization(store, id).await?.status {
        OrganizationStatus::Live => Ok(()),
        OrganizationStatus::Disabled => Err(OperatorError::OrganizationDisabled(id.clone())),
        OrganizationStatus::Deleting => Err(OperatorError::OrganizationDeleting(id.clone())),
    }
}
