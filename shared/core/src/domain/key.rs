//! Keys: the records behind tokens.

use std::time::Duration;

use rand::TryCryptoRng;

use super::id::{KeyId, ServiceAccountId};
use super::policy::KeyPolicy;
use super::scope::Scopes;
use super::text::KeyName;
use super::time::Timestamp;
use super::token::{Prefix, Token, TokenDigest};

/// How long a planned write may take to get to the table, the difference of two clocks included. DynamoDB
/// refuses a request that was signed by a clock more than five minutes off.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const WRITE_TIME_MAX: Duration = Duration::from_secs(5 * 60);

/// What a caller decides about a key to be minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The account that the key is for.
    pub account: ServiceAccountId,
    /// What people call the key, where the dialect has names for keys.
    pub name: Option<KeyName>,
    /// What the key may do.
    pub scopes: Scopes,
    /// When the key ends; `None` if never.
    pub expires_at: Option<Timestamp>,
    /// The key that authorized this one; `None` for an operator with access to the table.
    pub created_by: Option<KeyId>,
}

/// A key as the table holds it: everything but its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Names the key in every dialect.
    pub id: KeyId,
    /// What the minter decided.
    pub spec: KeySpec,
    /// All of the token before its secret.
    pub key_prefix: String,
    /// The digest of the token.
    pub digest: TokenDigest,
    /// When the key was minted.
    pub created_at: Timestamp,
    /// When anything about the key last changed.
    pub updated_at: Timestamp,
    /// When the key was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When the key was last used, as far as that was recorded.
    pub last_used_at: Option<Timestamp>,
    /// The key that this one took the place of.
    pub rotated_from: Option<KeyId>,
    /// The key that took the place of this one.
    pub rotated_to: Option<KeyId>,
}

/// A key just minted, and the only sight of its token.
#[derive(Debug)]
pub struct Minted {
    /// The record.
    pub key: Key,
    /// The token.
    pub token: Token,
}

/// How a key came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was revoked.
    #[error("is revoked")]
    Revoked,
    /// It ended by itself.
    #[error("is expired")]
    Expired,
    /// Another key has taken its place; it may still be in its grace.
    #[error("was rotated before; rotate the key that took its place")]
    Rotated,
}

/// What changes about a key; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// A new name, or none.
    pub name: Option<Option<KeyName>>,
    /// New scopes.
    pub scopes: Option<Scopes>,
}

impl KeyChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A key and the one that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The key as it was read.
    pub old: Key,
    /// When it ends: after the grace, and never later than before.
    pub old_ends_at: Timestamp,
    /// The key that takes its place.
    pub new: Key,
}

impl Rotation {
    /// Plans the rotation of `old`: the new key has its name, scopes and prefix, and a fresh lifetime of
    /// the same length, as far as `policy` lets a key live.
    ///
    /// # Errors
    ///
    /// The generator's own.
    pub fn plan<R: TryCryptoRng>(
        rng: &mut R,
        now: Timestamp,
        policy: &KeyPolicy,
        old: Key,
        grace: Duration,
        created_by: Option<KeyId>,
    ) -> Result<(Self, Token), R::Error> {
        let graced = now.saturating_add(grace);
        let old_ends_at = old.spec.expires_at.map_or(graced, |end| end.min(graced));
        let wanted = old.lifetime().map(|lifetime| now.saturating_add(lifetime));
        let allowed = policy.max_lifetime.map(|lifetime| now.saturating_add(lifetime));
        let expires_at = [wanted, allowed].into_iter().flatten().min();
        let spec = KeySpec { expires_at, created_by, ..old.spec.clone() };
        let prefix = old.prefix().unwrap_or_else(|| policy.prefix.clone());
        let (new, token) = Key::mint(rng, now, &prefix, spec)?;
        let new = Key { rotated_from: Some(old.id.clone()), ..new };
        Ok((Self { old, old_ends_at, new }, token))
    }

    /// The same rotation, with a new key that ends at `latest` at the latest; `None` is no bound.
    #[must_use]
    pub fn ending_by(mut self, latest: Option<Timestamp>) -> Self {
        let ends = [self.new.spec.expires_at, latest];
        self.new.spec.expires_at = ends.into_iter().flatten().min();
        self
    }
}

