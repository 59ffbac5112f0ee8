//! Warnings before a key ends, and of keys that nobody uses.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::audit::Action;
use super::id::ServiceAccountId;
use super::key::Key;
use super::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest number of days in a setting, ten years.
const DAYS_MAX: u16 = 3650;

/// The maximum number of warnings before the end of a key.
const STEPS_MAX: usize = 10;

/// Which keys are announced, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarningPolicy {
    /// `LATCHKEY_EXPIRY_WARNINGS`: how many days before its end a key is announced, once for each number, the
    /// largest first. Default: never.
    pub steps: Vec<u16>,
    /// `LATCHKEY_UNUSED_WARNING`: after how many days without a use a key is announced. Default: never.
    pub unused: Option<u16>,
}

/// The reason a text is not a [`WarningPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be days before the end of a key, a semicolon, and days without a use")]
pub struct InvalidPolicy;

/// The announcement of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The key ends within this many days.
    Expiring {
        /// The number of days that the policy names.
        days: u16,
    },
    /// Nobody has used the key for this many days.
    Unused {
        /// The number of days that the policy names.
        days: u16,
        /// The last use, or the creation of a key that was never used.
        since: Timestamp,
    },
}

impl Warning {
    /// The action of the announcement of a key of `account`.
    pub fn action(&self, account: &ServiceAccountId) -> Action {
        match (self, account.is_root()) {
            (Self::Expiring { .. }, false) => Action::WarnOfExpiry,
            (Self::Expiring { .. }, true) => Action::WarnOfRootExpiry,
            (Self::Unused { .. }, false) => Action::WarnOfUnused,
            (Self::Unused { .. }, true) => Action::WarnOfRootUnused,
        }
    }

    /// The number of days that the policy names.
    pub fn days(&self) -> u16 {
        match self {
            Self::Expiring { days } | Self::Unused { days, .. } => *days,
        }
    }
}

impl fmt::Display for WarningPolicy {
    /// Writes both settings, as the table keeps them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        write!(f, "{};", steps.join(","))?;
        self.unused.iter().try_for_each(|days| write!(f, "{days}"))
    }
}

impl FromStr for WarningPolicy {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let or_off = |text: &str| if text.is_empty() { "off".to_owned() } else { text.to_owned() };
        let (steps, unused) = text.split_once(';').ok_or(InvalidPolicy)?;
        Ok(Self {
            steps: Self::parse_steps(&or_off(steps)).ok_or(InvalidPolicy)?,
            unused: Self::parse_unused(&or_off(unused)).ok_or(InvalidPolicy)?,
        })
    }
}

impl WarningPolicy {
    /// Parses `off`, or numbers of days before the end of a key, such as `30,7,1`.
    pub fn parse_steps(text: &str) -> Option<Vec<u16>> {
        if text == "off" {
            return Some(Vec::new());
        }
        let mut steps =
            text.split(',').map(|days| parse_days(days.trim())).collect::<Option<Vec<_>>>()?;
        steps.sort_unstable_by(|a, b| b.cmp(a));
        steps.dedup();
        (steps.len() <= STEPS_MAX).then_some(steps)
    }

    /// Parses `off`, or a number of days without a use.
    pub fn parse_unused(text: &str) -> Option<Option<u16>> {
        if text == "off" { Some(None) } else { parse_days(text).map(Some) }
    }

    /// Returns what to say of `key` at `now`, which the table was to look at from `planned` on. Of several steps
    /// that have passed since, only the last counts. `told` is the idle time that was announced before.
    pub fn due(
        &self,
        key: &Key,
        told: Option<Timestamp>,
        planned: Timestamp,
        now: Timestamp,
    ) -> Vec<Warning> {
        if key.ended(now).is_some() {
            return Vec::new();
        }
        let passed = self.expiries(key).filter(|(_, at)| (planned..=now).contains(at));
        let expiring = passed.last().map(|(days, _)| Warning::Expiring { days });
        let unused = self.idle(key).filter(|idle| idle.at <= now && told != Some(idle.since));
        let unused = unused.map(|Idle { days, since, .. }| Warning::Unused { days, since });
        expiring.into_iter().chain(unused).collect()
    }

