//! The time of an event, which is also its place in the trail.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Timelike, Utc};

use crate::time::{InvalidTimestamp, Timestamp};

/// The time of an event in microseconds since the Unix epoch. It is unique in a trail: of two events of the same
/// millisecond, the digits below tell which comes first, not how much later it was.
///
/// ```
/// use latchkey::audit::EventTime;
///
/// let time: EventTime = "2026-06-01T12:00:00.000001Z".parse().unwrap();
/// assert_eq!(time.to_string(), "2026-06-01T12:00:00.000001Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// The last microsecond of the year 9999.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

impl EventTime {
    /// Creates the time `micros` microseconds after the Unix epoch; `None` before it and after the year 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (0..=MICROS_MAX).contains(&micros).then_some(Self(micros))
    }

    /// Creates a time within the millisecond `at`: its microsecond number `part`, modulo a thousand.
    pub fn within(at: Timestamp, part: u16) -> Self {
        let micros = at.as_millis().saturating_mul(1000) + i64::from(part % 1000);
        Self(micros.clamp(0, MICROS_MAX))
    }

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// The millisecond that contains this time.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millis(self.0 / 1000).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The microsecond before this one; `None` for the first.
    pub fn previous(self) -> Option<Self> {
        Self::from_micros(self.0 - 1)
    }

    /// The following microsecond.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The time `micros` microseconds later, up to the end of the year 9999.
    #[must_use]
    pub fn plus(self, micros: u16) -> Self {
        Self((self.0 + i64::from(micros)).min(MICROS_MAX))
    }
}

impl From<Timestamp> for EventTime {
    fn from(at: Timestamp) -> Self {
        Self::within(at, 0)
    }
}

impl FromStr for EventTime {
    type Err = InvalidTimestamp;

    /// Reads an RFC 3339 date-time. Rounds digits beyond the microsecond up, so that an event before that time is
    /// before the result, too. A time before 1970 becomes the epoch.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let checked: Timestamp = text.parse()?;
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp)?;
        // A leap second has more than a billion nanoseconds; the millisecond has it right.
        let below = i64::from((parsed.nanosecond() % 1_000_000).div_ceil(1000));
        Ok(Self((checked.as_millis() * 1000 + below).clamp(0, MICROS_MAX)))
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time: DateTime<Utc> = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl serde::Serialize for EventTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_below_the_microsecond_are_rounded_up() {
        for (text, expected) in [
            ("2026-06-01T12:00:00Z", "2026-06-01T12:00:00.000000Z"),
            ("2026-06-01T14:00:00.123456+02:00", "2026-06-01T12:00:00.123456Z"),
            ("2026-06-01T12:00:00.123456001Z", "2026-06-01T12:00:00.123457Z"),
            ("2026-06-01T12:00:00.999999999Z", "2026-06-01T12:00:01.000000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59Z", "1970-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            let read: EventTime = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(read.to_string(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_survives_writing_and_reading(micros in 0..=MICROS_MAX) {
            let time = EventTime::from_micros(micros).expect("in range");
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert!(EventTime::from(time.timestamp()) <= time);
            prop_assert!(time.next() >= time);
        }
    }
}
