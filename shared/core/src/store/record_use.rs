//! Recording the use of a key.

use std::time::Duration;

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::time::Timestamp;

use super::KeyStore;
use super::attribute::number;
use super::record;

/// A use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The key's account.
    pub account: ServiceAccountId,
    /// The key.
    pub key: KeyId,
    /// When it was used.
    pub at: Timestamp,
}

impl KeyStore {
    /// Records a use, unless the recorded one is later or less than `interval` earlier. Does not recreate a
    /// deleted key.
    pub(crate) async fn record_use(&self, used: &Use, interval: Duration) -> Result<(), Error> {
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&used.account, &used.key)))
            .update_expression("SET last_used_at = :at")
            .condition_expression(
                "attribute_exists(pk) \
                 AND (attribute_not_exists(last_used_at) OR last_used_at <= :before)",
            )
            .expression_attribute_values(":at", number(used.at.as_millis()))
            .expression_attribute_values(
                ":before",
                number(used.at.as_millis().saturating_sub(interval)),
            );
        // Rejected if another environment was first.
        self.update(update).await.map(drop)
    }
}
