//! Service accounts.

use rand::rngs::SysRng;

use crate::account::{AccountChange, ServiceAccount};
use crate::error::Error;
use crate::id::ServiceAccountId;
use crate::principal::AccountPrincipal;
use crate::scope::KEYS_READ;
use crate::store::{CreateError, Page, StoreError};
use crate::text::{Description, Name};

use super::{IdempotentRequest, Latchkey, Replay};

impl Latchkey {
    /// Creates an account in the caller's organization and returns the result of `respond` for it. For
    /// `request`, see [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountLimitReached`], [`Error::OrganizationDisabled`],
    /// [`Error::IdempotencyKeyReused`], [`Error::Busy`], [`Error::Store`]. On error, no account
    /// is created, except perhaps after [`StoreError::Unavailable`].
    pub async fn create_account<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        name: Name,
        description: Description,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&ServiceAccount) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        self.with_replay(request, now, async |writer| {
            caller.require_full_access()?;
            let (organization, creator) = (caller.organization.clone(), caller.account.clone());
            let rng = &mut SysRng;
            let account =
                ServiceAccount::create(rng, now, organization, name, description, creator)
                    .map_err(Error::Random)?;
            let write = async |response: Option<&_>| {
                let store = self.writer(caller);
                let created = store.create_account(&account, &self.policy, now, response);
                created.await.map_err(|error| match error {
                    CreateError::Failed(error) => error,
                    // The deletion began, or even ended, after the caller was verified.
                    CreateError::OrganizationDeleting(id)
                    | CreateError::OrganizationNotFound(id) => Error::OrganizationDisabled(id),
                    // Only the creation of an organization fails with this.
                    CreateError::OrganizationExists(_) => {
                        StoreError::corrupt("organization").into()
                    }
                })
            };
            let created = || {
                let id = &account.id;
                tracing::info!(action = "service_account.create", account.id = %id, "service account created");
            };
            writer.write(respond(&account), write, created).await
        })
        .await
    }

    /// Returns a page of at most `limit` accounts of the caller's organization, starting after the account
    /// `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::Store`].
    pub async fn accounts(
        &self,
        caller: &AccountPrincipal,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<ServiceAccount>, Error> {
        caller.require(&KEYS_READ)?;
        Ok(self.store.accounts(&caller.organization, limit, after).await?)
    }

    /// Returns an account of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::Store`].
    pub async fn account(
        &self,
        caller: &AccountPrincipal,
        id: &ServiceAccountId,
    ) -> Result<ServiceAccount, Error> {
        // A caller may always read its own account.
        if caller.account != *id {
            caller.require(&KEYS_READ)?;
        }
        let account = self.store.account(&caller.organization, id).await?;
        account.ok_or_else(|| Error::AccountNotFound(id.clone()))
    }

    /// Changes and returns an account of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::OwnAccount`] if the caller would disable its
    /// own account, [`Error::Store`].
    pub async fn update_account(
        &self,
        caller: &AccountPrincipal,
        id: &ServiceAccountId,
        change: &AccountChange,
    ) -> Result<ServiceAccount, Error> {
        caller.require_full_access()?;
        if change.is_empty() {
            return self.account(caller, id).await;
        }
        if change.disabled == Some(true) && caller.account == *id {
            return Err(Error::OwnAccount(id.clone()));
        }
        let organization = &caller.organization;
        let now = self.clock.now();
        let changed = self.writer(caller).update_account(organization, id, change, now).await?;
        if change.disabled.is_some() {
            self.verifier.account_changed(now);
        }
        tracing::info!(
            action = "service_account.update",
            account.id = %id,
            account.disabled = changed.disabled,
            "service account changed"
        );
        Ok(changed)
    }

    /// Deletes an account of the caller's organization and all of its keys.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::OwnAccount`], and the errors of
    /// [`crate::store::KeyStore::delete_account`].
    pub async fn delete_account(
        &self,
        caller: &AccountPrincipal,
        id: &ServiceAccountId,
    ) -> Result<(), Error> {
        caller.require_full_access()?;
        if caller.account == *id {
            return Err(Error::OwnAccount(id.clone()));
        }
        // Checked in the organization's directory, because an account whose deletion was interrupted has no
        // item.
        if !self.store.is_listed(&caller.organization, id).await? {
            return Err(Error::AccountNotFound(id.clone()));
        }
        let now = self.clock.now();
        let deleted = self.writer(caller).delete_account(&caller.organization, id, now).await;
        // Runs even if keys remain, because they are already rejected.
        self.verifier.account_changed(now);
        deleted
    }
}
