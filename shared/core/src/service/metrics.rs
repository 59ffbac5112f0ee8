//! Metrics, counted in memory and passed to a writer.
//!
//! Each environment writes frequent events once a minute. It writes a changed key with its request, and what
//! anyone can cause, such as a rejected key, every ten seconds at most, so that a flood does not pay for lines.
//! The first event after a pause is written at once. An environment that shuts down loses what it has not
//! written: the frequent counts of its last minute, and the rejections of its last ten seconds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Refusal;
use crate::time::Timestamp;

/// The interval between writes of frequent counts.
const INTERVAL: Duration = Duration::from_secs(60);

/// The minimum interval between writes of what anyone can cause.
pub const TROUBLE_INTERVAL: Duration = Duration::from_secs(10);

/// The number of latencies that are written at once: the maximum of one line in CloudWatch's format.
pub const LATENCIES_MAX: usize = 100;

/// A counted event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Keys minted, not including rotations.
    KeysMinted,
    /// Keys minted by a rotation.
    KeysRotated,
    /// Keys revoked.
    KeysRevoked,
    /// Keys verified successfully.
    Verified,
    /// Verdicts from the cache, whether accepted or rejected.
    CacheHits,
    /// Requests that failed because of the store.
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

    fn urgency(self) -> Urgency {
        match self {
            Self::Verified | Self::CacheHits => Urgency::Frequent,
            Self::StoreFailures | Self::LastUsedFailures => Urgency::Trouble,
            Self::KeysMinted | Self::KeysRotated | Self::KeysRevoked => Urgency::Change,
        }
    }
}

/// How soon a batch is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// After [`INTERVAL`].
    #[default]
    Frequent,
    /// After [`TROUBLE_INTERVAL`].
    Trouble,
    /// With its request.
    Change,
}

impl Urgency {
    fn interval(self) -> Duration {
        match self {
            Self::Frequent => INTERVAL,
            Self::Trouble => TROUBLE_INTERVAL,
            Self::Change => Duration::ZERO,
        }
    }
}

/// The events since the previous batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// The number of events of each kind.
    pub counts: BTreeMap<Counter, u64>,
    /// The number of rejected keys, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// The latencies of requests to the store, in milliseconds.
    pub latencies: Vec<f64>,
    urgency: Urgency,
    written_at: Option<Timestamp>,
}

/// The metrics of an execution environment.
#[derive(Clone)]
pub struct Metrics(Option<Arc<Recorder>>);

type Write = dyn Fn(&Batch, Timestamp) + Send + Sync;

struct Recorder {
    write: Box<Write>,
    batch: Mutex<Batch>,
}

impl Metrics {
    /// Disables metrics.
    pub fn off() -> Self {
        Self(None)
    }

    /// Creates metrics that pass each batch to `write`.
    pub fn new(write: impl Fn(&Batch, Timestamp) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Recorder { write: Box::new(write), batch: Mutex::default() })))
    }

    /// Adds `number` to `counter`.
    pub fn count(&self, counter: Counter, number: usize) {
        self.add(|batch| {
            *batch.counts.entry(counter).or_default() += number as u64;
            batch.urgency = batch.urgency.max(counter.urgency());
        });
    }

    /// Counts a rejected key.
    pub fn refused(&self, refusal: Refusal) {
        self.add(|batch| {
            *batch.refused.entry(reason(refusal)).or_default() += 1;
            batch.urgency = batch.urgency.max(Urgency::Trouble);
        });
    }

    /// Records the latency of a request to the store.
    pub fn latency(&self, took: Duration) {
        self.add(|batch| {
            // Precision below 0.1 ms is noise, and every digit costs.
            batch.latencies.push((took.as_secs_f64() * 10_000.0).round() / 10.0);
        });
    }

    /// Writes the batch if it is due at `now`, or only its latencies if they fill a line.
    pub fn flush(&self, now: Timestamp) {
        let Some(recorder) = &self.0 else { return };
        let batch = {
            let mut batch = recorder.batch();
            let due = |at: Timestamp| at.saturating_add(batch.urgency.interval()) <= now;
            if batch.written_at.is_none_or(due) {
                std::mem::replace(&mut *batch, Batch { written_at: Some(now), ..Batch::default() })
            } else if batch.latencies.len() >= LATENCIES_MAX {
                Batch { latencies: std::mem::take(&mut batch.latencies), ..Batch::default() }
            } else {
                return;
            }
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

/// The reason for a rejection, as a dimension: few values, and never any part of the credentials.
pub fn reason(refusal: Refusal) -> &'static str {
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
