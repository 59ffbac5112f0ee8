//! Verifying a token: who presents it, if anyone.

use crate::account::ServiceAccount;
use crate::cache::{Verdict, VerdictCache};
use crate::config::CachePolicy;
use crate::error::{Error, Refusal, Unauthenticated};
use crate::key::Key;
use crate::principal::{AccountPrincipal, Principal};
use crate::store::{KeyStore, Lookup, StoreError};
use crate::time::Timestamp;
use crate::token::{Token, TokenDigest};

/// Verifies tokens against the table, or against what it said a moment ago.
#[derive(Debug)]
pub(crate) struct Verifier {
    store: KeyStore,
    cache: Option<VerdictCache>,
}

impl Verifier {
    /// Verifies against `store`, keeping verdicts by `cache`.
    pub(crate) fn new(store: KeyStore, cache: &CachePolicy) -> Self {
        Self { store, cache: VerdictCache::new(cache) }
    }

    /// Who presents `presented` as its key.
    ///
    /// A malformed token is refused without a look at table or cache. Any failure of the store is
    /// an error, never an allow, and is not kept.
    pub(crate) async fn verify(&self, presented: &str, now: Timestamp) -> Result<Principal, Error> {
        let token = parse(presented)?;
        let digest = token.digest();
        let load = async {
            let found = self.load(&token).await?;
            Ok::<_, StoreError>(judge(&digest, &token, found, now))
        };
        let verdict = match &self.cache {
            Some(cache) => cache.verdict(digest.to_bytes(), now, load).await,
            None => load.await,
        };
        verdict?.map_err(refuse)
    }

    /// Who presents `presented` as its key, by the table as it is now.
    pub(crate) async fn verify_now(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Principal, Error> {
        let token = parse(presented)?;
        let found = self.store.lookup(token.account(), token.key(), true).await?;
        judge(&token.digest(), &token, found, now).map_err(refuse)
    }

    /// Forgets what is thought of a token.
    pub(crate) fn forget(&self, digest: &TokenDigest) {
        if let Some(cache) = &self.cache {
            cache.forget(digest.to_bytes());
        }
    }

    /// Reads what the table knows of `token`.
    async fn load(&self, token: &Token) -> Result<Lookup, StoreError> {
        // Eventually consistent, at half the price: it may be behind by a second on a revocation,
        // which is within the bound stated for one.
        let found = self.store.lookup(token.account(), token.key(), false).await?;
        let missing =
            found.key.is_none() || (found.account.is_none() && !token.account().is_root());
        if !missing {
            return Ok(found);
        }
        // Once more, consistently, so that a key works the moment it is minted.
        self.store.lookup(token.account(), token.key(), true).await
    }
}

fn parse(presented: &str) -> Result<Token, Error> {
    presented.parse().map_err(|error| refuse(Refusal::Malformed(error)))
}

fn refuse(refusal: Refusal) -> Error {
    Error::Unauthenticated(Unauthenticated::Refused(refusal))
}

fn judge(digest: &TokenDigest, token: &Token, found: Lookup, now: Timestamp) -> Verdict {
    let key = found.key.ok_or(Refusal::Unknown)?;
    if key.digest != *digest {
        return Err(Refusal::Digest);
    }
    let account = match found.account {
        Some(account) => Some(account),
        None if token.account().is_root() => None,
        None => return Err(Refusal::Unknown),
    };
    if account.as_ref().is_some_and(|account| account.disabled) {
        return Err(Refusal::AccountDisabled);
    }
    if key.revoked_at.is_some() {
        return Err(Refusal::Revoked);
    }
    if key.is_expired(now) {
        return Err(Refusal::Expired);
    }
    Ok(principal(account, key))
}

fn principal(account: Option<ServiceAccount>, key: Key) -> Principal {
    match account {
        None => Principal::Root { key: key.id, expires_at: key.spec.expires_at },
        Some(account) => Principal::ServiceAccount(AccountPrincipal {
            organization: account.organization,
            account: account.id,
            key: key.id,
            scopes: key.spec.scopes,
            expires_at: key.spec.expires_at,
        }),
    }
}
