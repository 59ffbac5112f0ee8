//! The deployment as known to an execution environment: which organizations are disabled.
//!
//! A verdict on a key does not cover its organization, which one write can disable. So every verdict, cached
//! or not, is checked against a copy of the deployment that is at most `CacheTtl` old.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::policy::CachePolicy;
use crate::store::Deployment;
use crate::time::Timestamp;

/// The deployment as last read.
#[derive(Debug)]
pub(crate) struct KnownDeployment {
    ttl: Duration,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    deployment: Arc<Deployment>,
    asked_at: Timestamp,
}

impl KnownDeployment {
    /// Starts empty. Trusts what it observes for as long as `policy` caches verdicts.
    pub(crate) fn new(policy: &CachePolicy) -> Self {
        let ttl = if policy.entries == 0 { Duration::ZERO } else { policy.ttl };
        Self { ttl, known: Mutex::default() }
    }

    /// Returns the deployment if it was read recently enough to judge a key at `now`.
    pub(crate) fn recent(&self, now: Timestamp) -> Option<Arc<Deployment>> {
        let known = self.known();
        let recent = known.as_ref().filter(|known| now < known.asked_at.saturating_add(self.ttl));
        recent.map(|known| Arc::clone(&known.deployment))
    }

    /// Returns the deployment as last read, however long ago.
    pub(crate) fn latest(&self) -> Option<Arc<Deployment>> {
        self.known().as_ref().map(|known| Arc::clone(&known.deployment))
    }

    /// Stores the result of a read that began at `asked_at`.
    pub(crate) fn observe(&self, deployment: Deployment, asked_at: Timestamp) -> Arc<Deployment> {
        let deployment = Arc::new(deployment);
        let mut known = self.known();
        // Reads may complete in a different order than they began.
        if known.as_ref().is_none_or(|known| known.asked_at <= asked_at) {
            *known = Some(Known { deployment: Arc::clone(&deployment), asked_at });
        }
        deployment
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("in range")
    }

    fn counting(organizations: u64) -> Deployment {
        Deployment { organizations: Some(organizations), ..Deployment::default() }
    }

    #[test]
    fn what_is_known_is_trusted_for_its_time_and_not_longer() {
        let policy = CachePolicy { ttl: Duration::from_secs(10), entries: 1 };
        let known = KnownDeployment::new(&policy);
        assert_eq!((known.recent(at(0)), known.latest()), (None, None));
        known.observe(counting(1), at(5));
        assert_eq!(known.recent(at(14)).as_deref(), Some(&counting(1)));
        assert_eq!(known.recent(at(15)), None);
        assert_eq!(known.latest().as_deref(), Some(&counting(1)));
    }

    #[test]
    fn an_older_read_never_takes_the_place_of_a_newer_one() {
        let policy = CachePolicy { ttl: Duration::from_secs(10), entries: 1 };
        let known = KnownDeployment::new(&policy);
        known.observe(counting(2), at(5));
        assert_eq!(*known.observe(counting(1), at(4)), counting(1), "whoever read it judges by it");
        assert_eq!(known.latest().as_deref(), Some(&counting(2)));
    }

    #[test]
    fn without_a_cache_nothing_is_trusted() {
        for policy in [
            CachePolicy { ttl: Duration::ZERO, entries: 1 },
            CachePolicy { ttl: Duration::from_secs(10), entries: 0 },
        ] {
            let known = KnownDeployment::new(&policy);
            known.observe(counting(1), at(5));
            assert_eq!(known.recent(at(5)), None);
        }
    }
}
