//! The deployment's rules, read from its settings.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::audit::AuditPolicy;
use crate::policy::{
    CachePolicy, DEFAULT_ACCOUNT_LIMIT, DEFAULT_KEY_LIMIT, DEFAULT_RETENTION, KeyPolicy,
};
use crate::store::environment::{Environment, InvalidSetting};
use crate::warning::WarningPolicy;

const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(10);

/// With a longer lifetime, revoking a key would have little effect.
const CACHE_TTL_MAX: Duration = Duration::from_secs(60 * 60);

/// An entry takes about 300 bytes, so the whole cache takes just over one megabyte.
const CACHE_ENTRIES: usize = 4096;

/// A hundred years. Longer durations are typing errors, and sums stay within a
/// [`Timestamp`](crate::time::Timestamp).
pub const DURATION_MAX: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

/// Parses a duration such as `90d` or `12h 30m`, up to [`DURATION_MAX`].
pub fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| *duration <= DURATION_MAX)
}

impl KeyPolicy {
    /// Reads the rules from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let limit = |variable| {
            let number = |text: &str| text.parse::<u32>().ok();
            environment.parse(variable, "a whole number (0 means no limit)", number)
        };
        let key_limit = limit("LATCHKEY_KEY_LIMIT")?.unwrap_or(DEFAULT_KEY_LIMIT);
        let account_limit = limit("LATCHKEY_ACCOUNT_LIMIT")?.unwrap_or(DEFAULT_ACCOUNT_LIMIT);
        let max_lifetime = environment.parse(
            "LATCHKEY_MAX_LIFETIME",
            "a duration of 1 second to 100 years, such as `90d` or `12h`",
            |text| duration(text).filter(|lifetime| *lifetime >= Duration::from_secs(1)),
        )?;
        let retention = environment.parse(
            "LATCHKEY_RETENTION",
            "a duration of up to 100 years, such as `30d`",
            duration,
        )?;
        let prefix = environment.parse(
            "LATCHKEY_PREFIX",
            "1 to 16 characters from `a-z`, `0-9`, and `_`",
            |text| text.parse().ok(),
        )?;
        Ok(Self {
            prefix: prefix.unwrap_or_default(),
            key_limit: NonZeroU32::new(key_limit),
            account_limit: NonZeroU32::new(account_limit),
            max_lifetime,
            retention: retention.unwrap_or(DEFAULT_RETENTION),
            warnings: WarningPolicy::from_environment(environment)?,
        })
    }
}

impl WarningPolicy {
    /// Reads the rules from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let steps = environment.parse(
            "LATCHKEY_EXPIRY_WARNINGS",
            "`off`, or up to 10 numbers of days from 1 to 3650, such as `30,7,1`",
            Self::parse_steps,
        )?;
        let unused = environment.parse(
            "LATCHKEY_UNUSED_WARNING",
            "`off`, or a number of days from 1 to 3650, such as `90`",
            Self::parse_unused,
        )?;
        Ok(Self { steps: steps.unwrap_or_default(), unused: unused.flatten() })
    }
}

impl CachePolicy {
    /// Reads the rules from `environment`.
    ///
    /// # Errors
    ///
    /// Names the variable if its value is invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let ttl = environment.parse(
            "LATCHKEY_CACHE_TTL",
            "a duration of up to 1 hour, such as `10s` (`0s` disables the cache)",
            |text| duration(text).filter(|ttl| *ttl <= CACHE_TTL_MAX),
        )?;
        Ok(Self { ttl: ttl.unwrap_or(DEFAULT_CACHE_TTL), entries: CACHE_ENTRIES })
    }
}

impl AuditPolicy {
    /// Reads the rules from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let default = Self::default();
        let enabled = environment.parse("LATCHKEY_AUDIT", "`on` or `off`", |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let retention = environment.parse(
            "LATCHKEY_AUDIT_RETENTION",
            "a duration of up to 100 years, such as `365d` (`0` keeps events for ever)",
            |text| if text == "0" { Some(Duration::ZERO) } else { duration(text) },
        )?;
        Ok(Self {
            enabled: enabled?.unwrap_or(default.enabled),
            retention: match retention {
                Some(kept) => (!kept.is_zero()).then_some(kept),
                None => default.retention,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variable: &'static str, value: &'static str) -> Environment {
        Environment::new(move |asked| (asked == variable).then(|| value.to_owned()))
    }

    #[test]
    fn a_variable_that_is_unset_or_empty_has_its_default() {
        for unset in [environment("", ""), environment("LATCHKEY_MAX_LIFETIME", "")] {
            let policy = KeyPolicy::from_environment(&unset).expect("valid");
            assert_eq!(policy, KeyPolicy::default());
            assert_eq!(policy.key_limit.map(NonZeroU32::get), Some(10));
            assert_eq!(policy.account_limit.map(NonZeroU32::get), Some(10_000));
            assert_eq!(policy.retention.as_secs(), 2_592_000);
            let cache = CachePolicy::from_environment(&unset).expect("valid");
            assert_eq!(cache.ttl.as_secs(), 10);
        }
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
            ("LATCHKEY_EXPIRY_WARNINGS", "30d"),
            ("LATCHKEY_UNUSED_WARNING", "0"),
            ("LATCHKEY_CACHE_TTL", "2h"),
            ("LATCHKEY_AUDIT", "yes"),
            ("LATCHKEY_AUDIT_RETENTION", "for ever"),
            ("LATCHKEY_PREFIX", "SK"),
            ("LATCHKEY_PREFIX", "a_prefix_that_is_too_long"),
        ] {
            let environment = environment(variable, value);
            let policy = KeyPolicy::from_environment(&environment).map(drop);
            let cache = CachePolicy::from_environment(&environment).map(drop);
            let audit = AuditPolicy::from_environment(&environment).map(drop);
            let error = policy.and(cache).and(audit).expect_err(value);
            assert_eq!(error.variable, variable);
            assert!(error.to_string().contains(value), "{error}");
        }
    }

    #[test]
    fn a_retention_of_zero_is_for_ever() {
        let read = |variable, value| AuditPolicy::from_environment(&environment(variable, value));
        let for_ever = read("LATCHKEY_AUDIT_RETENTION", "0").expect("valid");
        assert_eq!(for_ever, AuditPolicy { enabled: true, retention: None });
        let off = read("LATCHKEY_AUDIT", "off").expect("valid");
        assert_eq!(off, AuditPolicy { enabled: false, ..AuditPolicy::default() });
    }

    #[test]
    fn a_limit_of_zero_is_no_limit() {
        for variable in ["LATCHKEY_KEY_LIMIT", "LATCHKEY_ACCOUNT_LIMIT"] {
            let policy = KeyPolicy::from_environment(&environment(variable, "0")).expect("valid");
            let limits = [policy.key_limit, policy.account_limit];
            assert_eq!(limits.iter().flatten().count(), 1, "{variable}");
        }
    }
}
