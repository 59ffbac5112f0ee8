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
    /// Makes an account in the caller's organization, and answers with what `respond` makes of it.
    /// `request` as in [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountLimitReached`], [`Error::OrganizationDisabled`],
    /// [`Error::IdempotencyKeyReused`], [`Error::Busy`], [`Error::Store`]. Then there is no account.
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
                let created = self.store.create_account(&account, &self.policy, now, response);
                created.await.map_err(|error| match error {
                    CreateError::Failed(error) => error,
                    // Since the caller was verified.
                    CreateError::OrganizationDeleting(id) => Error::OrganizationDisabled(id),
                    // Every account's organization exists: it is deleted after them.
                    _ => StoreError::corrupt("organization").into(),
                })
            };
            let created = || tracing::info!(account.id = %account.id, "service account created");
            writer.write(respond(&account), write, created).await
        })
        .await
    }

    /// A page of the accounts of the caller's organization: at most `limit`, those after the account
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

    /// An account of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::Store`].
    pub async fn account(
        &self,
        caller: &AccountPrincipal,
        id: &ServiceAccountId,
    ) -> Result<ServiceAccount, Error> {
        // Who a caller is, it may always know.
        if caller.account != *id {
            caller.require(&KEYS_READ)?;
        }
        let account = self.store.account(&caller.organization, id).await?;
        account.ok_or_else(|| Error::AccountNotFound(id.clone()))
    }

    /// Changes an account of the caller's organization, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::OwnAccount`] for disabling oneself,
    /// [`Error::Store`].
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
        self.check_own(caller, id).await?;
        let organization = &caller.organization;
        let changed = self.store.update_account(organization, id, change, self.clock.now()).await?;
        if change.disabled.is_some() {
            self.verifier.forget_all();
        }
        tracing::info!(account.id = %id, account.disabled = changed.disabled, "service account changed");
        Ok(changed)
    }

    /// Deletes an account of the caller's organization, and its keys with it.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::OwnAccount`], and what
    /// [`crate::store::KeyStore::delete_account`] refuses.
    pub async fn delete_account(
        &self,
        caller: &AccountPrincipal,
        id: &ServiceAccountId,
    ) -> Result<(), Error> {
        caller.require_full_access()?;
        if caller.account == *id {
            return Err(Error::OwnAccount(id.clone()));
        }
        // By the organization's own directory: an account whose deletion was interrupted has no item.
        if !self.store.is_listed(&caller.organization, id).await? {
            return Err(Error::AccountNotFound(id.clone()));
        }
        let deleted = self.store.delete_account(&caller.organization, id).await;
        // Also when keys are left: they are refused already.
        self.verifier.forget_all();
        deleted
    }
}
