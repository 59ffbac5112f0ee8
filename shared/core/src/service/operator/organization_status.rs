//! How an organization stands.

use std::fmt;

use crate::account::Organization;
use crate::id::OrganizationId;
use crate::store::{Deployment, KeyStore, StoredOrganization};

use super::OperatorError;

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
    pub(super) fn new(stored: StoredOrganization, deployment: &Deployment) -> Self {
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
