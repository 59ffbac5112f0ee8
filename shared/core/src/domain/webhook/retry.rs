//! How long an attempt may take, and when a failed delivery is attempted again.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long to wait after each failed attempt. The first attempt is immediate, and after the tenth there is none.
/// Source: the example schedule of
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
const DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    MINUTE.saturating_mul(5),
    MINUTE.saturating_mul(30),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(5),
    HOUR.saturating_mul(10),
    HOUR.saturating_mul(14),
    HOUR.saturating_mul(20),
    HOUR.saturating_mul(24),
];

/// The time limit of an attempt that nothing waits for, including the connection.
/// Source: 15 to 30 s are recommended by
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// The time limit of an attempt that deliveries of other webhooks wait for.
pub const SHARED_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of attempts of a delivery.
pub const ATTEMPTS_MAX: u32 = 10;

/// The longest wait that an endpoint can ask for with `Retry-After`.
const RETRY_AFTER_MAX: Duration = HOUR.saturating_mul(24);

/// Returns how long to wait after `attempts` attempts, the last of which failed; `None` if that was the last one.
///
/// The wait is up to a tenth longer, by `random`, so that the retries of deliveries that failed together drift apart.
/// It is never shorter than the endpoint asked for with `retry_after`, up to a day.
pub fn next_delay(attempts: u32, random: u32, retry_after: Option<Duration>) -> Option<Duration> {
    let place = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let delay = *DELAYS.get(place)?;
    let jitter = (delay / 10).mul_f64(f64::from(random) / f64::from(u32::MAX));
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    Some((delay + jitter).max(asked))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_schedule_is_that_of_the_specification() {
        let delays = (1..ATTEMPTS_MAX).map(|attempts| next_delay(attempts, 0, None).expect("one"));
        let since_start: Vec<u64> = delays
            .scan(Duration::ZERO, |sum, delay| {
                *sum += delay;
                Some(sum.as_secs())
            })
            .collect();
        // 00:00:05, 00:05:05, 00:35:05, 02:35:05, 07:35:05, 17:35:05, 31:35:05, 51:35:05, and 75:35:05.
        assert_eq!(since_start, [5, 305, 2105, 9305, 27305, 63305, 113_705, 185_705, 272_105]);
        assert_eq!(next_delay(ATTEMPTS_MAX, 0, None), None);
        assert_eq!(next_delay(0, 0, None), None);
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_wait_up_to_a_day() {
        let asked = |seconds| next_delay(2, 0, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(10), Some(Duration::from_secs(300)));
        assert_eq!(asked(900), Some(Duration::from_secs(900)));
        assert_eq!(asked(u64::MAX), Some(Duration::from_secs(86_400)));
    }

    proptest! {
        #[test]
        fn jitter_makes_a_wait_up_to_a_tenth_longer(attempts in 1..ATTEMPTS_MAX, random: u32) {
            let shortest = next_delay(attempts, 0, None).expect("one");
            let delay = next_delay(attempts, random, None).expect("one");
            prop_assert!(delay >= shortest && delay <= shortest + shortest / 10);
        }
    }
}
