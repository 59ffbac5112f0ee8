//! What the function is called with: a batch of the table's stream, or the time of an attempt.

use latchkey::id::OrganizationId;
use latchkey::service::Wake;
use latchkey::time::Timestamp;
use latchkey::webhook::DeliveryId;
use latchkey_http::stream::Batch;
use serde::{Deserialize, Serialize};

/// What the function is called with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// From the table's stream.
    Batch(Batch),
    /// From a schedule.
    Woken(Woken),
}

/// The attempt that a schedule is for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Woken {
    /// The organization of the webhook.
    pub organization: String,
    /// The delivery.
    pub delivery: String,
    /// How many attempts there were before.
    pub attempts: u32,
}

impl From<&Wake> for Woken {
    fn from(wake: &Wake) -> Self {
        Self {
            organization: wake.organization.to_string(),
            delivery: wake.delivery.to_string(),
            attempts: wake.attempts,
        }
    }
}

impl Woken {
    /// The attempt, which is due at `now`; `None` if the IDs are not valid.
    pub(crate) fn wake(&self, now: Timestamp) -> Option<Wake> {
        let organization: OrganizationId = self.organization.parse().ok()?;
        let delivery: DeliveryId = self.delivery.parse().ok()?;
        Some(Wake { organization, delivery, attempts: self.attempts, at: now })
    }
}
