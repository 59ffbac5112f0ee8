//! Times and durations.

use std::str::FromStr;
use std::time::Duration;

use clap::Args as ClapArgs;
use latchkey::service::settings::{self, DURATION_MAX};
use latchkey::time::Timestamp;

/// The longest grace period that any dialect allows for a rotated key.
const GRACE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// When a key ends.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Expiry {
    /// Expiry as an RFC 3339 date-time, such as 2027-01-01T00:00:00Z. Without one, the key lives for
    /// `LATCHKEY_MAX_LIFETIME`, or forever if that is not set.
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<Timestamp>,
    /// Lifetime of the key, such as 90d or 12h.
    #[arg(long, value_name = "DURATION", value_parser = lifetime, allow_hyphen_values = true)]
    expires_in: Option<Duration>,
}

/// A time, either absolute or as a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// An absolute time.
    At(Timestamp),
    /// A distance from now; the option determines the direction.
    Away(Duration),
}

impl Expiry {
    /// The requested expiry, relative to `now`.
    pub(crate) fn end(self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.or(self.expires_in.map(|lifetime| now.saturating_add(lifetime)))
    }
}

impl Moment {
    pub(crate) fn ahead_of(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Away(distance) => now.saturating_add(distance),
        }
    }

    /// The time before `now`, at the earliest 1970, before any key existed.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Away(distance) => {
                let distance = i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
                let millis = now.as_millis().saturating_sub(distance).max(0);
                Timestamp::from_millis(millis).unwrap_or(now)
            }
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let away = || duration(text, Duration::ZERO..=DURATION_MAX).map(Self::Away);
        let moment = text.parse().ok().map(Self::At).or_else(away);
        moment.ok_or(
            "must be an RFC 3339 date-time such as 2027-01-01T00:00:00Z, \
             or a duration of up to 100 years such as 30d or 12h",
        )
    }
}

/// Parses a key's lifetime.
fn lifetime(text: &str) -> Result<Duration, &'static str> {
    duration(text, Duration::from_secs(1)..=DURATION_MAX)
        .ok_or("must be a duration of 1 second to 100 years, such as 90d or 12h")
}

/// Parses a rotated key's grace period.
pub(super) fn grace(text: &str) -> Result<Duration, &'static str> {
    duration(text, Duration::ZERO..=GRACE_MAX)
        .ok_or("must be a duration of at most 30 days, such as 7d or 12h; 0s means no grace period")
}

fn duration(text: &str, allowed: std::ops::RangeInclusive<Duration>) -> Option<Duration> {
    settings::duration(text).filter(|duration| allowed.contains(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_distance() {
        let now: Timestamp = "2026-06-11T12:00:00Z".parse().expect("a time");
        let moment = |text: &str| text.parse::<Moment>();
        let time = "2026-06-01T12:00:00.000Z";
        assert_eq!(moment("10d").map(|moment| moment.before(now).to_string()), Ok(time.to_owned()));
        assert_eq!(moment(time).map(|moment| moment.before(now).to_string()), Ok(time.to_owned()));
        let ahead = moment("1h 30m").expect("a moment").ahead_of(now);
        assert_eq!(ahead.to_string(), "2026-06-11T13:30:00.000Z");
        assert_eq!(moment("99y").expect("a moment").before(now).as_millis(), 0);
        for text in ["", "-1d", "200y", "soon", "2026-06-01", "2026-06-01T12:00:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_grace_is_at_most_thirty_days() {
        assert_eq!(grace("30d"), Ok(GRACE_MAX));
        assert_eq!(grace("0s"), Ok(Duration::ZERO));
        assert!(grace("30d 1s").is_err() && grace("-1s").is_err());
    }
}
