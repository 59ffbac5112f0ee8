//! The service behind every dialect.

mod accounts;
mod audit;
mod authenticate;
mod cache;
mod clock;
mod courier;
mod cursor;
mod deployment;
mod generate;
mod keys;
mod known_deployment;
mod last_used;
mod leak;
pub mod metrics;
mod mint;
pub mod operator;
mod organization;
mod repeats;
mod replay;
mod root_keys;
mod rotate;
mod sealing;
pub mod settings;
mod verify;
pub mod warnings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SysRng;

use crate::audit::{Actor, Author, Origin};
use crate::error::Error;
use crate::policy::{CachePolicy, KeyPolicy};
use crate::principal::AccountPrincipal;
use crate::store::{KeyStore, Revocation};
use crate::time::Timestamp;

use metrics::{Counter, Metrics};
use repeats::Repeats;
use verify::Verifier;

pub use audit::{EventFilter, FoundEvents};
pub use authenticate::Authenticated;
pub use clock::Clock;
pub use courier::{Answer, Courier, Message, Turn, Wake};
pub use cursor::Cursors;
pub use mint::MintRequest;
pub use replay::{IdempotentRequest, Replay};
pub use rotate::RotateRequest;
pub use sealing::CallerSecret;
pub use verify::Freshness;
pub use webhooks::{DeliveryFilter, WebhookRequest};
/// The type of [`Replay`]'s output, zeroed when dropped because it holds a secret.
pub use zeroize::Zeroizing;

/// The time limit of a request. The function's own limit is 10 s, after which the caller would get an error
/// that is not in its dialect. Work after the response takes at most one second.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// The service behind every dialect.
#[derive(Clone, Debug)]
pub struct Latchkey {
    store: KeyStore,
    verifier: Arc<Verifier>,
    policy: KeyPolicy,
    metrics: Metrics,
    repeats: Arc<Repeats>,
    clock: Clock,
    /// Where the changes of this request come from.
    origin: Origin,
}

impl Latchkey {
    /// Creates the service over `store` with the rules of `policy` and `cache` and the time of `clock`. It
    /// records neither last-used times nor metrics.
    pub fn new(store: KeyStore, policy: KeyPolicy, cache: &CachePolicy, clock: Clock) -> Self {
        let verifier = Arc::new(Verifier::new(store.clone(), cache));
        let (metrics, repeats) = (Metrics::off(), Arc::default());
        Self { store, verifier, policy, metrics, repeats, clock, origin: Origin::default() }
    }

    /// Returns the same service for a request from `origin`, which the audit trail names.
    #[must_use]
    pub fn for_request(&self, origin: Origin) -> Self {
        Self { origin, ..self.clone() }
    }

    /// Returns the store for changes by `caller`.
    fn writer(&self, caller: &AccountPrincipal) -> KeyStore {
        self.writer_of(Actor::service_account(&caller.account, &caller.key))
    }

    /// Returns the store for changes by `actor`.
    fn writer_of(&self, actor: Actor) -> KeyStore {
        self.store.by(Author { actor, origin: self.origin.clone() })
    }

    /// Enables recording of last-used times, at most once per key and `interval`, after the response. Call
    /// this before the service verifies anything.
    #[must_use]
    pub fn with_last_used(mut self, interval: Duration) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.record_uses_by(interval);
        }
        self
    }

    /// Enables metrics. Call this before the service verifies anything.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.measure_by(metrics.clone());
        }
        self.metrics = metrics;
        self
    }

    /// The service's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Performs the work that can wait until the response is sent: records last-used times and writes
    /// metrics. Takes at most one second. A use that cannot be recorded is counted, and the next attempt
    /// follows after the interval.
    pub async fn after_answer(&self) {
        let failed = self.verifier.record_uses().await;
        if failed > 0 {
            self.metrics.count(Counter::LastUsedFailures, failed);
            if let Some(left_out) = self.admit_line("last use") {
                tracing::warn!(failed, left_out, "could not record when keys were last used");
            }
        }
        self.metrics.flush(self.clock.now());
    }

    /// Returns whether to log a line that anyone can cause: `Some` with the number of lines of this kind that
    /// were left out since the previous one, or `None`, within ten seconds of it.
    pub fn admit_line(&self, kind: &'static str) -> Option<u64> {
        self.repeats.admit(kind, self.clock.now())
    }

    /// Returns the time of the service's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Handles a revocation by any caller: from now on, this process rejects the key.
    fn record_revoked(&self, revocation: &Revocation) {
        self.verifier.key_changed(&revocation.key().digest, self.clock.now());
        if let Revocation::Revoked(_) = revocation {
            self.metrics.count(Counter::KeysRevoked, 1);
        }
    }

    /// Returns the cursor of the page after the entry `last`; `None` after the last page.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn cursor(&self, cursors: &Cursors, last: Option<&str>) -> Result<Option<String>, Error> {
        let cursor = last.map(|last| cursors.seal(&mut SysRng, last, self.clock.now()));
        cursor.transpose().map_err(Error::Random)
    }
}
