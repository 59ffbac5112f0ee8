//! The deployment's settings: read from the environment once, at the start.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::time::Timestamp;
use crate::token::Prefix;

/// The settings that every function shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `LATCHKEY_TABLE`: the DynamoDB table.
    pub table: String,
    /// The rules for keys.
    pub policy: KeyPolicy,
    /// How long verdicts on keys are kept.
    pub cache: CachePolicy,
    /// `LATCHKEY_LAST_USED_INTERVAL`: how far apart two records of a key's use are at least. Default
    /// 5 minutes; `0s` records none.
    pub last_used_interval: Duration,
    /// `LATCHKEY_METRICS_NAMESPACE`: where CloudWatch puts the metrics. Without it there are none.
    pub metrics_namespace: Option<String>,
}

/// How long an execution environment keeps what it found out about a key.
///
/// This is how long a revoked key may still pass in an environment that has just verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// `LATCHKEY_CACHE_TTL`: for how long. Default 10 seconds; `0s` keeps nothing.
    pub ttl: Duration,
    /// How many keys.
    pub entries: usize,
}

/// The deployment's rules for keys and accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// `LATCHKEY_PREFIX`: how tokens start. Default `sk`. Tokens with an earlier prefix stay valid.
    pub prefix: Prefix,
    /// `LATCHKEY_KEY_LIMIT`: live keys per service account. Default 10; `None`, written 0, for no limit.
    pub key_limit: Option<NonZeroU32>,
    /// `LATCHKEY_ACCOUNT_LIMIT`: service accounts per organization. Default 10,000; `None`, written 0, for no
    /// limit.
    pub account_limit: Option<NonZeroU32>,
    /// `LATCHKEY_MAX_LIFETIME`: how long a key may live, such as `90d`. Default: no maximum.
    pub max_lifetime: Option<Duration>,
    /// `LATCHKEY_RETENTION`: how long the table keeps a key after its end. Default 30 days.
    pub retention: Duration,
}

/// A setting that is missing or has a bad value.
///
/// `Debug` reads like `Display`: it is what a failed `main` prints.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidConfig {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong with it, and what it should be.
    pub problem: String,
}

impl fmt::Debug for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a key may not end when it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpiry {
    /// The end is not in the future.
    #[error("must be in the future")]
    Past,
    /// The end is later than this deployment allows.
    #[error(
        "must be at most {lifetime} from now, the longest that this deployment lets a key live",
        lifetime = in_words(*.0)
    )]
    BeyondMaximum(Duration),
}

const DEFAULT_KEY_LIMIT: u32 = 10;
const DEFAULT_ACCOUNT_LIMIT: u32 = 10_000;
const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(10);

/// Longer, and revoking a key would hardly mean anything.
const CACHE_TTL_MAX: Duration = Duration::from_secs(60 * 60);

/// An entry takes some 300 bytes, so all of them a good megabyte.
const CACHE_ENTRIES: usize = 4096;

const DEFAULT_LAST_USED_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// A hundred years: longer durations are typing errors, and sums stay within [`Timestamp`].
const DURATION_MAX: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

impl Config {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or has a bad value.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        Self::from_lookup(|variable| std::env::var(variable).ok())
    }

    /// Reads the settings from `lookup`; an empty value counts as absent.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or has a bad value.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let read = |variable: &str| lookup(variable).filter(|value| !value.is_empty());
        let table = read("LATCHKEY_TABLE").ok_or_else(|| InvalidConfig {
            variable: "LATCHKEY_TABLE",
            problem: "is missing; set it to the name of the DynamoDB table".to_owned(),
        })?;
        let variable = "LATCHKEY_LAST_USED_INTERVAL";
        let interval = Setting { variable, value: read(variable) }
            .parse("a duration such as `5m`; `0s` to record no use", duration)?;
        Ok(Self {
            table,
            policy: KeyPolicy::from_lookup(read)?,
            cache: CachePolicy::from_lookup(read)?,
            last_used_interval: interval.unwrap_or(DEFAULT_LAST_USED_INTERVAL),
            metrics_namespace: read("LATCHKEY_METRICS_NAMESPACE"),
        })
    }
}

