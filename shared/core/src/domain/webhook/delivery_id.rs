//! IDs of deliveries.

use std::fmt;
use std::str::FromStr;

use rand::TryRng;
use sha2::{Digest, Sha256};

use crate::audit::{Event, EventTime};
use crate::domain::encoding::base36_wide;
use crate::id::{InvalidId, ServiceAccountId, WebhookId};
use crate::time::Timestamp;

/// The number of random bits of an ID, after the time.
const RANDOM_BITS: u32 = 48;

/// The ID of a delivery: 20 of `A-Z` and `0-9`, the time and 48 other bits, so that IDs sort by time.
///
/// The ID of a webhook's first delivery of an event is the same whenever it is computed, so that an event that is
/// processed twice makes one delivery. Times of events are unique in a trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The ID of the delivery of `event` to `webhook`.
    pub fn of(webhook: &WebhookId, event: &Event) -> Self {
        let mut digest = Sha256::new();
        // Neither of the two contains `#`.
        for part in [webhook.as_ref(), "#", &event.id()] {
            digest.update(part);
        }
        let digest = digest.finalize();
        let [a, b, c, d, e, f] = *digest.first_chunk().expect("SHA-256 has 32 bytes");
        Self::at(event.time, u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Mints the ID of a repeated delivery.
    ///
    /// # Errors
    ///
    /// Returns the generator's error.
    pub fn mint<R: TryRng>(rng: &mut R, now: Timestamp) -> Result<Self, R::Error> {
        let random = rng.try_next_u64()? >> (u64::BITS - RANDOM_BITS);
        Ok(Self::at(now.into(), random))
    }

    fn at(time: EventTime, random: u64) -> Self {
        let micros = u128::try_from(time.as_micros()).unwrap_or(0);
        Self(base36_wide(micros << RANDOM_BITS | u128::from(random)))
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The grammar of all IDs.
        text.parse::<ServiceAccountId>()?;
        Ok(Self(text.to_owned()))
    }
}

impl AsRef<str> for DeliveryId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn ids_sort_by_time(seed: u64, early in 0_i64..1 << 42, later in 1_i64..1 << 40) {
            let mut rng = StdRng::seed_from_u64(seed);
            let at = |millis| Timestamp::from_millis(millis).expect("in range");
            let first = DeliveryId::mint(&mut rng, at(early)).expect("infallible");
            let second = DeliveryId::mint(&mut rng, at(early + later)).expect("infallible");
            prop_assert!(first < second);
            prop_assert_eq!(first.as_ref().len(), 20);
            prop_assert_eq!(first.as_ref().parse(), Ok(first.clone()));
        }
    }
}
