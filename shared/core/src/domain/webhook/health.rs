//! What attempts say about a webhook: whether its deliveries may delay others, and when it is given up.

use std::time::Duration;

use crate::time::Timestamp;

use super::{DisableReason, LastAttempt, Webhook};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long an endpoint fails without a success before its webhook is disabled.
pub const FAILING_MAX: Duration = HOUR.saturating_mul(5 * 24);

/// After this long without a failure, an endpoint starts to fail anew. A delivery that fails has its next attempt within
/// 27 hours, unless Lambda or the scheduler is late. The rest is for that, and for the precision of
/// [`Webhook::trouble_at`].
const FAILURES_APART_MAX: Duration = HOUR.saturating_mul(36);

/// A longer attempt is slow, even if it succeeds.
const SLOW: Duration = Duration::from_secs(1);

/// How long after the noted trouble a webhook's deliveries wait for their own turn: an hour after the last one at least.
/// An endpoint that is slow or fails only now and then would otherwise delay others again and again.
const OWN_TURN: Duration = HOUR.saturating_add(NOTE_INTERVAL);

/// Trouble is noted this often at most, so that an endpoint that fails does not cost a write for each attempt.
const NOTE_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// The status with which an endpoint says that it wants no more requests.
const GONE: u16 = 410;

/// What a webhook notes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// When it began to fail, and when it last failed or was slow.
    Noted {
        /// The new [`Webhook::failing_since`].
        failing_since: Option<Timestamp>,
        /// The new [`Webhook::trouble_at`].
        trouble_at: Option<Timestamp>,
    },
    /// It is disabled.
    GivenUp(DisableReason),
}

impl Webhook {
    /// Returns whether a delivery could delay others, because an attempt failed or was slow lately.
    pub fn needs_own_turn(&self, now: Timestamp) -> bool {
        self.trouble_at.is_some_and(|at| at.saturating_add(OWN_TURN) > now)
    }

