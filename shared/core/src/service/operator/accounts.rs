//! Service accounts of any organization.

use rand::rngs::SysRng;

use crate::account::{AccountChange, ServiceAccount};
use crate::error::Error;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::policy::KeyPolicy;
use crate::store::KeyStore;
use crate::text::{Description, Name};
use crate::time::Timestamp;

use super::organization_status::require_live;
use super::{OperatorError, PAGE};

/// The maximum number of attempts to delete an account. The store stops each one after a thousand keys.
const DELETES_MAX: usize = 20;

/// Creates a service account without keys in an existing organization.
///
/// # Errors
///
/// [`OperatorError`], for example if the organization does not exist.
pub async fn create_account(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    organization: OrganizationId,
    name: Name,
    description: Description,
) -> Result<ServiceAccount, OperatorError> {
    require_live(store, &organization).await?;
    let account = new_account(now, organization, name, description)?;
    store.create_account(&account, policy, now, None).await?;
    Ok(account)
}

/// Returns every account of an organization, oldest first.
///
/// # Errors
///
/// [`OperatorError::OrganizationNotFound`], [`OperatorError::Failed`].
pub async fn accounts(
    store: &KeyStore,
    organization: &OrganizationId,
) -> Result<Vec<ServiceAccount>, OperatorError> {
    if store.organization(organization).await?.is_none() {
        return Err(OperatorError::OrganizationNotFound(organization.clone()));
    }
    let mut accounts = Vec::new();
    let mut after = None;
    loop {
        let page = store.accounts(organization, PAGE, after.as_deref()).await?;
        accounts.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(accounts);
        }
    }
}

/// Returns the accounts of an organization that are only partly deleted. Their keys are rejected, but some
/// are still stored. [`delete_account`] finishes the deletion.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn accounts_being_deleted(
    store: &KeyStore,
    organization: &OrganizationId,
) -> Result<Vec<ServiceAccountId>, OperatorError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.directory(organization, PAGE, after.as_deref()).await?;
        let deleting = page.items.into_iter().filter(|entry| entry.deleting);
        found.extend(deleting.map(|entry| entry.account));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Returns a service account of any organization.
///
/// # Errors
///
/// [`Error::AccountNotFound`] and [`Error::Store`] as [`OperatorError::Failed`];
/// [`OperatorError::RootAccount`].
pub async fn account(
    store: &KeyStore,
    id: &ServiceAccountId,
) -> Result<ServiceAccount, OperatorError> {
    if id.is_root() {
        return Err(OperatorError::RootAccount);
    }
    let account = store.any_account(id).await?;
    Ok(account.ok_or_else(|| Error::AccountNotFound(id.clone()))?)
}

/// Disables or enables an account and returns it.
///
/// # Errors
///
/// The errors of [`account`].
pub async fn set_account_disabled(
    store: &KeyStore,
    now: Timestamp,
    id: &ServiceAccountId,
    disabled: bool,
) -> Result<ServiceAccount, OperatorError> {
    let found = account(store, id).await?;
    if found.disabled == disabled {
        return Ok(found);
    }
    let change = AccountChange { disabled: Some(disabled), ..AccountChange::default() };
    Ok(store.update_account(&found.organization, id, &change, now).await?)
}

/// Deletes an account of `organization` and all of its keys, or finishes an interrupted deletion.
///
/// # Errors
///
/// [`OperatorError::Failed`]. With [`Error::AccountNotFound`], nothing was written. Otherwise, the account
/// may be gone while some of its keys remain. Those are rejected, and calling this again deletes them.
pub async fn delete_account(
    store: &KeyStore,
    now: Timestamp,
    organization: &OrganizationId,
    id: &ServiceAccountId,
) -> Result<(), OperatorError> {
    for _ in 1..DELETES_MAX {
        match store.delete_account(organization, id, now).await {
            Err(Error::Busy) => {}
            deleted => return Ok(deleted?),
        }
    }
    Ok(store.delete_account(organization, id, now).await?)
}

pub(super) fn new_account(
    now: Timestamp,
    organization: OrganizationId,
    name: Name,
    description: Description,
) -> Result<ServiceAccount, Error> {
    let operator = ServiceAccountId::root();
    ServiceAccount::create(&mut SysRng, now, organization, name, description, operator)
        .map_err(Error::Random)
}
