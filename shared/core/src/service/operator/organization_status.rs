//! The status of an organization.

use std::fmt;

use crate::account::Organization;
use crate::id::OrganizationId;
use crate::store::{Deployment, KeyStore, StoredOrganization};

use super::OperatorError;

/// The status of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationStatus {
    /// Its keys work.
    Live,
    /// All of its keys are rejected until it is enabled.
    Disabled,
    /// Its deletion has begun but not finished.
    Deleting,
}

/// An organization and its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrganization {
    /// The organization.
    pub organization: Organization,
    /// Its status.
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

/// Returns an organization and its status.
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

/// Checks that keys and accounts may be created in an organization.
///
/// # Errors
///
/// [`OperatorError::OrganizationDisabled`], [`OperatorError::OrganizationDeleting`], and the errors of
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
