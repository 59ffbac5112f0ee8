//! Disabling, enabling, and deleting organizations.

use crate::error::Error;
use crate::id::OrganizationId;
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::organization_status::{FoundOrganization, OrganizationStatus, organization};
use super::{OperatorError, PAGE, delete_account};

/// Disables or enables an organization and returns it. Disabling stops all of its keys with one write.
/// Enabling restores exactly the keys that worked before, also with one write.
///
/// # Errors
///
/// [`OperatorError::OrganizationDeleting`] if its deletion has begun and it should be enabled, and the errors
/// of [`organization`].
pub async fn set_organization_disabled(
    store: &KeyStore,
    now: Timestamp,
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
    if !store.set_organization_disabled(id, disabled, now).await? {
        return Err(OperatorError::OrganizationNotFound(id.clone()));
    }
    let status = if disabled { OrganizationStatus::Disabled } else { OrganizationStatus::Live };
    Ok(FoundOrganization { status, ..found })
}

/// Deletes an organization with all of its accounts and keys, or finishes an interrupted deletion. Returns
/// how many accounts this call deleted.
///
/// The first write disables the organization, which stops every key, and marks it, so that no accounts can be
/// created. Then its accounts are deleted in pages, its webhooks, and finally the organization itself, which frees its ID.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`]; [`OperatorError::Failed`], after which the same call finishes the
/// work.
pub async fn delete_organization(
    store: &KeyStore,
    now: Timestamp,
    id: &OrganizationId,
) -> Result<usize, OperatorError> {
    if store.stored_organization(id).await?.is_none() {
        if !store.deployment().await?.disables(id) {
            return Err(OperatorError::OrganizationNotFound(id.clone()));
        }
        // Disabled while it was being deleted, so only its ID is left.
        store.free_organization_id(id).await?;
        return Ok(0);
    }
    let mut deleted = 0;
    if store.begin_deleting_organization(id, now).await? {
        loop {
            let page = store.directory(id, PAGE, None).await?;
            if page.items.is_empty() {
                break;
            }
            for entry in page.items {
                match delete_account(store, now, id, &entry.account).await {
                    Ok(()) => deleted += 1,
                    // An entry without an account. None of Latchkey's writes leave one.
                    Err(OperatorError::Failed(Error::AccountNotFound(account))) => {
                        store.delete_directory_entry(id, &account).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    store.delete_webhooks(id).await?;
    store.finish_deleting_organization(id).await?;
    Ok(deleted)
}