impl KeyPolicy {
    /// Reads the rules from the process's environment.
    ///
    /// # Errors
    ///
    /// Names the first variable that has a bad value.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        Self::from_lookup(|variable| std::env::var(variable).ok().filter(|value| !value.is_empty()))
    }

    fn from_lookup(read: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let setting = |variable| Setting { variable, value: read(variable) };
        let key_limit = setting("LATCHKEY_KEY_LIMIT")
            .parse("a whole number, 0 for no limit", |text| text.parse::<u32>().ok())?;
        let account_limit = setting("LATCHKEY_ACCOUNT_LIMIT")
            .parse("a whole number, 0 for no limit", |text| text.parse::<u32>().ok())?;
        let max_lifetime = setting("LATCHKEY_MAX_LIFETIME")
            .parse("a duration of 1 second to 100 years, such as `90d` or `12h`", |text| {
                duration(text).filter(|lifetime| *lifetime >= Duration::from_secs(1))
            })?;
        let retention = setting("LATCHKEY_RETENTION")
            .parse("a duration of up to 100 years, such as `30d`", duration)?;
        let prefix = setting("LATCHKEY_PREFIX")
            .parse("1 to 16 of `a-z`, `0-9` and `_`", |text| text.parse().ok())?;
        Ok(Self {
            prefix: prefix.unwrap_or_default(),
            key_limit: NonZeroU32::new(key_limit.unwrap_or(DEFAULT_KEY_LIMIT)),
            account_limit: NonZeroU32::new(account_limit.unwrap_or(DEFAULT_ACCOUNT_LIMIT)),
            max_lifetime,
            retention: retention.unwrap_or(DEFAULT_RETENTION),
        })
    }

    /// When a key ends that was asked to end at `requested`.
    ///
    /// # Errors
    ///
    /// [`InvalidExpiry`] if that is not in the future or beyond the maximum lifetime.
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

impl CachePolicy {
    fn from_lookup(read: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let variable = "LATCHKEY_CACHE_TTL";
        let ttl = Setting { variable, value: read(variable) }
            .parse("a duration of up to 1 hour, such as `10s`; `0s` for no cache", |text| {
                duration(text).filter(|ttl| *ttl <= CACHE_TTL_MAX)
            })?;
        Ok(Self { ttl: ttl.unwrap_or(DEFAULT_CACHE_TTL), entries: CACHE_ENTRIES })
    }
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            prefix: Prefix::default(),
            key_limit: NonZeroU32::new(DEFAULT_KEY_LIMIT),
            account_limit: NonZeroU32::new(DEFAULT_ACCOUNT_LIMIT),
            max_lifetime: None,
            retention: DEFAULT_RETENTION,
        }
    }
}

struct Setting {
    variable: &'static str,
    value: Option<String>,
}

impl Setting {
    fn parse<T>(
        self,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, InvalidConfig> {
        let Some(value) = self.value else { return Ok(None) };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(InvalidConfig {
                variable: self.variable,
                problem: format!("must be {expected}, not {value:?}"),
            }),
        }
    }
}

/// A duration in its largest whole unit: `90 days`, `36 hours`.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let fits = units.into_iter().find(|(_, length)| seconds.is_multiple_of(*length));
    let (unit, length) = fits.unwrap_or(("second", 1));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| *duration <= DURATION_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
        Config::from_lookup(|variable| {
            let found = settings.iter().find(|(name, _)| *name == variable);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_variable_that_is_unset_or_empty_has_its_default() {
        let config = config(&[("LATCHKEY_TABLE", "keys"), ("LATCHKEY_MAX_LIFETIME", "")]);
        let config = config.expect("valid");
        assert_eq!(config.policy, KeyPolicy::default());
        assert_eq!(config.cache.ttl.as_secs(), 10);
        assert_eq!(config.policy.key_limit.map(NonZeroU32::get), Some(10));
        assert_eq!(config.policy.account_limit.map(NonZeroU32::get), Some(10_000));
        assert_eq!(config.policy.retention.as_secs(), 2_592_000);
        assert_eq!(config.last_used_interval.as_secs(), 300);
        assert_eq!(config.metrics_namespace, None);
    }

    #[test]
    fn a_bad_value_is_named() {
        for (variable, value) in [
            ("LATCHKEY_KEY_LIMIT", "-1"),
            ("LATCHKEY_KEY_LIMIT", "ten"),
            ("LATCHKEY_ACCOUNT_LIMIT", "-1"),
            ("LATCHKEY_MAX_LIFETIME", "90"),
            ("LATCHKEY_MAX_LIFETIME", "0d"),
            ("LATCHKEY_MAX_LIFETIME", "200y"),
            ("LATCHKEY_RETENTION", "-1d"),
            ("LATCHKEY_CACHE_TTL", "2h"),
            ("LATCHKEY_LAST_USED_INTERVAL", "soon"),
            ("LATCHKEY_PREFIX", "SK"),
            ("LATCHKEY_PREFIX", "a_prefix_that_is_too_long"),
        ] {
            let error = config(&[("LATCHKEY_TABLE", "keys"), (variable, value)]).expect_err(value);
            assert_eq!(error.variable, variable);
            assert!(error.to_string().contains(value), "{error}");
        }
        assert_eq!(config(&[]).expect_err("no table").variable, "LATCHKEY_TABLE");
    }

    #[test]
    fn a_limit_of_zero_is_no_limit() {
        let config = config(&[
            ("LATCHKEY_TABLE", "keys"),
            ("LATCHKEY_KEY_LIMIT", "0"),
            ("LATCHKEY_ACCOUNT_LIMIT", "0"),
        ]);
        let policy = config.expect("valid").policy;
        assert_eq!((policy.key_limit, policy.account_limit), (None, None));
    }

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
