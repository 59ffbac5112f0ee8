//! Verification of tokens.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::account::ServiceAccount;
use crate::audit::{Actor, Author, Origin};
use crate::error::{Error, Refusal, causes};
use crate::key::Key;
use crate::policy::{CachePolicy, KeyPolicy};
use crate::principal::{AccountPrincipal, Principal};
use crate::store::{Deployment, KeyStore, Lookup, Revocation, StoreError};
use crate::time::Timestamp;
use crate::token::{Token, TokenDigest};

use super::cache::{Verdict, VerdictCache};
use super::known_deployment::KnownDeployment;
use super::last_used::LastUsed;
use super::metrics::{Counter, Metrics};

/// The time limit for recording uses of keys after the response.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an environment reads consistently after a change of its own, in milliseconds. DynamoDB's replicas
/// usually agree within a second (Amazon DynamoDB Developer Guide, "Read consistency").
const REPLICATION: u64 = 2000;

/// The required freshness of a verdict on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// For a request that only reads. The verdict may be as old as the cache lifetime.
    Cached,
    /// For a request that changes something. Reads account and key consistently, at twice the price of a
    /// cache miss. Otherwise, a key that was just revoked would have time to mint a successor. The list of
    /// disabled organizations may be slightly older, because anything that a key of a disabled organization
    /// creates is disabled with it.
    ForChange,
    /// Reads all data for the verdict from the table now.
    Now,
}

/// A token that was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) principal: Principal,
    /// The principal's account, if the table was read for the change that it wants to make.
    pub(crate) account: Option<ServiceAccount>,
}

/// Verifies tokens against the table or recent results from it.
#[derive(Debug)]
pub(crate) struct Verifier {
    store: KeyStore,
    cache: Option<VerdictCache>,
    deployment: KnownDeployment,
    /// When this environment last changed a key or an account, in milliseconds since the Unix epoch.
    changed_at: AtomicI64,
    last_used: LastUsed,
    metrics: Metrics,
}

impl Verifier {
    /// Verifies against `store` and caches verdicts according to `cache`.
    pub(crate) fn new(store: KeyStore, cache: &CachePolicy) -> Self {
        Self {
            store,
            cache: VerdictCache::new(cache),
            deployment: KnownDeployment::new(cache),
            changed_at: AtomicI64::new(i64::MIN),
            last_used: LastUsed::new(Duration::ZERO),
            metrics: Metrics::off(),
        }
    }

    /// Samples uses by `interval` from now on.
    pub(crate) fn record_uses_by(&mut self, interval: Duration) {
        self.last_used = LastUsed::new(interval);
    }

    /// Counts verdicts in `metrics` from now on.
    pub(crate) fn measure_by(&mut self, metrics: Metrics) {
        self.metrics = metrics;
    }

    /// Verifies the token `presented` and returns its principal. `freshness` sets how fresh the verdict must
    /// be.
    ///
    /// Rejects a malformed token without consulting the table or the cache. A store failure is always an
    /// error, never an acceptance, and is not cached.
    pub(crate) async fn verify(
        &self,
        presented: &str,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        let token = presented.parse().map_err(|error| self.refuse(Refusal::Malformed(error)))?;
        match (freshness, self.deployment.recent(now)) {
            (Freshness::Cached, known) => {
                let principal = self.verify_cached(&token, known, now).await?;
                Ok(Verified { principal, account: None })
            }
            (Freshness::ForChange, Some(deployment)) => {
                let found = self.store.lookup(token.account(), token.key(), true).await?;
                self.conclude_past_cache(&token, found, &deployment, now)
            }
            (Freshness::ForChange, None) | (Freshness::Now, _) => {
                self.verify_now(&token, now).await
            }
        }
    }

    /// Checks a cached verdict against the recent copy of the deployment. If that copy is too old, the cached
    /// verdict is not used, and one read refreshes both.
    async fn verify_cached(
        &self,
        token: &Token,
        known: Option<Arc<Deployment>>,
        now: Timestamp,
    ) -> Result<Principal, Error> {
        let digest = token.digest();
        if known.is_none() {
            self.forget(&digest);
        }
        let loaded = OnceLock::new();
        let load = async {
            let (found, deployment) = self.load(token, known.clone(), now).await?;
            // Nothing else sets it.
            let _ = loaded.set(deployment);
            self.observe(&found);
            Ok::<_, StoreError>(judge(&digest, token, found, now))
        };
        let verdict = match &self.cache {
            Some(cache) => cache.verdict(digest.to_bytes(), now, load).await,
            None => load.await,
        };
        let verdict = verdict?;
        let deployment = match loaded.into_inner() {
            Some(deployment) => deployment,
            None => {
                // If it is missing, the verdict is from a concurrent read, which has observed the deployment.
                let Some(deployment) = known.or_else(|| self.deployment.recent(now)) else {
                    return Ok(self.verify_now(token, now).await?.principal);
                };
                self.metrics.count(Counter::CacheHits, 1);
                deployment
            }
        };
        self.conclude(verdict, &deployment, now)
    }

    async fn verify_now(&self, token: &Token, now: Timestamp) -> Result<Verified, Error> {
        let (account, key) = (token.account(), token.key());
        let (found, deployment) = self.store.lookup_with_deployment(account, key, true).await?;
        let deployment = self.deployment.observe(deployment, now);
        self.conclude_past_cache(token, found, &deployment, now)
    }

