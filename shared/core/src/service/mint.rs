//! Minting keys.

use crate::account::ServiceAccount;
use crate::error::{Error, causes};
use crate::id::ServiceAccountId;
use crate::key::{Key, KeySpec, Minted};
use crate::principal::AccountPrincipal;
use crate::scope::{KEYS_WRITE, Scopes};
use crate::store::StoreError;
use crate::text::KeyName;
use crate::time::Timestamp;

use super::generate::{generate_key, warn_if_orphaned};
use super::metrics::Counter;
use super::replay::Writer;
use super::{IdempotentRequest, Latchkey, Replay};

/// What a caller asks for when it mints a key.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// The account that the key is for.
    pub account: ServiceAccountId,
    /// What people call the key, where the dialect has names for keys.
    pub name: Option<KeyName>,
    /// What the key may do; `None` for what its minter may, where the dialect has no scopes.
    pub scopes: Option<Scopes>,
    /// When the key is to end; `None` for never, or as late as the deployment allows.
    pub expires_at: Option<Timestamp>,
}

impl Latchkey {
    /// Mints a key for an account of the caller's organization and answers with what `respond` makes
    /// of it. With a `request`, one that came before gets its first response again.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] if the caller may not, [`Error::InvalidExpiry`],
    /// [`Error::IdempotencyKeyReused`], and what [`crate::store::KeyStore::insert_key`] refuses. Then
    /// there is no key; only after [`StoreError::Unavailable`] there may be one, which a request that is
    /// sent again with the same idempotency key gets.
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

    /// Mints a key like [`Latchkey::mint`], for an answer that describes the account too.
    ///
    /// The caller's own account is read while the transaction runs; another one is read first, since it
    /// may be another organization's. A `request` keeps the response in that very transaction, so then the
    /// account is read first as well.
    ///
    /// # Errors
    ///
    /// As [`Latchkey::mint`].
    pub async fn mint_and_describe<R: Replay>(
        &self,
        caller: &AccountPrincipal,
        mint: MintRequest,
        request: Option<IdempotentRequest>,
        respond: impl FnOnce(&Minted, &ServiceAccount) -> R,
    ) -> Result<R, Error> {
        let now = self.clock.now();
        let id = mint.account.clone();
        if request.is_none() && id == caller.account {
            let minted = self.decide_mint(caller, mint, now)?;
            let (written, account) = tokio::join!(
                self.store.insert_key(&minted.key, &caller.organization, &self.policy, now, None),
                self.store.account(&caller.organization, &id),
            );
            written.inspect_err(|error| warn_if_orphaned(error, &minted.key))?;
            self.record_minted(caller, &minted);
            let account = self.describe_minted(caller, &minted, account).await?;
            return Ok(respond(&minted, &account));
        }
        self.with_replay(request, now, async |writer| {
            let minted = self.decide_mint(caller, mint, now)?;
            let account = self.store.account(&caller.organization, &id).await?;
            let account = account.ok_or(Error::AccountNotFound(id))?;
            let response = respond(&minted, &account);
            self.write_minted(caller, &minted, now, writer, response).await
        })
        .await
    }

    /// Decides whether a key may be minted and generates it, without a look at the table.
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
            let written = self.store.insert_key(key, organization, &self.policy, now, response);
            written.await.inspect_err(|error| warn_if_orphaned(error, key))
        };
        writer.write(response, write, || self.record_minted(caller, minted)).await
    }

    /// The account of a key that is minted, given what was read of it meanwhile.
    async fn describe_minted(
        &self,
        caller: &AccountPrincipal,
        minted: &Minted,
        read: Result<Option<ServiceAccount>, StoreError>,
    ) -> Result<ServiceAccount, Error> {
        let id = &minted.key.spec.account;
        let account = match read {
            Ok(Some(account)) => return Ok(account),
            // The key stands and its holder is to have it: one more try.
            Ok(None) | Err(_) => self.store.account(&caller.organization, id).await,
        };
        let error = match account {
            Ok(Some(account)) => return Ok(account),
            Ok(None) => Error::AccountNotFound(id.clone()),
            Err(error) => error.into(),
        };
        // Nobody will ever hold this key, so it must not stay.
        self.delete_orphan(&minted.key).await;
        Err(error)
    }

    /// Deletes a key whose token nobody was given. Best effort: the store is failing already.
    async fn delete_orphan(&self, key: &Key) {
        if let Err(error) = self.store.remove_key(key).await {
            let error = causes(&error);
            tracing::error!(key.id = %key.id, error.source = error, "a key without a holder stays");
        }
    }

    fn record_minted(&self, caller: &AccountPrincipal, Minted { key, .. }: &Minted) {
        let (account, minter) = (&key.spec.account, &caller.key);
        tracing::info!(account.id = %account, key.id = %key.id, minter.key.id = %minter, "key minted");
        self.metrics.count(Counter::KeysMinted, 1);
    }
}
