//! Restricting a restored table to what the current one allows.

use crate::error::Error;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::key::Key;
use crate::policy::KeyPolicy;
use crate::service::operator::{
    OperatorError, delete_account, delete_organization, set_account_disabled,
    set_organization_disabled,
};
use crate::store::KeyStore;
use crate::time::Timestamp;

use super::Difference;

/// Ends a difference by restricting the `restored` table, with the same operations as an operator: counts and
/// directories stay correct. Doing it again, or after an interruption, leads to the same result.
///
/// # Errors
///
/// [`OperatorError::Failed`]. What is gone in the meantime is not an error.
pub async fn apply(
    restored: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    difference: &Difference,
) -> Result<(), OperatorError> {
    let applied = match difference {
        Difference::DeletedOrganization(id) => {
            delete_organization(restored, now, id).await.map(drop)
        }
        Difference::DisabledOrganization(id) => {
            set_organization_disabled(restored, now, id, true).await.map(drop)
        }
        Difference::DeletedAccount(organization, id) => {
            return end_account(restored, now, organization, id).await;
        }
        Difference::DisabledAccount(_, id) => {
            set_account_disabled(restored, now, id, true).await.map(drop)
        }
        Difference::EndedKey(key, _) => {
            let (account, id) = (&key.spec.account, &key.id);
            let revoked = restored.revoke_key(None, account, id, policy, now).await;
            revoked.map(drop).map_err(OperatorError::from)
        }
        Difference::LimitedKey(_, version) => {
            let limited = restored.limit_key(version, policy, now).await;
            limited.map(drop).map_err(OperatorError::from)
        }
    };
    match applied {
        Err(
            OperatorError::OrganizationNotFound(_)
            | OperatorError::Failed(Error::AccountNotFound(_) | Error::KeyNotFound(_)),
        ) => Ok(()),
        applied => applied,
    }
}

/// Deletes an account. If its directory entry is missing, because a backup may have half of a transaction, its
/// deletion cannot begin, so the account is disabled instead.
async fn end_account(
    restored: &KeyStore,
    now: Timestamp,
    organization: &OrganizationId,
    id: &ServiceAccountId,
) -> Result<(), OperatorError> {
    match delete_account(restored, now, organization, id).await {
        Err(OperatorError::Failed(Error::AccountNotFound(_))) => {}
        deleted => return deleted,
    }
    match set_account_disabled(restored, now, id, true).await {
        Err(OperatorError::Failed(Error::AccountNotFound(_))) => Ok(()),
        disabled => disabled.map(drop),
    }
}

/// Copies a key that the current table has and the `restored` one lacks, and returns whether it could: its account
/// must exist in the restored table and be enabled. Its secret stays valid.
///
/// # Errors
///
/// [`OperatorError::Failed`].
pub async fn copy_key(
    restored: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    key: &Key,
) -> Result<bool, OperatorError> {
    let id = &key.spec.account;
    // The key was counted against the limit when it was created.
    let policy = KeyPolicy { key_limit: None, ..policy.clone() };
    if id.is_root() {
        restored.create_root_key(key, &policy, now, None).await?;
        return Ok(true);
    }
    let Some(account) = restored.any_account(id).await? else { return Ok(false) };
    match restored.insert_key(key, &account.organization, &policy, now, None).await {
        Ok(_) => Ok(true),
        Err(Error::AccountNotFound(_) | Error::AccountDisabled(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
