//! Keys: the records behind tokens.

use std::time::Duration;

use rand::TryCryptoRng;

use super::id::{KeyId, ServiceAccountId};
use super::policy::KeyPolicy;
use super::scope::Scopes;
use super::text::KeyName;
use super::time::Timestamp;
use super::token::{Prefix, Token, TokenDigest};

/// The maximum time from planning a write to its arrival at the table, including the difference between the
/// two clocks. DynamoDB rejects a request whose signer's clock is more than five minutes off.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const WRITE_TIME_MAX: Duration = Duration::from_secs(5 * 60);

/// The caller's choices for a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The account that owns the key.
    pub account: ServiceAccountId,
    /// The display name, in dialects where keys have names.
    pub name: Option<KeyName>,
    /// The scopes of the key.
    pub scopes: Scopes,
    /// When the key ends; `None` means never.
    pub expires_at: Option<Timestamp>,
    /// The key that authorized this one; `None` for an operator with access to the table.
    pub created_by: Option<KeyId>,
}

/// A key as stored in the table: everything except its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's ID in every dialect.
    pub id: KeyId,
    /// The minter's choices.
    pub spec: KeySpec,
    /// The part of the token before its secret.
    pub key_prefix: String,
    /// The digest of the token.
    pub digest: TokenDigest,
    /// When the key was minted.
    pub created_at: Timestamp,
    /// When the key last changed.
    pub updated_at: Timestamp,
    /// When the key was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When the key was last used, according to the recorded uses.
    pub last_used_at: Option<Timestamp>,
    /// The key that this one replaced.
    pub rotated_from: Option<KeyId>,
    /// The key that replaced this one.
    pub rotated_to: Option<KeyId>,
}

/// A new key with its token, which is available only here.
#[derive(Debug)]
pub struct Minted {
    /// The record.
    pub key: Key,
    /// The token.
    pub token: Token,
}

/// How a key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was revoked.
    #[error("is revoked")]
    Revoked,
    /// It expired.
    #[error("has expired")]
    Expired,
    /// Another key replaced it. It may still be in its grace period.
    #[error("was already rotated; rotate the key that replaced it")]
    Rotated,
}

/// The changes to a key; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// A new name, or `Some(None)` to remove the name.
    pub name: Option<Option<KeyName>>,
    /// New scopes.
    pub scopes: Option<Scopes>,
}

impl KeyChange {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A key and its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The old key as it was read.
    pub old: Key,
    /// When the old key ends: after the grace period, or at its own expiry if that is earlier.
    pub old_ends_at: Timestamp,
    /// The replacement.
    pub new: Key,
}

impl Rotation {
    /// Plans the rotation of `old`. The new key has the same name, scopes, and prefix. Its lifetime starts
    /// now and has the same length, up to the maximum of `policy`.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
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

    /// Caps the new key's expiry at `latest`; `None` sets no cap.
    #[must_use]
    pub fn ending_by(mut self, latest: Option<Timestamp>) -> Self {
        let ends = [self.new.spec.expires_at, latest];
        self.new.spec.expires_at = ends.into_iter().flatten().min();
        self
    }
}

impl Key {
    /// Mints a key: its record, and the token for its holder only.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
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

    /// Returns how the key ended, or `None` if it is live at `now`.
    pub fn ended(&self, now: Timestamp) -> Option<Ended> {
        if self.revoked_at.is_some() {
            Some(Ended::Revoked)
        } else {
            self.is_expired(now).then_some(Ended::Expired)
        }
    }

    /// Returns whether the key has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.spec.expires_at.is_some_and(|end| end <= now)
    }

    /// Returns whether the account's count of live keys will certainly still include this key when a write
    /// planned at `now` reaches the table. If the key expires before then, another writer may already have
    /// subtracted it.
    pub(crate) fn is_counted(&self, now: Timestamp) -> bool {
        let written = now.saturating_add(WRITE_TIME_MAX);
        self.revoked_at.is_none() && !self.is_expired(written)
    }

    /// The key's lifetime at minting; `None` means unlimited.
    fn lifetime(&self) -> Option<Duration> {
        let millis = self.spec.expires_at?.as_millis() - self.created_at.as_millis();
        Some(Duration::from_millis(millis.try_into().unwrap_or(0)))
    }

    /// The prefix of the key's token.
    fn prefix(&self) -> Option<Prefix> {
        let ids = format!("_{}_{}_", self.spec.account, self.id);
        self.key_prefix.strip_suffix(&ids)?.parse().ok()
    }

    /// Returns the key with its expiry set to `end`.
    pub(crate) fn ending_at(mut self, end: Timestamp) -> Self {
        self.spec.expires_at = Some(end);
        self
    }

    /// Returns when the table may delete the key, in seconds since the Unix epoch: `retention` after its end.
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
