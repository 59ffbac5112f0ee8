//! The service: what every dialect asks for, decided once.

use std::sync::Arc;

use lambda_http::Body;
use lambda_http::http::{HeaderMap, Response};
use rand::rngs::SysRng;

use crate::account::ServiceAccount;
use crate::config::{CachePolicy, KeyPolicy};
use crate::error::Error;
use crate::http::bearer;
use crate::id::{OrganizationId, ServiceAccountId};
use crate::idempotency::{OpenError, Retry, SealedAnswer};
use crate::key::{Key, KeySpec};
use crate::principal::{AccountPrincipal, Denial, Principal};
use crate::scope::{KEYS_WRITE, Scopes};
use crate::store::{Inserted, KeyStore, StoreError};
use crate::text::KeyName;
use crate::time::{Clock, Timestamp};
use crate::token::Token;
use crate::verify::Verifier;

/// The service behind every dialect.
#[derive(Clone, Debug)]
pub struct Latchkey {
    store: KeyStore,
    verifier: Arc<Verifier>,
    policy: KeyPolicy,
    clock: Clock,
}

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
    /// The service over `store`, by the rules of `policy` and `cache` and the time of `clock`.
    pub fn new(store: KeyStore, policy: KeyPolicy, cache: &CachePolicy, clock: Clock) -> Self {
        let verifier = Arc::new(Verifier::new(store.clone(), cache));
        Self { store, verifier, policy, clock }
    }

    /// Who presents `token` as its key.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn verify(&self, token: &str) -> Result<Principal, Error> {
        self.verifier.verify(token, self.clock.now()).await
    }

    /// Who presents `token` as its key, by the table as it is now and not as it was a moment ago.
    ///
    /// # Errors
    ///
    /// As [`Latchkey::verify`].
    pub async fn verify_now(&self, token: &str) -> Result<Principal, Error> {
        self.verifier.verify_now(token, self.clock.now()).await
    }

    /// Revokes the key of `token`, for whoever holds that token. Nothing happens if it is none.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]; then the key is as it was.
    pub async fn revoke_presented(&self, token: &str) -> Result<(), Error> {
        let Ok(token) = token.parse::<Token>() else { return Ok(()) };
        let found = self.store.lookup(token.account(), token.key(), true).await?.key;
        let digest = token.digest();
        if found.is_none_or(|key| key.digest != digest) {
            return Ok(());
        }
        let now = self.clock.now();
        let revoked = self.store.revoke_key(token.account(), token.key(), &self.policy, now).await;
        self.verifier.forget(&digest);
        match revoked {
            // Gone meanwhile, which is as good.
            Ok(_) | Err(Error::KeyNotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Who a request comes from, by its `Authorization` header.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        let presented = bearer(headers).map_err(Error::Unauthenticated)?;
        self.verify(presented).await
    }

    /// Mints a key for an account of the caller's organization and answers with what `respond` makes
    /// of it. With a `retry`, a request that came before gets its first answer again.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] if the caller may not, [`Error::InvalidExpiry`],
    /// [`Error::IdempotencyKeyReused`], and what [`KeyStore::insert_key`] refuses. Then there is no key.
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
            let response = respond(&minted);
            self.write(caller, &minted, now, response, retry.as_ref()).await
        };
        let answer = minting.await;
        self.answer_again(answer, now, retry.as_ref()).await
    }

    /// Mints a key like [`Latchkey::mint`], for an answer that describes the account too.
    ///
    /// The account is read while the transaction runs. A `retry` keeps the answer in that very
    /// transaction, so then the account is read first, which takes one round trip more.
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
        let Some(retry) = retry else {
            let minted = self.draw(caller, request, now)?;
            let (written, account) = tokio::join!(
                self.store.insert_key(&minted.key, &caller.organization, &self.policy, now, None),
                self.store.account(&caller.organization, &id),
            );
            written?;
            log_minted(caller, &minted);
            let account = self.describe_minted(caller, &minted, account).await?;
            return Ok(respond(&minted, &account));
        };
        let minting = async {
            let minted = self.draw(caller, request, now)?;
            let account = self.store.account(&caller.organization, &id).await?;
            let account = account.ok_or(Error::AccountNotFound(id))?;
            let response = respond(&minted, &account);
            self.write(caller, &minted, now, response, Some(&retry)).await
        };
        let answer = minting.await;
        self.answer_again(answer, now, Some(&retry)).await
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
        let expires_at = self.policy.expiry(request.expires_at, now);
        let spec = KeySpec {
            account: request.account,
            name: request.name,
            scopes,
            expires_at: expires_at.map_err(|problem| Error::InvalidExpiry { field, problem })?,
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
        let kept = retry.map(|retry| retry.seal(&mut SysRng, now, &response)).transpose();
        let kept = kept.map_err(Error::Random)?;
        let (key, organization) = (&minted.key, &caller.organization);
        let inserted =
            self.store.insert_key(key, organization, &self.policy, now, kept.as_ref()).await?;
        match (inserted, retry) {
            (Inserted::Before(kept), Some(retry)) => open(retry, &kept),
            (Inserted::Before(_), None) => Err(Error::Busy),
            (Inserted::New, _) => {
                log_minted(caller, minted);
                Ok(response)
            }
        }
    }

    /// The first answer of a repeated request that would be refused by now: its expiry is past, say.
    async fn answer_again(
        &self,
        answer: Result<Response<Body>, Error>,
        now: Timestamp,
        retry: Option<&Retry>,
    ) -> Result<Response<Body>, Error> {
        let (error, retry) = match (answer, retry) {
            (Err(error), Some(retry)) if error.status().is_client_error() => (error, retry),
            (answer, _) => return answer,
        };
        match self.store.answer(retry.id(), now).await? {
            Some(kept) => open(retry, &kept),
            None => Err(error),
        }
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

    /// Checks that `selected`, an organization's id or its exact name, is the caller's organization.
    ///
    /// # Errors
    ///
    /// [`Denial::OtherOrganization`] if it is not, [`Error::Store`].
    pub async fn check_organization(
        &self,
        caller: &AccountPrincipal,
        selected: &str,
    ) -> Result<(), Error> {
        let own: &OrganizationId = &caller.organization;
        if own.as_ref() == selected {
            return Ok(());
        }
        match self.store.organization(own).await? {
            Some(organization) if organization.name.as_ref() == selected => Ok(()),
            _ => Err(Denial::OtherOrganization.into()),
        }
    }
}

fn open(retry: &Retry, kept: &SealedAnswer) -> Result<Response<Body>, Error> {
    retry.open(kept).map_err(|error| match error {
        OpenError::OtherRequest => Error::IdempotencyKeyReused,
        OpenError::Damaged => StoreError::corrupt("sealed").into(),
    })
}

fn log_minted(caller: &AccountPrincipal, Minted { key, .. }: &Minted) {
    let (account, minter) = (&key.spec.account, &caller.key);
    tracing::info!(account.id = %account, key.id = %key.id, minter.key.id = %minter, "key minted");
}
