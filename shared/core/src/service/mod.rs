//! The service: what every dialect asks for, decided once.

mod accounts;
mod authenticate;
mod cache;
mod clock;
mod cursor;
mod deployment;
mod generate;
mod keys;
mod known_deployment;
mod last_used;
pub mod metrics;
mod mint;
pub mod operator;
mod organization;
mod replay;
mod root_keys;
mod rotate;
mod sealing;
pub mod settings;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SysRng;

use crate::error::Error;
use crate::policy::{CachePolicy, KeyPolicy};
use crate::store::{KeyStore, Revocation};
use crate::time::Timestamp;

use metrics::{Counter, Metrics};
use verify::Verifier;

pub use authenticate::Authenticated;
pub use clock::Clock;
pub use cursor::Cursors;
pub use mint::MintRequest;
pub use replay::{IdempotentRequest, Replay};
pub use rotate::RotateRequest;
pub use sealing::CallerSecret;
pub use verify::Freshness;
/// What [`Replay`] writes, zeroed when dropped: it holds a secret.
pub use zeroize::Zeroizing;

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
    /// The service over `store`, by the rules of `policy` and `cache` and the time of `clock`. It
    /// neither records when keys were used nor measures anything.
    pub fn new(store: KeyStore, policy: KeyPolicy, cache: &CachePolicy, clock: Clock) -> Self {
        let verifier = Arc::new(Verifier::new(store.clone(), cache));
        Self { store, verifier, policy, metrics: Metrics::off(), clock }
    }

    /// The same service, recording when keys were used: at most once per key and `interval`, after the
    /// answer. For a service that has not verified anything yet.
    #[must_use]
    pub fn with_last_used(mut self, interval: Duration) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.record_uses_by(interval);
        }
        self
    }

    /// The same service with metrics. For a service that has not verified anything yet.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        if let Some(verifier) = Arc::get_mut(&mut self.verifier) {
            verifier.measure_by(metrics.clone());
        }
        self.metrics = metrics;
        self
    }

    /// What the service counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
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

    /// Follows up on a revocation: from now on this process refuses the key, whoever revoked it.
    fn record_revoked(&self, revocation: &Revocation) {
        self.verifier.forget(&revocation.key().digest);
        if let Revocation::Revoked(_) = revocation {
            self.metrics.count(Counter::KeysRevoked, 1);
        }
    }

    /// The cursor of the page after one that ended with the entry `last`; `None` after the last page.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn cursor(&self, cursors: &Cursors, last: Option<&str>) -> Result<Option<String>, Error> {
        let cursor = last.map(|last| cursors.seal(&mut SysRng, last, self.clock.now()));
        cursor.transpose().map_err(Error::Random)
    }
}