impl Key {
    /// Mints a key: its record, and the token that only its new holder gets to see.
    ///
    /// # Errors
    ///
    /// The generator's own.
    pub fn mint<R: TryCryptoRng>(
        rng: &mut R,
        now: Timestamp,
        prefix: &Prefix,
        spec: KeySpec,
    ) -> Result<(Self, Token), R::Error> {
        let id = KeyId::mint(rng, now)?;
        let token = Token::mint(rng, prefix, spec.account.clone(), id.clone())?;
        let key = Self {
            id,
            spec,
            key_prefix: token.key_prefix().to_owned(),
            digest: token.digest(),
            created_at: now,
            updated_at: now,
            revoked_at: None,
            last_used_at: None,
            rotated_from: None,
            rotated_to: None,
        };
        Ok((key, token))
    }

    /// How the key has ended by `now`; `None` if it is live.
    pub fn ended(&self, now: Timestamp) -> Option<Ended> {
        if self.revoked_at.is_some() {
            Some(Ended::Revoked)
        } else {
            self.is_expired(now).then_some(Ended::Expired)
        }
    }

    /// Whether the key has ended by itself.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.spec.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether the account's count of live keys has this key for certain, also when a write that is planned
    /// `now` gets to the table: a key that expires meanwhile may be counted out by another writer.
    pub(crate) fn is_counted(&self, now: Timestamp) -> bool {
        let written = now.saturating_add(WRITE_TIME_MAX);
        self.revoked_at.is_none() && !self.is_expired(written)
    }

    /// How long the key was to live when it was minted; `None` if forever.
    fn lifetime(&self) -> Option<Duration> {
        let millis = self.spec.expires_at?.as_millis() - self.created_at.as_millis();
        Some(Duration::from_millis(millis.try_into().unwrap_or(0)))
    }

    /// What the key's token starts with.
    fn prefix(&self) -> Option<Prefix> {
        let ids = format!("_{}_{}_", self.spec.account, self.id);
        self.key_prefix.strip_suffix(&ids)?.parse().ok()
    }

    /// The key if it ended at `end`.
    pub(crate) fn ending_at(mut self, end: Timestamp) -> Self {
        self.spec.expires_at = Some(end);
        self
    }

    /// When the table may forget the key, in seconds since the Unix epoch: `retention` after its end.
    pub fn ttl(&self, retention: Duration) -> Option<i64> {
        let end = match (self.spec.expires_at, self.revoked_at) {
            (Some(expiry), Some(revocation)) => expiry.min(revocation),
            (expiry, revocation) => expiry.or(revocation)?,
        };
        Some(end.saturating_add(retention).as_seconds_ceil())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand::rngs::{StdRng, SysRng};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn key(expires_at: Option<Timestamp>) -> Key {
        let mut rng = StdRng::seed_from_u64(1);
        let spec = KeySpec {
            account: ServiceAccountId::root(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at,
            created_by: None,
        };
        Key::mint(&mut rng, at(0), &Prefix::default(), spec).expect("infallible").0
    }

    #[test]
    fn a_key_is_expired_from_its_end_on() {
        assert!(!key(None).is_expired(at(i64::from(u32::MAX))));
        assert!(!key(Some(at(10))).is_expired(at(9)));
        assert!(key(Some(at(10))).is_expired(at(10)));
    }

    #[test]
    fn the_table_forgets_a_key_a_retention_after_its_end() {
        let retention = Duration::from_secs(100);
        assert_eq!(key(None).ttl(retention), None);
        assert_eq!(key(Some(at(5_001))).ttl(retention), Some(106));
        let revoked = Key { revoked_at: Some(at(2_000)), ..key(Some(at(5_000))) };
        assert_eq!(revoked.ttl(retention), Some(102));
        let revoked = Key { revoked_at: Some(at(2_000)), ..key(None) };
        assert_eq!(revoked.ttl(retention), Some(102));
    }

    #[test]
    fn a_thousand_mints_give_a_thousand_distinct_tokens() {
        let pattern = regex::Regex::new(Token::PATTERN).expect("a pattern");
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let spec = key(None).spec;
            let (key, token) = Key::mint(&mut SysRng, at(0), &Prefix::default(), spec)
                .expect("the system's generator");
            assert_eq!(token.expose().parse::<Token>().expect("a token").key(), &key.id);
            assert_eq!(
                pattern.find(token.expose()).map(|found| found.len()),
                Some(token.expose().len())
            );
            assert!(seen.insert(token.expose().to_owned()));
        }
    }
}
