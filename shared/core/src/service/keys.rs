//! Listing, describing, changing, and revoking keys.

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::{KeyId, OrganizationId, ServiceAccountId};
use crate::key::{Key, KeyChange};
use crate::principal::AccountPrincipal;
use crate::scope::{KEYS_READ, KEYS_WRITE};
use crate::store::{KeyStore, Listed, Page, Revocation};

use super::Latchkey;

impl Latchkey {
    /// Returns a page of at most `limit` keys of an account of the caller's organization, starting after the
    /// key `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::Store`].
    pub async fn keys(
        &self,
        caller: &AccountPrincipal,
        account: &ServiceAccountId,
        listed: Listed,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Key>, Error> {
        caller.require(&KEYS_READ)?;
        self.check_own(caller, account).await?;
        Ok(self.store.keys(account, listed, limit, after).await?)
    }

    /// Checks that an account belongs to the caller's organization before anything else reads its partition.
    /// Takes one read, whether the account does not exist or belongs to another organization.
    pub(super) async fn check_own(
        &self,
        caller: &AccountPrincipal,
        account: &ServiceAccountId,
    ) -> Result<(), Error> {
        if *account == caller.account {
            return Ok(());
        }
        let found = self.store.account(&caller.organization, account).await?;
        found.map(drop).ok_or_else(|| Error::AccountNotFound(account.clone()))
    }

    /// Returns a key of an account of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::AccountNotFound`], [`Error::KeyNotFound`], [`Error::Store`].
    pub async fn key(
        &self,
        caller: &AccountPrincipal,
        account: &ServiceAccountId,
        key: &KeyId,
    ) -> Result<Key, Error> {
        caller.require(&KEYS_READ)?;
        let organization = Some(&caller.organization);
        Ok(find_key(&self.store, organization, account, key).await?.1)
    }

    /// Changes and returns a key that has not ended.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], also if the key's current or new scopes include one that the caller lacks;
    /// [`Error::AccountNotFound`], [`Error::KeyNotFound`], [`Error::KeyEnded`], [`Error::Busy`],
    /// [`Error::Store`].
    pub async fn update_key(
        &self,
        caller: &AccountPrincipal,
        account: &ServiceAccountId,
        key: &KeyId,
        change: &KeyChange,
    ) -> Result<Key, Error> {
        caller.require(&KEYS_WRITE)?;
        if let Some(scopes) = &change.scopes {
            caller.cover(scopes)?;
        }
        let organization = Some(&caller.organization);
        let (_, found) = find_key(&self.store, organization, account, key).await?;
        if change.is_empty() {
            caller.outrank(&found.spec.scopes)?;
            return Ok(found);
        }
        let now = self.clock.now();
        let changed = self.writer(caller).update_key(caller, found, change, now).await?;
        self.verifier.key_changed(&changed.digest, now);
        Ok(changed)
    }

    /// Revokes a key of an account of the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], also for a key with more scopes than the caller's, and the errors of
    /// [`crate::store::KeyStore::revoke_key`].
    pub async fn revoke_key(
        &self,
        caller: &AccountPrincipal,
        account: &ServiceAccountId,
        key: &KeyId,
    ) -> Result<Revocation, Error> {
        caller.require(&KEYS_WRITE)?;
        // No account has this ID. It is the account ID of root keys.
        if account.is_root() {
            return Err(Error::AccountNotFound(account.clone()));
        }
        let now = self.clock.now();
        let revoked =
            self.writer(caller).revoke_key(Some(caller), account, key, &self.policy, now).await?;
        self.record_revoked(&revoked);
        Ok(revoked)
    }
}

/// Reads a key and its account. If `organization` is set, an account of another organization counts as
/// missing.
///
/// # Errors
///
/// [`Error::AccountNotFound`], [`Error::KeyNotFound`], [`Error::Store`].
pub(super) async fn find_key(
    store: &KeyStore,
    organization: Option<&OrganizationId>,
    account: &ServiceAccountId,
    key: &KeyId,
) -> Result<(ServiceAccount, Key), Error> {
    let found = store.lookup(account, key, true).await?;
    let own = found.account.filter(|found| {
        organization.is_none_or(|organization| found.organization == *organization)
    });
    let own = own.ok_or_else(|| Error::AccountNotFound(account.clone()))?;
    let key = found.key.ok_or_else(|| Error::KeyNotFound(key.clone()))?;
    Ok((own, key))
}
