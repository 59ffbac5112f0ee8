//! Limits for log lines that anyone can cause, so that a flood of requests does not pay for as many lines.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::time::Timestamp;

use super::metrics::TROUBLE_INTERVAL;

/// Lines of each kind, at most one per [`TROUBLE_INTERVAL`]; the others are counted.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<BTreeMap<&'static str, Line>>);

/// The last written line of a kind.
#[derive(Debug)]
struct Line {
    written_at: Timestamp,
    left_out: u64,
}

impl Repeats {
    /// Returns whether to write a line of this kind at `now`: `Some` with the number of lines left out since
    /// the previous one, or `None`.
    pub(super) fn admit(&self, kind: &'static str, now: Timestamp) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get_mut(kind) else {
            lines.insert(kind, Line { written_at: now, left_out: 0 });
            return Some(0);
        };
        if now < line.written_at.saturating_add(TROUBLE_INTERVAL) {
            line.left_out += 1;
            return None;
        }
        line.written_at = now;
        Some(std::mem::take(&mut line.left_out))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kind_has_one_line_in_ten_seconds_and_the_next_one_tells_how_many_were_left_out() {
        let (repeats, at) = (Repeats::default(), |seconds: i64| {
            Timestamp::from_millis(seconds * 1000).expect("in range")
        });
        assert_eq!(repeats.admit("expired", at(0)), Some(0));
        assert_eq!(repeats.admit("expired", at(1)), None);
        assert_eq!(repeats.admit("revoked", at(1)), Some(0));
        assert_eq!(repeats.admit("expired", at(9)), None);
        assert_eq!(repeats.admit("expired", at(10)), Some(2));
        assert_eq!(repeats.admit("expired", at(20)), Some(0));
    }

    proptest! {
        #[test]
        fn every_line_is_written_or_counted(gaps in prop::collection::vec(0_i64..30_000, 1..200)) {
            let repeats = Repeats::default();
            let (mut millis, mut written, mut told) = (0, 0, 0);
            for gap in &gaps {
                millis += gap;
                let now = Timestamp::from_millis(millis).expect("in range");
                if let Some(left_out) = repeats.admit("unknown", now) {
                    written += 1;
                    told += left_out;
                }
            }
            // One more, after a pause, tells the rest.
            let pause = TROUBLE_INTERVAL.as_millis() as i64;
            let end = Timestamp::from_millis(millis + pause).expect("in range");
            told += repeats.admit("unknown", end).expect("a line after a pause");
            prop_assert_eq!(written + told, gaps.len() as u64);
            prop_assert!(written <= 1 + (millis / pause) as u64);
        }
    }
}
