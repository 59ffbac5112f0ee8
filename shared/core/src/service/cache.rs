//! The verdict cache: recent results of looking up tokens in the table.
//!
//! The cache is bounded in entries and in time. An entry never outlives its key's expiry, rejections are
//! cached for less time than acceptances, and failures are not cached. Concurrent requests for one token
//! share one read.

use std::time::Duration;

use quick_cache::sync::Cache;

use crate::error::Refusal;
use crate::policy::CachePolicy;
use crate::principal::Principal;
use crate::time::Timestamp;

/// The verdict on a token: its principal, or the reason for rejecting it.
pub(crate) type Verdict = Result<Principal, Refusal>;

/// Rejections are cached for a fifth of the time. A corrected mistake, such as re-enabling an account, must
/// take effect sooner than a revocation.
const REFUSAL_SHARE: u32 = 5;

/// Verdicts by the digest of the presented token.
#[derive(Debug)]
pub(crate) struct VerdictCache {
    entries: Cache<[u8; 32], Entry>,
    ttl: Duration,
}

#[derive(Clone, Debug)]
struct Entry {
    verdict: Verdict,
    until: Timestamp,
}

impl VerdictCache {
    /// Creates a cache according to `policy`; `None` if the policy disables it.
    pub(crate) fn new(policy: &CachePolicy) -> Option<Self> {
        if policy.ttl.is_zero() || policy.entries == 0 {
            return None;
        }
        Some(Self { entries: Cache::new(policy.entries), ttl: policy.ttl })
    }

    /// Returns the cached verdict on `token` at `now`, or else the result of `load`.
    ///
    /// # Errors
    ///
    /// Returns the errors of `load`, which are not cached.
    pub(crate) async fn verdict<E>(
        &self,
        token: [u8; 32],
        now: Timestamp,
        load: impl Future<Output = Result<Verdict, E>>,
    ) -> Result<Verdict, E> {
        loop {
            match self.entries.get_value_or_guard_async(&token).await {
                Ok(entry) if now < entry.until => return Ok(entry.verdict),
                Ok(_) => drop(self.entries.remove_if(&token, |entry| entry.until <= now)),
                Err(guard) => {
                    let verdict = load.await?;
                    let entry = Entry { until: self.until(&verdict, now), verdict };
                    // Inserts nothing if the guard's entry was removed in the meantime.
                    let _ = guard.insert(entry.clone());
                    return Ok(entry.verdict);
                }
            }
        }
    }

    /// Removes the verdict on `token` and discards the result of a load in flight.
    pub(crate) fn forget(&self, token: [u8; 32]) {
        self.entries.remove(&token);
    }

    /// Removes all verdicts and discards the results of loads in flight.
    pub(crate) fn forget_all(&self) {
        self.entries.clear();
    }

    fn until(&self, verdict: &Verdict, now: Timestamp) -> Timestamp {
        match verdict {
            Ok(principal) => {
                let end = now.saturating_add(self.ttl);
                principal.expires_at().map_or(end, |expiry| expiry.min(end))
            }
            Err(_) => now.saturating_add(self.ttl / REFUSAL_SHARE),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const TOKEN: [u8; 32] = [7; 32];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("in range")
    }

    fn cache(entries: usize) -> VerdictCache {
        let policy = CachePolicy { ttl: Duration::from_secs(10), entries };
        VerdictCache::new(&policy).expect("a cache")
    }

    fn root(expires_at: Option<Timestamp>) -> Verdict {
        Ok(Principal::Root { key: "KEY".parse().expect("an id"), expires_at })
    }

    /// Counts the table reads when `verdict` is requested at each of `times`.
    async fn loads(cache: &VerdictCache, verdict: Verdict, times: &[i64]) -> u32 {
        let loads = Cell::new(0);
        for now in times {
            let load = async {
                loads.set(loads.get() + 1);
                Ok::<_, Infallible>(verdict.clone())
            };
            let Ok(found) = cache.verdict(TOKEN, at(*now), load).await;
            assert_eq!(found, verdict);
        }
        loads.get()
    }

    #[tokio::test]
    async fn an_allow_is_kept_for_its_time_and_not_longer() {
        assert_eq!(loads(&cache(10), root(None), &[0, 1, 9]).await, 1);
        assert_eq!(loads(&cache(10), root(None), &[0, 9, 10, 19, 20]).await, 3);
    }

    #[tokio::test]
    async fn an_allow_never_outlives_its_key() {
        assert_eq!(loads(&cache(10), root(Some(at(3))), &[0, 2, 3]).await, 2);
    }

    #[tokio::test]
    async fn a_refusal_is_kept_for_less_time() {
        assert_eq!(loads(&cache(10), Err(Refusal::Unknown), &[0, 1]).await, 1);
        assert_eq!(loads(&cache(10), Err(Refusal::Unknown), &[0, 2]).await, 2);
    }

    #[tokio::test]
    async fn a_failure_is_never_kept() {
        let cache = cache(10);
        let failed = cache.verdict(TOKEN, at(0), async { Err("the store failed") }).await;
        assert_eq!(failed, Err("the store failed"));
        assert_eq!(loads(&cache, root(None), &[0]).await, 1);
    }

    #[tokio::test]
    async fn concurrent_questions_are_one_read() {
        let (cache, loads) = (cache(10), Cell::new(0));
        let ask = || {
            cache.verdict(TOKEN, at(0), async {
                loads.set(loads.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(root(None))
            })
        };
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        assert!(first == Ok(root(None)) && first == second && second == third);
        assert_eq!(loads.get(), 1);
    }

    #[tokio::test]
    async fn a_load_in_flight_never_brings_back_what_was_forgotten() {
        let cache = cache(10);
        let load = async {
            // The table was read, and the key is revoked before the verdict is cached.
            cache.forget(TOKEN);
            Ok::<_, Infallible>(root(None))
        };
        assert_eq!(cache.verdict(TOKEN, at(0), load).await, Ok(root(None)));
        assert_eq!(loads(&cache, Err(Refusal::Revoked), &[0]).await, 1);

        cache.forget(TOKEN);
        assert_eq!(loads(&cache, root(None), &[0]).await, 1);
    }

    #[tokio::test]
    async fn forgetting_everything_forgets_loads_in_flight_too() {
        let cache = cache(10);
        let load = async {
            cache.forget_all();
            Ok::<_, Infallible>(root(None))
        };
        assert_eq!(cache.verdict(TOKEN, at(0), load).await, Ok(root(None)));
        assert_eq!(loads(&cache, Err(Refusal::AccountDisabled), &[0]).await, 1);
        cache.forget_all();
        assert_eq!(loads(&cache, root(None), &[0]).await, 1);
    }

    #[tokio::test]
    async fn entries_are_bounded() {
        let cache = cache(100);
        for number in 0..10_000_u32 {
            let mut token = [0; 32];
            token[..4].copy_from_slice(&number.to_be_bytes());
            let load = async { Ok::<_, Infallible>(Err(Refusal::Unknown)) };
            let _ = cache.verdict(token, at(0), load).await;
        }
        assert!(cache.entries.len() <= 100, "{}", cache.entries.len());
    }

    #[test]
    fn no_time_or_no_entries_is_no_cache() {
        let second = Duration::from_secs(1);
        assert!(VerdictCache::new(&CachePolicy { ttl: Duration::ZERO, entries: 1 }).is_none());
        assert!(VerdictCache::new(&CachePolicy { ttl: second, entries: 0 }).is_none());
    }
}
