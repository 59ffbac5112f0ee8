//! Metrics: what happened, counted in memory and given to whoever writes it.
//!
//! What happens often is given once a minute and environment; what an operator waits for, a key minted or a
//! key refused, with the request that it belongs to. An environment that is shut down takes with it what it
//! counted in its last minute.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Refusal;
use crate::time::Timestamp;

/// How long frequent counts wait.
const INTERVAL: Duration = Duration::from_secs(60);

/// Latencies after which a batch waits no longer: as many as one line of CloudWatch's format holds.
pub const LATENCIES_MAX: usize = 100;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Keys minted, those that took the place of others not among them.
    KeysMinted,
    /// Keys that took the place of others.
    KeysRotated,
    /// Keys revoked.
    KeysRevoked,
    /// Keys presented and let in.
    Verified,
    /// Verdicts on keys that came from the cache, whatever they were.
    CacheHits,
    /// Requests that could not be served because of the store.
    StoreFailures,
    /// Uses of keys that could not be recorded.
    LastUsedFailures,
}

impl Counter {
    /// The counter's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeysMinted => "KeysMinted",
            Self::KeysRotated => "KeysRotated",
            Self::KeysRevoked => "KeysRevoked",
            Self::Verified => "Verified",
            Self::CacheHits => "CacheHits",
            Self::StoreFailures => "StoreFailures",
            Self::LastUsedFailures => "LastUsedFailures",
        }
    }

    /// Whether it can wait for a minute.
    fn is_frequent(self) -> bool {
        matches!(self, Self::Verified | Self::CacheHits)
    }
}

/// What happened since the batch before.
#[derive(Debug, Default)]
pub struct Batch {
    /// How often each thing happened.
    pub counts: BTreeMap<Counter, u64>,
    /// How many keys were refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// How long requests to the store took, in milliseconds.
    pub latencies: Vec<f64>,
    is_urgent: bool,
    written_at: Option<Timestamp>,
}

/// Counts, for an environment of a function.
#[derive(Clone)]
pub struct Metrics(Option<Arc<Recorder>>);

type Write = dyn Fn(&Batch, Timestamp) + Send + Sync;

struct Recorder {
    write: Box<Write>,
    batch: Mutex<Batch>,
}

impl Metrics {
    /// No metrics.
    pub fn off() -> Self {
        Self(None)
    }

    /// Metrics of which each batch is given to `write`.
    pub fn new(write: impl Fn(&Batch, Timestamp) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Recorder { write: Box::new(write), batch: Mutex::default() })))
    }

    /// Counts `number` times what `counter` stands for.
    pub fn count(&self, counter: Counter, number: usize) {
        self.add(|batch| {
            *batch.counts.entry(counter).or_default() += number as u64;
            batch.is_urgent |= !counter.is_frequent();
        });
    }

    /// Counts a refusal.
    pub fn refused(&self, refusal: Refusal) {
        self.add(|batch| {
            *batch.refused.entry(reason(refusal)).or_default() += 1;
            batch.is_urgent = true;
        });
    }

    /// Notes how long a request to the store took.
    pub fn latency(&self, took: Duration) {
        self.add(|batch| {
            // Microseconds are noise, and digits cost.
            batch.latencies.push((took.as_secs_f64() * 10_000.0).round() / 10.0);
            batch.is_urgent |= batch.latencies.len() >= LATENCIES_MAX;
        });
    }

    /// Writes what is to be written by `now`.
    pub fn flush(&self, now: Timestamp) {
        let Some(recorder) = &self.0 else { return };
        let batch = {
            let mut batch = recorder.batch();
            let due = batch.written_at.is_none_or(|at| at.saturating_add(INTERVAL) <= now);
            if !due && !batch.is_urgent {
                return;
            }
            std::mem::replace(&mut *batch, Batch { written_at: Some(now), ..Batch::default() })
        };
        (recorder.write)(&batch, now);
    }

    fn add(&self, change: impl FnOnce(&mut Batch)) {
        if let Some(recorder) = &self.0 {
            change(&mut recorder.batch());
        }
    }
}

impl Recorder {
    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason of a refusal, as a dimension: few, and never what was presented.
fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => "missing",
        Refusal::Scheme => "scheme",
        Refusal::Malformed(_) => "malformed",
        Refusal::Unknown => "unknown",
        Refusal::Digest => "wrong_secret",
        Refusal::AccountDisabled => "account_disabled",
        Refusal::OrganizationDisabled => "organization_disabled",
        Refusal::Revoked => "revoked",
        Refusal::Expired => "expired",
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
