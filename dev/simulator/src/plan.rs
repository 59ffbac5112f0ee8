//! What happens in one simulation, all of it drawn from a seed.

use std::time::Duration;

use latchkey_testkit::misbehaving::{self, FaultPlan};
use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};

/// How many environments each function has.
pub(crate) const PER_FUNCTION: usize = 2;

/// How far a clock is from the simulated time at most, in milliseconds.
pub(crate) const SKEW_MAX: i64 = 3000;

/// One simulation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) faults: FaultPlan,
    pub(crate) key_limit: u32,
    pub(crate) account_limit: u32,
    pub(crate) cache_ttl: Duration,
    pub(crate) last_used_interval: &'static str,
    pub(crate) clients: usize,
    /// The requests of each client.
    pub(crate) requests: usize,
    /// Whether clocks differ, and step while requests run.
    pub(crate) skew: bool,
    /// How many processes are killed.
    pub(crate) crashes: usize,
    /// By how much the simulated time jumps, such as over an expiry, in milliseconds.
    pub(crate) jumps: Vec<i64>,
}

const HOUR: i64 = 60 * 60 * 1000;

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        // A third of the plans has all faults; the others a few, which come together more often.
        let mut faults = misbehaving::ALL.to_vec();
        if rng.random_ratio(2, 3) {
            let kept = rng.random_range(1..=4);
            faults = (0..kept).map(|_| faults[rng.random_range(0..faults.len())]).collect();
        }
        let rates = [0.0, 0.03, 0.1, 0.25];
        let stale = [0.0, 0.3, 0.8];
        let faults = FaultPlan {
            seed,
            rate: rates[rng.random_range(0..rates.len())],
            faults,
            stale: stale[rng.random_range(0..stale.len())],
            lag: Duration::from_millis(rng.random_range(1..300)),
        };
        // No jump ends near an expiry, which is whole days after a creation or a rotation.
        let jumps = [2 * HOUR, 31 * HOUR, (40 * 24 + 5) * HOUR];
        let jump = |rng: &mut ChaCha20Rng| jumps[rng.random_range(0..jumps.len())];
        Self {
            seed,
            faults,
            key_limit: rng.random_range(3..7),
            account_limit: rng.random_range(4..8),
            cache_ttl: Duration::from_secs(if rng.random_ratio(2, 3) { 0 } else { 1 }),
            last_used_interval: ["0s", "1ms", "5m"][rng.random_range(0..3)],
            clients: rng.random_range(3..=5),
            requests: rng.random_range(8..=16),
            skew: rng.random_ratio(1, 2),
            crashes: if rng.random_ratio(1, 2) { rng.random_range(1..=3) } else { 0 },
            jumps: if rng.random_ratio(1, 3) {
                (0..rng.random_range(1..=2)).map(|_| jump(rng)).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// How far two clocks can be apart, in milliseconds.
    pub(crate) fn skew_max(&self) -> i64 {
        if self.skew { 2 * SKEW_MAX } else { 0 }
    }

    /// How long an answer may be out of date: by the cache, and by the replica.
    pub(crate) fn staleness(&self) -> Duration {
        let lag = if self.faults.stale > 0.0 { self.faults.lag } else { Duration::ZERO };
        if self.cache_ttl.is_zero() {
            return lag;
        }
        // A clock that steps back lengthens the cache's time.
        lag + self.cache_ttl + Duration::from_millis(self.skew_max().unsigned_abs())
    }
}
