//! Minting keys.

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::ServiceAccountId;
use crate::key::{KeySpec, Minted};
use crate::principal::AccountPrincipal;
use crate::scope::{KEYS_WRITE, Scopes};
use crate::text::KeyName;
use crate::time::Timestamp;

use super::generate::{generate_key, warn_if_orphaned};
use super::metrics::Counter;
use super::replay::Writer;
use super::{IdempotentRequest, Latchkey, Replay};

/// A request to mint a key.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// The account that owns the key.
    pub account: ServiceAccountId,
    /// The display name, in dialects where keys have names.
    pub name: Option<KeyName>,
    /// The scopes of the key; `None` for those of its minter, in dialects without scopes.
    pub scopes: Option<Scopes>,
    /// The requested expiry; `None` for never, or for the latest that the deployment allows.
    pub expires_at: Option<Timestamp>,
}

impl Latchkey {
    /// Mints a key for an account of the caller's organization and returns the result of `respond` for it. A
    /// repeated `request` gets its first response again.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], [`Error::InvalidExpiry`], [`Error::IdempotencyKeyReused`], and the errors of
    /// [`crate::store::KeyStore::insert_key`]. On error, no key is created. The exception is
    /// [`crate::store::StoreError::Unavailable`], after which the key may exist; a retry with the same idempotency key
    /// returns it.
    pub async fn mint<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        mint: MintRequest,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&Minted) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        self.with_replay(request, now, async |writer| {
            let minted = self.decide_mint(caller, mint, now)?;
            self.check_own(caller, &minted.key.spec.account).await?;
            self.write_minted(caller, &minted, now, writer, respond(&minted)).await
        })
        .await
    }

    /// Mints a key like [`Latchkey::mint`], for a response that also describes the account. `own` is the
    /// caller's account, if authenticating the request has read it; any other account is read.
    ///
    /// # Errors
    ///
    /// The errors of [`Latchkey::mint`].
    pub async fn mint_and_describe<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        own: Option<&ServiceAccount>,
        mint: MintRequest,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&Minted, &ServiceAccount) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        let id = mint.account.clone();
        self.with_replay(request, now, async |writer| {
            let minted = self.decide_mint(caller, mint, now)?;
            let read;
            let account = match own.filter(|own| own.id == id) {
                Some(own) => own,
                None => {
                    let found = self.store.account(&caller.organization, &id).await?;
                    read = found.ok_or(Error::AccountNotFound(id))?;
                    &read
                }
            };
            let response = respond(&minted, account);
            self.write_minted(caller, &minted, now, writer, response).await
        })
        .await
    }

    /// Checks that the caller may mint the key and generates it, without reading the table.
    fn decide_mint(
        &self,
        caller: &AccountPrincipal,
        mint: MintRequest,
        now: Timestamp,
    ) -> Result<Minted, Error> {
        caller.require(&KEYS_WRITE)?;
        let scopes = mint.scopes.unwrap_or_else(|| caller.scopes.clone());
        caller.cover(&scopes)?;
        let allowed = self.policy.expiry(mint.expires_at, now)?;
        let spec = KeySpec {
            account: mint.account,
            name: mint.name,
            scopes,
            expires_at: caller.bound_expiry(mint.expires_at, allowed)?,
            created_by: Some(caller.key.clone()),
        };
        generate_key(&self.policy, now, spec)
    }

    async fn write_minted<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        minted: &Minted,
        now: Timestamp,
        writer: Writer<'_>,
        response: R,
    ) -> Result<R, Error> {
        let (key, organization) = (&minted.key, &caller.organization);
        let write = async |response: Option<&_>| {
            let store = self.writer(caller);
            let written = store.insert_key(key, organization, &self.policy, now, response);
            written.await.inspect_err(|error| warn_if_orphaned(error, key))
        };
        writer.write(response, write, || self.record_minted(minted)).await
    }

    fn record_minted(&self, Minted { key, .. }: &Minted) {
        let account = &key.spec.account;
        tracing::info!(action = "api_key.create", account.id = %account, key.id = %key.id, "key minted");
        self.metrics.count(Counter::KeysMinted, 1);
    }
}
