//! Root keys: they administer the deployment and belong to no organization.

use lambda_http::Body;
use lambda_http::http::Response;
use rand::rngs::SysRng;

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::idempotency::Retry;
use crate::key::{Key, KeySpec};
use crate::metrics::Counter;
use crate::principal::Principal;
use crate::scope::Scopes;
use crate::store::{Listed, Page, Revoked, Written};
use crate::time::Timestamp;

use super::mint::note_lost;
use super::{Latchkey, Minted, once};

impl Latchkey {
    /// Mints a root key and answers with what `respond` makes of it. `retry` as in
    /// [`Latchkey::mint`]; `field` is what the dialect calls `expires_at`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless a root key asks, [`Error::InvalidExpiry`],
    /// [`Error::IdempotencyKeyReused`], [`Error::Busy`], [`Error::Store`]. Then there is no key.
    pub async fn create_root_key(
        &self,
        caller: &Principal,
        expires_at: Option<Timestamp>,
        field: &'static str,
        retry: Option<Retry>,
        respond: impl FnOnce(&Minted) -> Response<Body>,
    ) -> Result<Response<Body>, Error> {
        let now = self.clock.now();
        let retry = retry.as_ref();
        let creating = async {
            let minter = caller.root()?;
            let expires_at = self.policy.expiry(expires_at, now);
            let spec = KeySpec {
                account: ServiceAccountId::root(),
                name: None,
                scopes: Scopes::full_access(),
                expires_at: expires_at
                    .map_err(|problem| Error::InvalidExpiry { field, problem })?,
                created_by: Some(minter.clone()),
            };
            let (key, token) =
                Key::mint(&mut SysRng, now, &self.policy.prefix, spec).map_err(Error::Random)?;
            let minted = Minted { key, token };
            let response = respond(&minted);
            let kept = once::seal(retry, now, &response)?;
            let (key, policy) = (&minted.key, &self.policy);
            let written = self.store.create_root_key(key, policy, now, kept.as_ref()).await;
            let written = written.inspect_err(|error| note_lost(error, key))?;
            if let Written::New = written {
                tracing::info!(key.id = %key.id, minter.key.id = %minter, "root key minted");
                self.metrics.count(Counter::KeysMinted, 1);
            }
            once::answer(retry, written, response)
        };
        self.once(retry, now, creating).await
    }

    /// A page of the root keys: at most `limit`, those after the key `after`.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless a root key asks, [`Error::Store`].
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

    /// A root key.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless a root key asks, [`Error::KeyNotFound`], [`Error::Store`].
    pub async fn root_key(&self, caller: &Principal, key: &KeyId) -> Result<Key, Error> {
        caller.root()?;
        let found = self.store.lookup(&ServiceAccountId::root(), key, true).await?.key;
        found.ok_or_else(|| Error::KeyNotFound(key.clone()))
    }

    /// Revokes a root key.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] unless a root key asks, and what
    /// [`crate::store::KeyStore::revoke_key`] refuses.
    pub async fn revoke_root_key(&self, caller: &Principal, key: &KeyId) -> Result<Revoked, Error> {
        caller.root()?;
        let (account, now) = (ServiceAccountId::root(), self.clock.now());
        let revoked = self.store.revoke_key(None, &account, key, &self.policy, now).await?;
        self.note_revoked(&revoked);
        Ok(revoked)
    }
}