    /// Returns what it notes of an attempt that ended at `now`, took `took`, and had the outcome `last`; `None` for
    /// nothing new.
    pub fn health(&self, last: &LastAttempt, took: Duration, now: Timestamp) -> Option<Health> {
        if self.disabled.is_some() {
            return None;
        }
        let failed = last.error.is_some();
        let apart = |at: Timestamp| at.saturating_add(FAILURES_APART_MAX) < now;
        let failing_since = match self.failing_since {
            _ if last.status == Some(GONE) => return Some(Health::GivenUp(DisableReason::Gone)),
            _ if !failed => None,
            Some(since) if !self.trouble_at.is_some_and(apart) => {
                if since.saturating_add(FAILING_MAX) <= now {
                    return Some(Health::GivenUp(DisableReason::Failing));
                }
                Some(since)
            }
            Some(_) | None => Some(now),
        };
        let noted = self.trouble_at.filter(|at| at.saturating_add(NOTE_INTERVAL) > now);
        let trouble_at = match noted {
            None if failed || took > SLOW => Some(now),
            _ => self.trouble_at,
        };
        let changed = (failing_since, trouble_at) != (self.failing_since, self.trouble_at);
        changed.then_some(Health::Noted { failing_since, trouble_at })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disabled;
    use super::super::delivery::tests::{now, webhook};
    use super::*;

    const FAST: Duration = Duration::from_millis(999);
    const MINUTE: Duration = Duration::from_secs(60);

    fn outcome(status: u16) -> LastAttempt {
        let error = (status > 299).then(|| format!("the endpoint responded with {status}"));
        LastAttempt { status: Some(status), error }
    }

    /// Applies an attempt at `at` to a webhook, and returns whether that was worth a write.
    fn attempt(webhook: &mut Webhook, status: u16, took: Duration, at: Timestamp) -> bool {
        match webhook.health(&outcome(status), took, at) {
            Some(Health::Noted { failing_since, trouble_at }) => {
                (webhook.failing_since, webhook.trouble_at) = (failing_since, trouble_at);
                true
            }
            Some(Health::GivenUp(reason)) => {
                webhook.disabled = Some(Disabled { at, reason });
                true
            }
            None => false,
        }
    }

    #[test]
    fn an_endpoint_that_fails_or_is_slow_waits_for_its_own_turn() {
        for (status, took) in [(500, FAST), (200, FAST + Duration::from_millis(2))] {
            let mut webhook = webhook("A");
            assert!(!webhook.needs_own_turn(now()));
            assert!(!attempt(&mut webhook, 200, FAST, now()));
            assert!(attempt(&mut webhook, status, took, now()));
            assert_eq!(webhook.failing_since, (status == 500).then_some(now()));
            // A success that is fast does not end it, because the next one may be slow.
            let soon = now().saturating_add(MINUTE);
            assert_eq!(attempt(&mut webhook, 200, FAST, soon), status == 500);
            assert_eq!((webhook.failing_since, webhook.trouble_at), (None, Some(now())));
            let last = now().saturating_add(HOUR * 3 / 2 - Duration::from_millis(1));
            assert!(webhook.needs_own_turn(last));
            assert!(!webhook.needs_own_turn(now().saturating_add(HOUR * 3 / 2)));
        }
    }

    #[test]
    fn trouble_is_noted_twice_an_hour() {
        let mut webhook = webhook("A");
        let minutes = (0..24 * 60).map(|minute| now().saturating_add(MINUTE * minute));
        let writes = minutes.filter(|at| attempt(&mut webhook, 503, FAST, *at)).count();
        assert_eq!(writes, 48);
        assert_eq!(webhook.failing_since, Some(now()));
    }

    #[test]
    fn an_endpoint_is_given_up_after_five_days_of_failures() {
        let mut webhook = webhook("A");
        let mut at = now();
        while webhook.disabled.is_none() {
            attempt(&mut webhook, 500, FAST, at);
            at = at.saturating_add(Duration::from_secs(26 * 60 * 60));
        }
        let disabled = webhook.disabled.expect("disabled");
        // The first of these attempts after 120 hours.
        let expected = now().saturating_add(HOUR * 130);
        assert_eq!((disabled.at, disabled.reason), (expected, DisableReason::Failing));
        assert!(!attempt(&mut webhook, 500, FAST, at) && !attempt(&mut webhook, 410, FAST, at));
        assert!(!attempt(&mut webhook, 200, FAST, at));
    }

    #[test]
    fn five_days_are_exact() {
        for (early, disabled) in [(1, false), (0, true)] {
            let mut webhook = webhook("A");
            attempt(&mut webhook, 500, FAST, now());
            let end = now().saturating_add(FAILING_MAX - Duration::from_millis(early));
            webhook.trouble_at = Some(end);
            attempt(&mut webhook, 500, FAST, end);
            assert_eq!(webhook.disabled.is_some(), disabled);
        }
    }

    /// Three days of failures, a month without events, and one failure.
    #[test]
    fn failures_that_are_far_apart_are_not_one() {
        let mut webhook = webhook("A");
        for hours in [0, 24, 48, 72] {
            attempt(&mut webhook, 500, FAST, now().saturating_add(HOUR * hours));
        }
        assert_eq!(webhook.failing_since, Some(now()));
        let later = now().saturating_add(HOUR * 24 * 33);
        assert!(attempt(&mut webhook, 503, FAST, later));
        assert_eq!((webhook.disabled, webhook.failing_since), (None, Some(later)));
    }

    #[test]
    fn an_endpoint_that_is_gone_is_given_up_at_once() {
        let mut webhook = webhook("A");
        assert!(attempt(&mut webhook, 410, FAST, now()));
        let disabled = webhook.disabled.expect("disabled");
        assert_eq!(disabled.reason, DisableReason::Gone);
    }
}
