//! The deployment's rules for keys and accounts.

use std::num::NonZeroU32;
use std::time::Duration;

use super::time::Timestamp;
use super::token::Prefix;
use super::warning::WarningPolicy;

/// How long an execution environment caches the result of a verification.
///
/// For this long, a revoked key may still pass in an environment that has just verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// `LATCHKEY_CACHE_TTL`: the lifetime of an entry. Default 10 seconds; `0s` disables the cache.
    pub ttl: Duration,
    /// The maximum number of keys in the cache.
    pub entries: usize,
}

impl CachePolicy {
    /// Disables the cache: every verification reads the table.
    pub const fn off() -> Self {
        Self { ttl: Duration::ZERO, entries: 0 }
    }
}

/// The deployment's rules for keys and accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// `LATCHKEY_PREFIX`: the prefix of new tokens. Default `sk`. Tokens with an earlier prefix stay valid.
    pub prefix: Prefix,
    /// `LATCHKEY_KEY_LIMIT`: live keys per service account. Default 10; `None`, written as 0, means no limit.
    pub key_limit: Option<NonZeroU32>,
    /// `LATCHKEY_ACCOUNT_LIMIT`: service accounts per organization. Default 10,000; `None`, written as 0,
    /// means no limit.
    pub account_limit: Option<NonZeroU32>,
    /// `LATCHKEY_MAX_LIFETIME`: the maximum lifetime of a key, such as `90d`. Default: no maximum.
    pub max_lifetime: Option<Duration>,
    /// `LATCHKEY_RETENTION`: how long the table keeps a key after its end. Default 30 days.
    pub retention: Duration,
    /// Which keys are announced before they end, or because nobody uses them.
    pub warnings: WarningPolicy,
}

/// The reason an expiry is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpiry {
    /// The expiry is not in the future.
    #[error("must be in the future")]
    Past,
    /// The expiry is later than this deployment allows.
    #[error(
        "must be at most {lifetime} from now, the maximum lifetime of a key in this deployment",
        lifetime = in_words(*.0)
    )]
    BeyondMaximum(Duration),
}

/// The default limit of live keys per service account.
pub(crate) const DEFAULT_KEY_LIMIT: u32 = 10;

/// The default limit of service accounts per organization.
pub(crate) const DEFAULT_ACCOUNT_LIMIT: u32 = 10_000;

/// The default time that the table keeps a key after its end.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            prefix: Prefix::default(),
            key_limit: NonZeroU32::new(DEFAULT_KEY_LIMIT),
            account_limit: NonZeroU32::new(DEFAULT_ACCOUNT_LIMIT),
            max_lifetime: None,
            retention: DEFAULT_RETENTION,
            warnings: WarningPolicy::default(),
        }
    }
}

impl KeyPolicy {
    /// Returns the expiry of a key, given the `requested` one.
    ///
    /// # Errors
    ///
    /// [`InvalidExpiry`] if `requested` is not in the future or exceeds the maximum lifetime.
    pub fn expiry(
        &self,
        requested: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, InvalidExpiry> {
        let latest = self.max_lifetime.map(|lifetime| (now.saturating_add(lifetime), lifetime));
        match (requested, latest) {
            (None, latest) => Ok(latest.map(|(end, _)| end)),
            (Some(end), _) if end <= now => Err(InvalidExpiry::Past),
            (Some(end), Some((latest, lifetime))) if end > latest => {
                Err(InvalidExpiry::BeyondMaximum(lifetime))
            }
            (Some(end), _) => Ok(Some(end)),
        }
    }
}

/// Formats a duration in its largest whole unit: `90 days`, `36 hours`.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let fits = units.into_iter().find(|(_, length)| seconds.is_multiple_of(*length));
    let (unit, length) = fits.unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_outlives_the_maximum_lifetime() {
        let now = Timestamp::from_millis(1_000_000).expect("in range");
        let day = Duration::from_secs(86_400);
        let limited = KeyPolicy { max_lifetime: Some(day), ..KeyPolicy::default() };
        let latest = now.saturating_add(day);
        let later = latest.saturating_add(Duration::from_millis(1));

        assert_eq!(limited.expiry(None, now), Ok(Some(latest)));
        assert_eq!(limited.expiry(Some(latest), now), Ok(Some(latest)));
        assert_eq!(limited.expiry(Some(later), now), Err(InvalidExpiry::BeyondMaximum(day)));
        assert!(InvalidExpiry::BeyondMaximum(day).to_string().contains("at most 1 day from now"));
        assert_eq!(in_words(day * 90), "90 days");
        assert_eq!(in_words(Duration::from_secs(90)), "90 seconds");

        let unlimited = KeyPolicy::default();
        assert_eq!(unlimited.expiry(None, now), Ok(None));
        assert_eq!(unlimited.expiry(Some(later), now), Ok(Some(later)));
        assert_eq!(unlimited.expiry(Some(now), now), Err(InvalidExpiry::Past));
    }
}