    /// Returns when the table must look at `key` next, after `now`. `told` is the idle time that was announced.
    pub fn next(&self, key: &Key, told: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        if key.ended(now).is_some() {
            return None;
        }
        let expiring = self.expiries(key).map(|(_, at)| at).find(|at| *at > now);
        let unused = self.idle(key).map(|idle| match told {
            // It may be used again.
            Some(told) if told == idle.since => now.saturating_add(DAY * idle.days.into()),
            _ => idle.at.max(now),
        });
        let next = expiring.into_iter().chain(unused).min()?;
        key.spec.expires_at.is_none_or(|end| next < end).then_some(next)
    }

    /// The steps before the end of a key, the earliest first.
    fn expiries(&self, key: &Key) -> impl Iterator<Item = (u16, Timestamp)> {
        let steps = key.spec.expires_at.map(|end| {
            self.steps.iter().map(move |days| (*days, end.saturating_sub(DAY * (*days).into())))
        });
        steps.into_iter().flatten()
    }

    /// Since when nobody has used a key. One that was replaced is not meant to be used.
    fn idle(&self, key: &Key) -> Option<Idle> {
        let days = self.unused.filter(|_| key.rotated_to.is_none())?;
        let since = key.last_used_at.unwrap_or(key.created_at).max(key.created_at);
        Some(Idle { days, since, at: since.saturating_add(DAY * days.into()) })
    }
}

/// How long nobody has used a key.
struct Idle {
    days: u16,
    since: Timestamp,
    /// When it is announced.
    at: Timestamp,
}

