//! Minting keys.

use lambda_http::Body;
use lambda_http::http::Response;
use rand::rngs::SysRng;

use crate::account::ServiceAccount;
use crate::error::Error;
use crate::id::ServiceAccountId;
use crate::idempotency::Retry;
use crate::key::{Key, KeySpec};
use crate::metrics::Counter;
use crate::principal::AccountPrincipal;
use crate::scope::{KEYS_WRITE, Scopes};
use crate::store::{StoreError, Written};
use crate::text::KeyName;
use crate::time::Timestamp;
use crate::token::Token;

use super::{Latchkey, once};

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
    /// What the dialect calls the field of `expires_at`, for its refusals.
    pub expires_at_field: &'static str,
}

/// A key just minted, and the only sight of its token.
#[derive(Debug)]
pub struct Minted {
    /// The record.
    pub key: Key,
    /// The token.
    pub token: Token,
}

impl Latchkey {
    /// Mints a key for an account of the caller's organization and answers with what `respond` makes
    /// of it. With a `retry`, a request that came before gets its first answer again.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] if the caller may not, [`Error::InvalidExpiry`],
    /// [`Error::IdempotencyKeyReused`], and what [`crate::store::KeyStore::insert_key`] refuses. Then
    /// there is no key; only after [`StoreError::Unavailable`] there may be one, which a request that is
    /// sent again with the same `Idempotency-Key` gets.
    pub async fn mint(
        &self,
        caller: &AccountPrincipal,
        request: MintRequest,
        retry: Option<Retry>,
        respond: impl FnOnce(&Minted) -> Response<Body>,
    ) -> Result<Response<Body>, Error> {
        let now = self.clock.now();
        let minting = async {
            let minted = self.draw(caller, request, now)?;
            self.check_own(caller, &minted.key.spec.account).await?;
            let response = respond(&minted);
            self.write(caller, &minted, now, response, retry.as_ref()).await
        };
        self.once(retry.as_ref(), now, minting).await
    }

    /// Mints a key like [`Latchkey::mint`], for an answer that describes the account too.
    ///
    /// The caller's own account is read while the transaction runs; another one is read first, since it
    /// may be another organization's. A `retry` keeps the answer in that very transaction, so then the
    /// account is read first as well.
    ///
    /// # Errors
    ///
    /// As [`Latchkey::mint`].
    pub async fn mint_and_describe(
        &self,
        caller: &AccountPrincipal,
        request: MintRequest,
        retry: Option<Retry>,
        respond: impl FnOnce(&Minted, &ServiceAccount) -> Response<Body>,
    ) -> Result<Response<Body>, Error> {
        let now = self.clock.now();
        let id = request.account.clone();
        if retry.is_none() && id == caller.account {
            let minted = self.draw(caller, request, now)?;
            let (written, account) = tokio::join!(
                self.store.insert_key(&minted.key, &caller.organization, &self.policy, now, None),
                self.store.account(&caller.organization, &id),
            );
            written.inspect_err(|error| note_lost(error, &minted.key))?;
            self.note_minted(caller, &minted);
            let account = self.describe_minted(caller, &minted, account).await?;
            return Ok(respond(&minted, &account));
        }
        let minting = async {
            let minted = self.draw(caller, request, now)?;
            let account = self.store.account(&caller.organization, &id).await?;
            let account = account.ok_or(Error::AccountNotFound(id))?;
            let response = respond(&minted, &account);
            self.write(caller, &minted, now, response, retry.as_ref()).await
        };
        self.once(retry.as_ref(), now, minting).await
    }

    /// Decides on a key and draws it, without a look at the table.
    fn draw(
        &self,
        caller: &AccountPrincipal,
        request: MintRequest,
        now: Timestamp,
    ) -> Result<Minted, Error> {
        caller.require(KEYS_WRITE)?;
        let scopes = request.scopes.unwrap_or_else(|| caller.scopes.clone());
        caller.cover(&scopes)?;
        let field = request.expires_at_field;
        let asked = request.expires_at;
        let allowed = self.policy.expiry(asked, now);
        let allowed = allowed.map_err(|problem| Error::InvalidExpiry { field, problem })?;
        let expires_at = caller.bound_expiry(asked, allowed)?;
        let spec = KeySpec {
            account: request.account,
            name: request.name,
            scopes,
            expires_at,
            created_by: Some(caller.key.clone()),
        };
        let (key, token) =
            Key::mint(&mut SysRng, now, &self.policy.prefix, spec).map_err(Error::Random)?;
        Ok(Minted { key, token })
    }

    /// Writes a key, and with it the answer that a repeated request gets.
    async fn write(
        &self,
        caller: &AccountPrincipal,
        minted: &Minted,
        now: Timestamp,
        response: Response<Body>,
        retry: Option<&Retry>,
    ) -> Result<Response<Body>, Error> {
        let kept = once::seal(retry, now, &response)?;
        let (key, organization) = (&minted.key, &caller.organization);
        let written =
            self.store.insert_key(key, organization, &self.policy, now, kept.as_ref()).await;
        let written = written.inspect_err(|error| note_lost(error, key))?;
        if let Written::New = written {
            self.note_minted(caller, minted);
        }
        once::answer(retry, written, response)
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
        self.withdraw(&minted.key).await;
        Err(error)
    }

    /// Removes a key whose token nobody was given. Best effort: the store is failing already.
    async fn withdraw(&self, key: &Key) {
        if let Err(error) = self.store.remove_key(key).await {
            let error = crate::log::causes(&error);
            tracing::error!(key.id = %key.id, error.source = error, "a key without a holder stays");
        }
    }

    fn note_minted(&self, caller: &AccountPrincipal, Minted { key, .. }: &Minted) {
        let (account, minter) = (&key.spec.account, &caller.key);
        tracing::info!(account.id = %account, key.id = %key.id, minter.key.id = %minter, "key minted");
        self.metrics.count(Counter::KeysMinted, 1);
    }
}

/// Logs a key that may be in the table although its minter never gets to see it: the answer to its write
/// was lost. Whoever sends the request again with the same `Idempotency-Key` gets it, and an operator
/// can revoke it.
pub(super) fn note_lost(error: &Error, key: &Key) {
    if let Error::Store(StoreError::Unavailable(_)) = error {
        let account = &key.spec.account;
        tracing::warn!(account.id = %account, key.id = %key.id, "a key may be left without a holder");
    }
}
