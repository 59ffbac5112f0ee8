//! Instants, as all dialects read and write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant in UTC, to the millisecond, in the years 0 to 9999.
///
/// Parses any RFC 3339 date-time and formats as UTC with three fraction digits.
///
/// ```
/// use latchkey::time::Timestamp;
///
/// let timestamp: Timestamp = "2026-06-01t14:00:00.0009+02:00".parse().unwrap();
/// assert_eq!(timestamp.to_string(), "2026-06-01T12:00:00.000Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// The reason a string is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 date-time with an offset, such as `2026-06-01T12:00:00Z`")]
pub struct InvalidTimestamp;

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for the year.
const MILLIS_RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// The instant `millis` milliseconds after the Unix epoch, or `None` outside the years 0 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        if !MILLIS_RANGE.contains(&millis) {
            return None;
        }
        DateTime::from_timestamp_millis(millis).map(Self)
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Seconds since the Unix epoch, rounded up so that they are never before this instant.
    pub fn as_seconds_ceil(self) -> i64 {
        let millis = self.as_millis();
        millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) != 0)
    }

    /// Adds `duration`, up to the end of the year 9999.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let sum = self.as_millis().saturating_add(millis).min(*MILLIS_RANGE.end());
        Self::from_millis(sum).unwrap_or(self)
    }

    /// Subtracts `duration`, down to the beginning of the year 0.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let difference = self.as_millis().saturating_sub(millis).max(*MILLIS_RANGE.start());
        Self::from_millis(difference).unwrap_or(self)
    }

    /// Returns how long this is after `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.as_millis().saturating_sub(earlier.as_millis());
        Duration::from_millis(millis.try_into().unwrap_or(0))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Truncates digits beyond the millisecond, so a key never outlives the requested expiry. A leap second
    /// becomes the instant after it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // chrono also accepts U+2212 as a minus sign, which RFC 3339 does not.
        if !text.is_ascii() {
            return Err(InvalidTimestamp);
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp)?;
        Self::from_millis(parsed.timestamp_millis()).ok_or(InvalidTimestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_form_of_rfc_3339() {
        let noon = "2026-06-01T12:00:00.000Z";
        for (text, expected) in [
            ("2026-06-01T12:00:00Z", noon),
            ("2026-06-01t12:00:00z", noon),
            ("2026-06-01 12:00:00Z", noon),
            ("2026-06-01T12:00:00.0Z", noon),
            ("2026-06-01T12:00:00-00:00", noon),
            ("2026-06-01T14:30:00+02:30", noon),
            ("2026-05-31T12:01:00-23:59", noon),
            ("2026-06-01T12:00:00.123456789012Z", "2026-06-01T12:00:00.123Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let read: Timestamp = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(read.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_rfc_3339_does_not_allow() {
        for text in [
            "",
            "2026-06-01",
            "2026-06-01T12:00Z",
            "2026-06-01T12:00:00",
            "2026-06-01T12:00:00+0100",
            "2026-06-01T12:00:00+24:00",
            "2026-06-01T12:00:00\u{2212}01:00",
            "2026-06-01T12:00:00,5Z",
            "2026-06-01T12:00:00.Z",
            "2026-06-01T24:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "+12026-06-01T12:00:00Z",
            " 2026-06-01T12:00:00Z",
            "2026-06-01T12:00:00Z ",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
            "1780315200",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_survives_writing_and_reading(millis in MILLIS_RANGE) {
            let timestamp = Timestamp::from_millis(millis).expect("in range");
            let text = timestamp.to_string();
            prop_assert_eq!(text.len(), "2026-06-01T12:00:00.000Z".len());
            prop_assert_eq!(text.parse(), Ok(timestamp));
            prop_assert!(timestamp.as_seconds_ceil() * 1000 >= millis);
            prop_assert!(timestamp.as_seconds_ceil() * 1000 - millis < 1000);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
