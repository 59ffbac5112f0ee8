//! The status of a key, and filters by it.

use std::fmt;

use crate::key::{Ended, Key};
use crate::time::Timestamp;

/// The status of a key, regardless of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It works.
    Live,
    /// Another key has replaced it, and it works until its grace period ends.
    Rotated,
    /// It has expired, or its grace period has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A filter for keys that meet every given condition.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Keys with this status.
    pub status: Option<KeyStatus>,
    /// Working keys that end before this.
    pub expires_before: Option<Timestamp>,
    /// Working keys that were created before this and have no recorded use since.
    pub unused_since: Option<Timestamp>,
}

impl KeyStatus {
    /// Returns the status of `key` at `now`.
    pub fn of(key: &Key, now: Timestamp) -> Self {
        match key.ended(now) {
            Some(Ended::Revoked) => Self::Revoked,
            Some(Ended::Expired) => Self::Expired,
            Some(Ended::Rotated) => Self::Rotated,
            None if key.rotated_to.is_some() => Self::Rotated,
            None => Self::Live,
        }
    }

    /// Returns whether the key is accepted, provided that its account is enabled.
    pub fn works(self) -> bool {
        matches!(self, Self::Live | Self::Rotated)
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl serde::Serialize for KeyStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl KeyFilter {
    /// Returns whether the filter matches `key` at `now`.
    pub fn matches(&self, key: &Key, now: Timestamp) -> bool {
        let status = KeyStatus::of(key, now);
        let as_asked = self.status.is_none_or(|asked| asked == status);
        let ends = |before| status.works() && key.spec.expires_at.is_some_and(|end| end < before);
        let unused = |since| {
            let used = key.last_used_at.is_some_and(|used| used >= since);
            status.works() && key.created_at < since && !used
        };
        as_asked && self.expires_before.is_none_or(ends) && self.unused_since.is_none_or(unused)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::id::ServiceAccountId;
    use crate::key::KeySpec;
    use crate::scope::Scopes;
    use crate::token::Prefix;

    const NOW: i64 = 1000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    /// A key minted at 100.
    fn key(expires_at: Option<i64>, last_used_at: Option<i64>) -> Key {
        let spec = KeySpec {
            account: ServiceAccountId::root(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: expires_at.map(at),
            created_by: None,
        };
        let mut rng = StdRng::seed_from_u64(1);
        let (key, _) = Key::mint(&mut rng, at(100), &Prefix::default(), spec).expect("infallible");
        Key { last_used_at: last_used_at.map(at), ..key }
    }

    fn rotated(key: Key) -> Key {
        Key { rotated_to: Some("NEW".parse().expect("an id")), ..key }
    }

    fn revoked(key: Key) -> Key {
        Key { revoked_at: Some(at(500)), ..key }
    }

    #[test]
    fn a_key_stands_in_one_way() {
        for (key, status) in [
            (key(None, None), KeyStatus::Live),
            (key(Some(NOW + 1), None), KeyStatus::Live),
            (key(Some(NOW), None), KeyStatus::Expired),
            (rotated(key(Some(NOW + 1), None)), KeyStatus::Rotated),
            (rotated(key(Some(NOW), None)), KeyStatus::Expired),
            (revoked(rotated(key(Some(NOW), None))), KeyStatus::Revoked),
        ] {
            assert_eq!(KeyStatus::of(&key, at(NOW)), status, "{key:?}");
        }
    }

    #[test]
    fn what_ends_soon_still_works() {
        let filter = KeyFilter { expires_before: Some(at(2000)), ..KeyFilter::default() };
        for (key, matches) in [
            (key(None, None), false),
            (key(Some(1999), None), true),
            (key(Some(2000), None), false),
            (rotated(key(Some(1999), None)), true),
            (revoked(key(Some(1999), None)), false),
            (key(Some(NOW), None), false),
        ] {
            assert_eq!(filter.matches(&key, at(NOW)), matches, "{key:?}");
        }
    }

    #[test]
    fn what_is_unused_is_old_enough_to_have_been_used() {
        let unused = |since, key| {
            let filter = KeyFilter { unused_since: Some(at(since)), ..KeyFilter::default() };
            filter.matches(&key, at(NOW))
        };
        assert!(unused(101, key(None, None)));
        assert!(!unused(100, key(None, None)), "minted since");
        assert!(unused(301, key(None, Some(300))));
        assert!(!unused(300, key(None, Some(300))), "used since");
        assert!(!unused(301, revoked(key(None, None))));
        assert!(!unused(301, key(Some(NOW), None)));
    }

    #[test]
    fn conditions_add_up() {
        let filter = KeyFilter {
            status: Some(KeyStatus::Live),
            expires_before: Some(at(2000)),
            unused_since: Some(at(500)),
        };
        assert!(filter.matches(&key(Some(1500), None), at(NOW)));
        assert!(!filter.matches(&key(Some(1500), Some(600)), at(NOW)));
        assert!(!filter.matches(&key(Some(2500), None), at(NOW)));
        assert!(!filter.matches(&rotated(key(Some(1500), None)), at(NOW)));
        assert!(KeyFilter::default().matches(&revoked(key(None, None)), at(NOW)));
    }
}
