//! A key with the limits of another version of it, such as the one in a newer table.

use super::key::Key;

/// Why nothing is left of a key that is limited by another version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingLeft {
    /// The other version was revoked.
    Revoked,
    /// The other version is a key with another secret.
    Replaced,
    /// The two versions have no scope in common.
    NoCommonScope,
}

impl Key {
    /// Returns this key with the limits of `other` too, another version of the same key. The result allows
    /// nothing that either version forbids, and is this key itself if `other` sets no limit.
    ///
    /// # Errors
    ///
    /// [`NothingLeft`]: the key must be revoked.
    pub fn limited_by(&self, other: &Self) -> Result<Self, NothingLeft> {
        if other.revoked_at.is_some() {
            return Err(NothingLeft::Revoked);
        }
        if other.digest != self.digest {
            return Err(NothingLeft::Replaced);
        }
        let scopes = self.spec.scopes.common(&other.spec.scopes);
        let mut limited = self.clone();
        limited.spec.scopes = scopes.ok_or(NothingLeft::NoCommonScope)?;
        limited.spec.expires_at =
            [self.spec.expires_at, other.spec.expires_at].into_iter().flatten().min();
        // A key that was rotated cannot be rotated again.
        limited.rotated_to = self.rotated_to.clone().or_else(|| other.rotated_to.clone());
        Ok(limited)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::id::ServiceAccountId;
    use crate::key::KeySpec;
    use crate::scope::{Scope, Scopes};
    use crate::time::Timestamp;
    use crate::token::Prefix;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn scope(text: &str) -> Scope {
        text.parse().expect("a scope")
    }

    fn key(seed: u64) -> Key {
        let spec = KeySpec {
            account: ServiceAccountId::root(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: None,
            created_by: None,
        };
        let mut rng = StdRng::seed_from_u64(seed);
        Key::mint(&mut rng, at(0), &Prefix::default(), spec).expect("infallible").0
    }

    prop_compose! {
        /// A version of one key.
        fn version()(
            scopes in prop::collection::vec("[a-c]", 0..3),
            end in prop::option::of(0..4_i64),
            revoked in any::<bool>(),
            rotated in any::<bool>(),
        ) -> Key {
            let mut key = key(1);
            key.spec.scopes = scopes.iter().map(|text| scope(text)).collect();
            key.spec.expires_at = end.map(at);
            key.revoked_at = revoked.then(|| at(1));
            key.rotated_to = rotated.then(|| "NEW".parse().expect("an id"));
            key
        }
    }

    /// Whether a key lets its holder use `scope` at a time.
    fn allows(key: &Key, scope: &Scope, now: i64) -> bool {
        key.ended(at(now)).is_none() && key.spec.scopes.allow(scope)
    }

    proptest! {
        #[test]
        fn a_limited_key_allows_exactly_what_both_versions_allow(
            this in version(),
            other in version(),
        ) {
            let limited = this.limited_by(&other);
            for name in ["a", "b", "c", "d"] {
                let scope = scope(name);
                for now in 0..5 {
                    let both = allows(&this, &scope, now) && allows(&other, &scope, now);
                    let is_allowed = limited.as_ref().is_ok_and(|key| allows(key, &scope, now));
                    prop_assert_eq!(is_allowed, both, "{} at {}", name, now);
                }
            }
            if let Ok(limited) = limited {
                let rotated = this.rotated_to.is_some() || other.rotated_to.is_some();
                prop_assert_eq!(limited.rotated_to.is_some(), rotated);
                prop_assert_eq!(limited.limited_by(&other), Ok(limited), "twice is once");
            }
        }
    }

    #[test]
    fn a_key_with_another_secret_limits_to_nothing() {
        assert_eq!(key(1).limited_by(&key(2)), Err(NothingLeft::Replaced));
        assert_eq!(key(1).limited_by(&key(1)), Ok(key(1)));
    }
}
