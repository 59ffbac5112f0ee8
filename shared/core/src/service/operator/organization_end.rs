//! The end of an organization: for a while, or for good.

use crate::error::Error;
use crate::id::OrganizationId;
use crate::store::KeyStore;

use super::organization_status::{FoundOrganization, OrganizationStatus, organization};
use super::{OperatorError, PAGE, delete_account};

/// Disables an organization, or enables it again, and returns it as it is then. One write stops all of
/// its keys, and one write lets exactly those work again that worked before.
///
/// # Errors
///
/// [`OperatorError::OrganizationDeleting`] for enabling one whose deletion has begun, and as
/// [`organization`].
pub async fn set_organization_disabled(
    store: &KeyStore,
    id: &OrganizationId,
    disabled: bool,
) -> Result<FoundOrganization, OperatorError> {
    let found = organization(store, id).await?;
    match (found.status, disabled) {
        (OrganizationStatus::Deleting, false) => {
            return Err(OperatorError::OrganizationDeleting(id.clone()));
        }
        (OrganizationStatus::Live, false) => return Ok(found),
        (OrganizationStatus::Disabled, true) => return Ok(found),
        (OrganizationStatus::Deleting, true) => return Ok(found),
        (OrganizationStatus::Live, true) | (OrganizationStatus::Disabled, false) => {}
    }
    store.set_organization_disabled(id, disabled).await?;
    let status = if disabled { OrganizationStatus::Disabled } else { OrganizationStatus::Live };
    Ok(FoundOrganization { status, ..found })
}

/// Deletes an organization with all of its accounts and keys, or finishes a deletion that was
/// interrupted. Returns how many accounts this call deleted.
///
/// The first write disables it, which stops every key; the second one marks it, so that no account is
/// created. Accounts follow in pages, and last the organization itself, which frees its id.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`]; [`OperatorError::Failed`], then the same call finishes the
/// work.
pub async fn delete_organization(
    store: &KeyStore,
    id: &OrganizationId,
) -> Result<usize, OperatorError> {
    if store.stored_organization(id).await?.is_none() {
        if !store.deployment().await?.disables(id) {
            return Err(OperatorError::OrganizationNotFound(id.clone()));
        }
        // Disabled while it was being deleted: only its id is left.
        store.set_organization_disabled(id, false).await?;
        return Ok(0);
    }
    store.set_organization_disabled(id, true).await?;
    let mut deleted = 0;
    if store.begin_deleting_organization(id).await? {
        loop {
            let page = store.directory(id, PAGE, None).await?;
            if page.items.is_empty() {
                break;
            }
            for entry in page.items {
                match delete_account(store, id, &entry.account).await {
                    Ok(()) => deleted += 1,
                    // An entry without an account, which no write of ours leaves.
                    Err(OperatorError::Failed(Error::AccountNotFound(account))) => {
                        store.delete_directory_entry(id, &account).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    store.finish_deleting_organization(id).await?;
    Ok(deleted)
}