    /// Revokes the key of the token `presented` as its holder, who is at `origin`. Returns `None` if there is no
    /// such key.
    pub(crate) async fn revoke(
        &self,
        presented: &str,
        origin: &Origin,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Option<Revocation>, Error> {
        let Ok(token) = presented.parse::<Token>() else { return Ok(None) };
        let digest = token.digest();
        let found = self.store.lookup(token.account(), token.key(), true).await?.key;
        if found.is_none_or(|key| key.digest != digest) {
            self.forget(&digest);
            return Ok(None);
        }
        let (account, key) = (token.account(), token.key());
        let author = Author { actor: Actor::holder(account, key), origin: origin.clone() };
        match self.store.by(author).revoke_key(None, account, key, policy, now).await {
            Ok(revocation) => Ok(Some(revocation)),
            Err(error) => {
                self.forget(&digest);
                // The key was deleted first, which has the same effect.
                if matches!(error, Error::KeyNotFound(_)) { Ok(None) } else { Err(error) }
            }
        }
    }

    fn conclude_past_cache(
        &self,
        token: &Token,
        found: Lookup,
        deployment: &Deployment,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        self.observe(&found);
        let digest = token.digest();
        let account = found.account.clone();
        let verdict = judge(&digest, token, found, now);
        if verdict.is_err() {
            // Once a token is rejected, an older verdict must not accept it again.
            self.forget(&digest);
        }
        let principal = self.conclude(verdict, deployment, now)?;
        Ok(Verified { principal, account })
    }

    fn conclude(
        &self,
        verdict: Verdict,
        deployment: &Deployment,
        now: Timestamp,
    ) -> Result<Principal, Error> {
        let principal = verdict.map_err(|refusal| self.refuse(refusal))?;
        if let Principal::ServiceAccount(caller) = &principal
            && deployment.disables(&caller.organization)
        {
            return Err(self.refuse(Refusal::OrganizationDisabled));
        }
        self.last_used.record(&principal, now);
        self.metrics.count(Counter::Verified, 1);
        Ok(principal)
    }

    fn refuse(&self, refusal: Refusal) -> Error {
        self.metrics.refused(refusal);
        Error::Unauthenticated(refusal)
    }

    fn observe(&self, found: &Lookup) {
        if let Some(key) = &found.key {
            self.last_used.observe(&key.id, key.last_used_at);
        }
    }

    /// Writes the waiting uses of keys and returns how many writes failed. Takes at most one second, so that
    /// an environment is never held up for long.
    pub(crate) async fn record_uses(&self) -> usize {
        let uses = self.last_used.drain();
        let mut failed = uses.len();
        let interval = self.last_used.interval();
        let write = async {
            for used in &uses {
                match self.store.record_use(used, interval).await {
                    Ok(()) => failed -= 1,
                    Err(error) => {
                        let source = causes(&error);
                        tracing::debug!(error.source = source, "{error}");
                    }
                }
            }
        };
        let _ = tokio::time::timeout(RECORDING_TIMEOUT, write).await;
        failed
    }

    /// Clears the cache because this environment changed an account at `now`.
    pub(crate) fn account_changed(&self, now: Timestamp) {
        self.changed_at.store(now.as_millis(), Ordering::Relaxed);
        if let Some(cache) = &self.cache {
            cache.forget_all();
        }
    }

    /// Removes the cached verdict on a key because this environment changed the key at `now`.
    pub(crate) fn key_changed(&self, digest: &TokenDigest, now: Timestamp) {
        self.changed_at.store(now.as_millis(), Ordering::Relaxed);
        self.forget(digest);
    }

    fn forget(&self, digest: &TokenDigest) {
        if let Some(cache) = &self.cache {
            cache.forget(digest.to_bytes());
        }
    }

    /// Returns the deployment as last read, however long ago.
    pub(crate) fn known_deployment(&self) -> Option<Arc<Deployment>> {
        self.deployment.latest()
    }

    /// Stores the result of a read that began at `asked_at`.
    pub(crate) fn observe_deployment(&self, deployment: Deployment, asked_at: Timestamp) {
        self.deployment.observe(deployment, asked_at);
    }

    /// Reads the table's records for `token`, and the deployment unless it is `known`.
    async fn load(
        &self,
        token: &Token,
        known: Option<Arc<Deployment>>,
        now: Timestamp,
    ) -> Result<(Lookup, Arc<Deployment>), StoreError> {
        let (account, key) = (token.account(), token.key());
        // Eventually consistent, at half the price. It may miss a revocation for about a second, which is
        // within the documented bound, unless this environment revoked the key.
        let changed_at = self.changed_at.load(Ordering::Relaxed);
        let consistent = now.as_millis().abs_diff(changed_at) < REPLICATION;
        let (found, deployment) = match known {
            Some(known) => (self.store.lookup(account, key, consistent).await?, known),
            None => {
                let read = self.store.lookup_with_deployment(account, key, consistent).await?;
                (read.0, self.deployment.observe(read.1, now))
            }
        };
        let missing =
            found.key.is_none() || (found.account.is_none() && !token.account().is_root());
        if !missing || consistent {
            return Ok((found, deployment));
        }
        // Reads again consistently, so that a key works as soon as it is minted.
        Ok((self.store.lookup(account, key, true).await?, deployment))
    }
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
