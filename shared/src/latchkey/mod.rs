//! The service: what every dialect asks for, decided once.

mod accounts;
mod deployment;
mod keys;
mod mint;
mod once;
mod root_keys;
mod rotate;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use lambda_http::Request;
use lambda_http::http::HeaderMap;
use rand::rngs::SysRng;

use crate::account::Organization;
use crate::config::{CachePolicy, Config, KeyPolicy};
use crate::error::{Error, Unauthenticated};
use crate::http::bearer;
use crate::metrics::{Counter, Metrics};
use crate::page::PageRequest;
use crate::principal::{AccountPrincipal, Denial, Principal};
use crate::store::{KeyStore, Revoked, StoreError};
use crate::time::{Clock, Timestamp};
use crate::token::Token;
use crate::verify::Verifier;

pub use mint::{MintRequest, Minted};
pub use rotate::RotateRequest;

/// How long a request may take. The function's own limit is 10 s, after which the caller would get an
/// error that is not in its dialect; what follows the answer takes a second at most.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// The service behind every dialect.
#[derive(Clone, Debug)]
pub struct Latchkey {
    store: KeyStore,
    verifier: Arc<Verifier>,
    policy: KeyPolicy,
    metrics: Metrics,
    clock: Clock,
}

impl Latchkey {
    /// The service that `config` describes, by the system's clock.
    pub(crate) fn from_config(config: Config, client: Client, metrics: Metrics) -> Self {
        let store = KeyStore::new(client, config.table);
        Self::new(store, config.policy, &config.cache, Clock::system())
            .recording_uses(config.last_used_interval)
            .measured_by(metrics)
    }

    /// The service over `store`, by the rules of `policy` and `cache` and the time of `clock`. It
    /// neither records when keys were used nor measures anything.
    pub fn new(store: KeyStore, policy: KeyPolicy, cache: &CachePolicy, clock: Clock) -> Self {
        let verifier = Arc::new(Verifier::new(store.clone(), cache));
        Self { store, verifier, policy, metrics: Metrics::off(), clock }
    }

    /// The same service, recording when keys were used: at most once per key and `interval`, after the
    /// answer. For a service that has not verified anything yet.
    #[must_use]
    pub fn recording_uses(mut self, interval: Duration) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.record_uses_by(interval);
        }
        self
    }

    /// The same service with metrics. For a service that has not verified anything yet.
    #[must_use]
    pub fn measured_by(mut self, metrics: Metrics) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.measure_by(metrics.clone());
        }
        self.metrics = metrics;
        self
    }

    /// Does what can wait until the caller has its answer: records when keys were used, and writes
    /// metrics. It takes a second at most; a use that cannot be recorded is counted, and the next one
    /// after the interval is tried again.
    pub async fn after_answer(&self) {
        let failed = self.verifier.record_uses().await;
        if failed > 0 {
            tracing::warn!(failed, "the last use of keys was not recorded");
            self.metrics.count(Counter::LastUsedFailures, failed);
        }
        self.metrics.flush(self.clock.now());
    }

    /// The time by the service's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
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
    /// [`Error::Busy`], [`Error::Store`]; then the key is as it was, unless the table did not answer.
    pub async fn revoke_presented(&self, token: &str) -> Result<(), Error> {
        let Ok(token) = token.parse::<Token>() else { return Ok(()) };
        let found = self.store.lookup(token.account(), token.key(), true).await?.key;
        let digest = token.digest();
        if found.is_none_or(|key| key.digest != digest) {
            self.verifier.forget(&digest);
            return Ok(());
        }
        let now = self.clock.now();
        let revoked =
            self.store.revoke_key(None, token.account(), token.key(), &self.policy, now).await;
        match revoked {
            Ok(revoked) => {
                self.note_revoked(&revoked);
                Ok(())
            }
            Err(error) => {
                self.verifier.forget(&digest);
                // Gone meanwhile, which is as good.
                if matches!(error, Error::KeyNotFound(_)) { Ok(()) } else { Err(error) }
            }
        }
    }

    /// Who a request comes from, by its `Authorization` header.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`], [`Error::Store`].
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        self.verify(self.presented(headers)?).await
    }

    /// Who a request to manage keys and accounts comes from. A request that changes something is held
    /// against the table as it is now, by a consistent read and never by the cache: a key that was
    /// revoked a moment ago would otherwise have the time to mint itself a successor.
    ///
    /// # Errors
    ///
    /// As [`Latchkey::authenticate`].
    pub async fn authenticate_manager(&self, request: &Request) -> Result<Principal, Error> {
        let presented = self.presented(request.headers())?;
        if request.method().is_safe() {
            self.verify(presented).await
        } else {
            self.verifier.verify_for_change(presented, self.clock.now()).await
        }
    }

    fn presented<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Error> {
        bearer(headers).map_err(|missing| self.refuse(missing))
    }

    /// The refusal of a request that presents no key, counted.
    pub fn refuse(&self, why: Unauthenticated) -> Error {
        self.metrics.refused(why);
        Error::Unauthenticated(why)
    }

    /// Serves a request with `work`, in bounded time. What fails is logged and measured here, once.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`StoreError::Unavailable`] if it takes longer than [`REQUEST_TIMEOUT`].
    pub async fn attend<T, E: From<Error> + AsRef<Error>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // Boxed: requests are deep futures, and the compiler gives up on several within each other.
        let answer = match tokio::time::timeout(REQUEST_TIMEOUT, Box::pin(work)).await {
            Ok(answer) => answer,
            Err(_) => {
                let error: Error = StoreError::unavailable("the request took too long").into();
                Err(error.into())
            }
        };
        if let Err(failed) = &answer {
            let error = failed.as_ref();
            crate::log::failure(error);
            if let Error::Store(_) = error {
                self.metrics.count(Counter::StoreFailures, 1);
            }
        }
        answer
    }

    /// Follows up on a revocation: from now on this process refuses the key, whoever revoked it.
    fn note_revoked(&self, revoked: &Revoked) {
        let (Revoked::Now(key) | Revoked::Before(key)) = revoked;
        self.verifier.forget(&key.digest);
        if let Revoked::Now(_) = revoked {
            self.metrics.count(Counter::KeysRevoked, 1);
        }
    }

    /// The marker of the page after one that ended with the entry `last`; `None` after the last page.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn marker(&self, page: &PageRequest, last: Option<&str>) -> Result<Option<String>, Error> {
        let marker = last.map(|last| page.marker(&mut SysRng, last, self.clock.now()));
        marker.transpose().map_err(Error::Random)
    }

    /// The caller's organization.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn organization(&self, caller: &AccountPrincipal) -> Result<Organization, Error> {
        let organization = self.store.organization(&caller.organization).await?;
        // Every account's organization exists: it is deleted after them.
        organization.ok_or_else(|| StoreError::corrupt("organization").into())
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
        let own = &caller.organization;
        if own.as_ref() == selected {
            return Ok(());
        }
        match self.store.organization(own).await? {
            Some(organization) if organization.name.as_ref() == selected => Ok(()),
            _ => Err(Denial::OtherOrganization.into()),
        }
    }
}