fn parse_days(text: &str) -> Option<u16> {
    text.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::key::KeySpec;
    use crate::scope::Scopes;
    use crate::token::Prefix;

    const HOUR: i64 = 60 * 60 * 1000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR).expect("in range")
    }

    fn key(ends: Option<i64>) -> Key {
        let spec = KeySpec {
            account: ServiceAccountId::root(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: ends.map(at),
            created_by: None,
        };
        let mut rng = StdRng::seed_from_u64(1);
        Key::mint(&mut rng, at(0), &Prefix::default(), spec).expect("infallible").0
    }

    fn policy(steps: &[u16], unused: Option<u16>) -> WarningPolicy {
        WarningPolicy { steps: steps.to_vec(), unused }
    }

    #[test]
    fn settings_are_numbers_of_days_or_off() {
        let steps = WarningPolicy::parse_steps;
        assert_eq!(steps("off"), Some(vec![]));
        assert_eq!(steps("1, 30,7,7"), Some(vec![30, 7, 1]));
        assert_eq!(steps("3650"), Some(vec![3650]));
        for wrong in ["", "0", "3651", "30,", "a", "-1", "1,2,3,4,5,6,7,8,9,10,11"] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
        assert_eq!(WarningPolicy::parse_unused("off"), Some(None));
        assert_eq!(WarningPolicy::parse_unused("90"), Some(Some(90)));
        assert_eq!(WarningPolicy::parse_unused("90d"), None);
    }

    #[test]
    fn a_key_is_announced_at_each_step_that_it_lives_to_see() {
        let policy = policy(&[30, 7, 1], None);
        let key = key(Some(20 * 24));
        let (seven, one) = (at(13 * 24), at(19 * 24));
        // The key is not older than 20 days, so nobody could know 30 days before.
        assert_eq!(policy.next(&key, None, key.created_at), Some(seven));
        assert_eq!(policy.due(&key, None, seven, seven), [Warning::Expiring { days: 7 }]);
        assert_eq!(policy.next(&key, None, seven), Some(one));
        assert_eq!(policy.next(&key, None, one), None);
        assert_eq!(policy.due(&key, None, one, at(20 * 24)), []);
        assert_eq!(policy.next(&key_without_end(), None, at(0)), None);
    }

    fn key_without_end() -> Key {
        key(None)
    }

    #[test]
    fn of_steps_that_were_missed_the_last_counts() {
        let policy = policy(&[30, 7, 1], None);
        let key = key(Some(100 * 24));
        let due = policy.due(&key, None, at(70 * 24), at(99 * 24 + 1));
        assert_eq!(due, [Warning::Expiring { days: 1 }]);
    }

    #[test]
    fn an_unused_key_is_announced_once_until_it_is_used_again() {
        let policy = policy(&[], Some(10));
        let mut key = key(None);
        let (first, later) = (at(240), at(300));
        assert_eq!(policy.next(&key, None, at(0)), Some(first));
        let unused = |since| vec![Warning::Unused { days: 10, since }];
        assert_eq!(policy.due(&key, None, first, later), unused(at(0)));
        assert_eq!(policy.due(&key, Some(at(0)), first, later), []);
        assert_eq!(policy.next(&key, Some(at(0)), later), Some(at(540)));
        key.last_used_at = Some(at(310));
        assert_eq!(policy.next(&key, Some(at(0)), at(540)), Some(at(550)));
        assert_eq!(policy.due(&key, Some(at(0)), at(540), at(551)), unused(at(310)));
        key.rotated_to = Some(key.id.clone());
        assert_eq!(policy.due(&key, None, at(540), at(551)), []);
    }

    proptest! {
        /// However often and however late the table looks at a key, each step is announced once or superseded by a
        /// later one, no warning comes early, and none comes after the end.
        #[test]
        fn no_step_is_lost_or_repeated(
            steps in prop::collection::btree_set(1..40_u16, 0..5),
            unused in prop::option::of(1..40_u16),
            ends in prop::option::of(1..2000_i64),
            late in prop::collection::vec(0..200_i64, 1..60),
            uses in prop::collection::vec(0..200_i64, 0..10),
        ) {
            let policy = policy(&steps.into_iter().rev().collect::<Vec<_>>(), unused);
            let mut key = key(ends);
            let (mut told, mut planned) = (None, policy.next(&key, None, key.created_at));
            let (mut announced, mut idle) = (Vec::new(), Vec::new());
            let (mut uses, mut last_now) = (uses.into_iter(), at(0));
            for late in late {
                let Some(plan) = planned else { break };
                prop_assert!(plan >= last_now);
                let now = plan.saturating_add(Duration::from_millis((late * HOUR).unsigned_abs()));
                if let Some(used) = uses.next() {
                    let used = last_now.saturating_add(Duration::from_millis((used * HOUR).unsigned_abs()));
                    if used <= now { key.last_used_at = key.last_used_at.max(Some(used)); }
                }
                for warning in policy.due(&key, told, plan, now) {
                    match warning {
                        Warning::Expiring { days } => announced.push((days, now)),
                        Warning::Unused { days, since } => {
                            prop_assert!(now >= since.saturating_add(DAY * days.into()));
                            prop_assert!(!idle.contains(&since), "the same idle time twice");
                            idle.push(since);
                            told = Some(since);
                        }
                    }
                }
                planned = policy.next(&key, told, now);
                last_now = now;
            }
            if let Some(end) = key.spec.expires_at {
                for (days, now) in &announced {
                    prop_assert!(*now < end && *now >= end.saturating_sub(DAY * (*days).into()));
                }
                for step in &policy.steps {
                    let at = end.saturating_sub(DAY * (*step).into());
                    let count = announced.iter().filter(|(days, _)| days == step).count();
                    let superseded = announced.iter().any(|(days, now)| {
                        days < step && *now >= at
                            && !announced.iter().any(|(_, before)| (at..*now).contains(before))
                    });
                    let unseen = at <= key.created_at || last_now < at || last_now >= end;
                    prop_assert!(count <= 1);
                    prop_assert!(count == 1 || superseded || unseen, "{step} days: {announced:?}");
                }
            }
        }
    }
}
