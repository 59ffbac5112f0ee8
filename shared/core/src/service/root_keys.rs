//! Root keys, which administer the deployment and belong to no organization.

use crate::audit::Actor;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::{Key, KeySpec, Minted};
use crate::principal::Principal;
use crate::scope::Scopes;
use crate::store::{Listed, Page, Revocation};
use crate::time::Timestamp;

use super::generate::{generate_key, warn_if_orphaned};
use super::metrics::Counter;
use super::{IdempotentRequest, Latchkey, Replay};

impl Latchkey {
    /// Mints a root key and returns the result of `respond` for it. For `request`, see [`Latchkey::mint`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless the caller presents a root key, [`Error::InvalidExpiry`],
    /// [`Error::IdempotencyKeyReused`], [`Error::Busy`], [`Error::Store`]. On error, no key is
    /// created, except perhaps after [`StoreError::Unavailable`](crate::store::StoreError::Unavailable).
    pub async fn create_root_key<R: Replay>(
        &self,
        caller: &Principal,
        expires_at: Option<Timestamp>,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&Minted) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        self.with_replay(request, now, async |writer| {
            let minter = caller.root()?;
            let spec = KeySpec {
                account: ServiceAccountId::root(),
                name: None,
                scopes: Scopes::full_access(),
                expires_at: self.policy.expiry(expires_at, now)?,
                created_by: Some(minter.clone()),
            };
            let minted = generate_key(&self.policy, now, spec)?;
            let key = &minted.key;
            let write = async |response: Option<&_>| {
                let store = self.writer_of(Actor::root_key(minter));
                let written = store.create_root_key(key, &self.policy, now, response);
                written.await.inspect_err(|error| warn_if_orphaned(error, key))
            };
            let created = || {
                tracing::info!(action = "root_key.create", key.id = %key.id, "root key minted");
                self.metrics.count(Counter::KeysMinted, 1);
            };
            writer.write(respond(&minted), write, created).await
        })
        .await
    }

    /// Returns a page of at most `limit` root keys, starting after the key `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless the caller presents a root key, [`Error::Store`].
    pub async fn root_keys(
        &self,
        caller: &Principal,
        listed: Listed,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Key>, Error> {
        caller.root()?;
        Ok(self.store.keys(&ServiceAccountId::root(), listed, limit, after).await?)
    }

    /// Returns a root key.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless the caller presents a root key, [`Error::KeyNotFound`], [`Error::Store`].
    pub async fn root_key(&self, caller: &Principal, key: &KeyId) -> Result<Key, Error> {
        caller.root()?;
        let found = self.store.lookup(&ServiceAccountId::root(), key, true).await?.key;
        found.ok_or_else(|| Error::KeyNotFound(key.clone()))
    }

    /// Revokes a root key.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless the caller presents a root key, and the errors of
    /// [`crate::store::KeyStore::revoke_key`].
    pub async fn revoke_root_key(
        &self,
        caller: &Principal,
        key: &KeyId,
    ) -> Result<Revocation, Error> {
        let store = self.writer_of(Actor::root_key(caller.root()?));
        let (account, now) = (ServiceAccountId::root(), self.clock.now());
        let revoked = store.revoke_key(None, &account, key, &self.policy, now).await?;
        self.record_revoked(&revoked);
        Ok(revoked)
    }
}
