//! Last-used times of keys: sampled, and written after the response.
//!
//! Writing on each verification causes lock contention and deadlocks in other systems. Here an environment
//! writes at most once per key and interval. So do all environments together, because a write succeeds only
//! if the previous one is at least one interval old.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::id::{KeyId, ServiceAccountId};
use crate::principal::Principal;
use crate::store::Use;
use crate::time::Timestamp;

/// The maximum number of keys whose last use is remembered. For other keys, an extra write may be attempted,
/// which the condition rejects.
const ENTRIES: usize = 4096;

/// The maximum number of uses waiting to be written. One request uses at most two keys, and uses are written
/// after each request.
const WAITING_MAX: usize = 64;

/// Decides which uses of keys to write.
#[derive(Debug)]
pub(crate) struct LastUsed {
    interval: Duration,
    /// When a use of the key should next be written.
    due: Cache<KeyId, Timestamp>,
    waiting: Mutex<Vec<Use>>,
}

impl LastUsed {
    /// Samples uses by `interval`; zero records none.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, due: Cache::new(ENTRIES), waiting: Mutex::default() }
    }

    /// The minimum interval between two writes for one key.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Updates the due time from the last use that the table holds.
    pub(crate) fn observe(&self, key: &KeyId, last_used_at: Option<Timestamp>) {
        if let Some(at) = last_used_at {
            let due = at.saturating_add(self.interval);
            if self.due.get(key).is_none_or(|known| known < due) {
                self.due.insert(key.clone(), due);
            }
        }
    }

    /// Records that `principal` was verified at `now`.
    pub(crate) fn record(&self, principal: &Principal, now: Timestamp) {
        if self.interval.is_zero() {
            return;
        }
        let key = principal.key();
        if self.due.get(key).is_some_and(|due| now < due) {
            return;
        }
        self.due.insert(key.clone(), now.saturating_add(self.interval));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            let account = match principal {
                Principal::Root { .. } => ServiceAccountId::root(),
                Principal::ServiceAccount(caller) => caller.account.clone(),
            };
            waiting.push(Use { account, key: key.clone(), at: now });
        }
    }

    /// Drains the uses waiting to be written.
    pub(crate) fn drain(&self) -> Vec<Use> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("in range")
    }

    fn root(key: &str) -> Principal {
        Principal::Root { key: key.parse().expect("an id"), expires_at: None }
    }

    fn uses(last_used: &LastUsed, times: &[i64]) -> Vec<i64> {
        times.iter().for_each(|now| last_used.record(&root("KEY"), at(*now)));
        last_used.drain().iter().map(|used| used.at.as_millis() / 1000).collect()
    }

    #[test]
    fn a_use_is_recorded_once_an_interval() {
        let last_used = LastUsed::new(Duration::from_secs(300));
        assert_eq!(uses(&last_used, &[0, 1, 299, 300, 301, 599]), [0, 300]);
        assert_eq!(uses(&last_used, &[599]), [] as [i64; 0]);
        assert_eq!(uses(&last_used, &[600]), [600]);
    }

    #[test]
    fn what_the_table_knows_is_not_written_again() {
        let last_used = LastUsed::new(Duration::from_secs(300));
        last_used.observe(&"KEY".parse().expect("an id"), Some(at(100)));
        assert_eq!(uses(&last_used, &[101, 399, 400]), [400]);
        // An older read never shortens the wait.
        last_used.observe(&"KEY".parse().expect("an id"), Some(at(100)));
        assert_eq!(uses(&last_used, &[401, 699]), [] as [i64; 0]);
    }

    #[test]
    fn zero_is_off_and_waiting_is_bounded() {
        assert_eq!(uses(&LastUsed::new(Duration::ZERO), &[0, 1]), [] as [i64; 0]);
        let last_used = LastUsed::new(Duration::from_secs(1));
        for number in 0..1000 {
            last_used.record(&root(&format!("K{number}")), at(0));
        }
        assert_eq!(last_used.drain().len(), WAITING_MAX);
    }

    proptest! {
        #[test]
        fn two_uses_of_a_key_are_an_interval_apart(steps in prop::collection::vec(0_i64..200, 1..60)) {
            let last_used = LastUsed::new(Duration::from_secs(300));
            let mut now = 0;
            let times: Vec<i64> = steps.iter().map(|step| { now += step; now }).collect();
            let noted = uses(&last_used, &times);
            prop_assert_eq!(noted.first(), times.first());
            prop_assert!(noted.windows(2).all(|pair| pair[1] - pair[0] >= 300));
        }
    }
}
