//! Recounting the live keys of an account that seems to be full.
//!
//! The correction is conditional on the account's `revision`, which every write to the count raises:
//! were it conditional on the bound alone, mints between two corrections could bring the bound back to
//! what was seen, and the late correction would forget them.
//!
//! A dead key never revives, so a recount remembers on the account how far it got: `counted_to`, and in
//! `counted_live` the keys before that which were live. The next one looks at those and at what is newer,
//! so that thousands of expired keys are not read again with each mint.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::time::Timestamp;

use super::attribute::{number, text};
use super::record::{self, Counted, KeyCount};
use super::transaction::Updated;
use super::{KeyStore, StoreError};

/// How old keys are that a recount leaves behind. A key is added after that one whose id is no older,
/// so clocks may differ by this much.
const BEHIND: Duration = Duration::from_secs(60 * 60);

/// How many live keys are remembered at most: what one `BatchGetItem` reads.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const REMEMBERED_MAX: usize = 100;

/// How many dead keys a recount that changes nothing else has to leave behind to be worth a write.
const DEAD_MIN: usize = 100;

/// What a recount found.
#[derive(Debug, Default)]
struct Recount {
    /// How many keys are live; counted no further than the limit.
    live: u32,
    /// The first of them, in order: one more than is remembered.
    first: Vec<KeyId>,
    /// Where looking ended, unless all keys were looked at.
    cut_at: Option<KeyId>,
    /// How many keys were dead.
    dead: usize,
}

impl KeyStore {
    /// Lowers the bound of a seemingly full account to the number of its live keys.
    ///
    /// # Errors
    ///
    /// [`Error::KeyLimitReached`] if it is full; [`Error::Busy`], [`Error::Store`].
    pub(super) async fn recount(
        &self,
        account: &ServiceAccountId,
        count: KeyCount,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let found = self.live_keys(account, &count.counted, limit, now).await?;
        let is_full = found.live >= limit;
        if !is_full || found.dead >= DEAD_MIN {
            let mut set =
                "SET counted_to = :to, counted_live = :before, revision = revision + :one"
                    .to_owned();
            let counted = found.counted(now);
            let mut update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(record::account_key(account)))
                .condition_expression("revision = :revision")
                .expression_attribute_values(":before", record::key_ids(&counted.live))
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":revision", number(count.revision));
            if let Some(to) = &counted.to {
                update = update.expression_attribute_values(":to", text(to));
            }
            // Of a full account, more keys may be live than were counted.
            if !is_full {
                set.push_str(", live_keys = :live");
                update = update.expression_attribute_values(":live", number(found.live.into()));
            }
            // Refused: another writer came first, and the next attempt sees what it left.
            if let Updated::Written(_) = self.update(update.update_expression(set)).await? {
                let (bound, live, dead) = (count.bound, found.live, found.dead);
                tracing::info!(account.id = %account, bound, live, dead, "live keys counted anew");
            }
        }
        if is_full {
            return Err(Error::KeyLimitReached { account: account.clone(), limit });
        }
        Ok(())
    }

    /// Counts the keys that are neither revoked nor expired, no further than `limit`.
    async fn live_keys(
        &self,
        account: &ServiceAccountId,
        counted: &Counted,
        limit: u32,
        now: Timestamp,
    ) -> Result<Recount, StoreError> {
        let mut recount = Recount { cut_at: counted.to.clone(), ..Recount::default() };
        recount.add(self.still_live(account, &counted.live, now).await?);
        recount.dead = counted.live.len() - recount.first.len();

        let from = counted.to.as_ref().map_or("", AsRef::as_ref);
        let mut start = None;
        while recount.live < limit {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                // Consistent: the count decides access to the limit.
                .consistent_read(true)
                .projection_expression("sk")
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .filter_expression(
                    "attribute_not_exists(revoked_at) \
                     AND (attribute_not_exists(expires_at) OR expires_at > :now)",
                )
                .expression_attribute_values(":pk", text(&record::account_partition(account)))
                .expression_attribute_values(":from", text(&record::key_sort_key(from)))
                // After every id: ids are letters and digits.
                .expression_attribute_values(":to", text(&record::key_sort_key("~")))
                .expression_attribute_values(":now", number(now.as_millis()))
                .set_exclusive_start_key(start)
                .send()
                .await?;
            let items = page.items.unwrap_or_default();
            let ids = items.iter().map(record::key_id).collect::<Result<Vec<_>, _>>()?;
            let scanned = usize::try_from(page.scanned_count).unwrap_or(0);
            recount.dead += scanned.saturating_sub(ids.len());
            recount.add(ids);
            start = page.last_evaluated_key;
            recount.cut_at = start.as_ref().map(record::key_id).transpose()?;
            if start.is_none() {
                break;
            }
        }
        Ok(recount)
    }

    /// Those of the keys `ids` that are live, in order.
    async fn still_live(
        &self,
        account: &ServiceAccountId,
        ids: &[KeyId],
        now: Timestamp,
    ) -> Result<Vec<KeyId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(|id| record::key_key(account, id)).collect();
        let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys));
        let items = self.batch(keys.build()?).await?;
        let keys = items.iter().map(record::key).collect::<Result<Vec<_>, _>>()?;
        let live = keys.into_iter().filter(|key| key.revoked_at.is_none() && !key.is_expired(now));
        let mut live: Vec<KeyId> = live.map(|key| key.id).collect();
        live.sort();
        Ok(live)
    }
}

impl Recount {
    /// Adds live keys, newer than those before.
    fn add(&mut self, ids: Vec<KeyId>) {
        self.live = self.live.saturating_add(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let room = (REMEMBERED_MAX + 1).saturating_sub(self.first.len());
        self.first.extend(ids.into_iter().take(room));
    }

    /// What the next recount is to know of this one.
    fn counted(&self, now: Timestamp) -> Counted {
        let old = KeyId::first_of(now.saturating_sub(BEHIND));
        // What comes after these was not looked at, or does not fit.
        let ends = [self.cut_at.as_ref(), self.first.get(REMEMBERED_MAX)];
        let to = ends.into_iter().flatten().fold(old, |to, end| to.min(end.clone()));
        let live = self.first.iter().filter(|id| **id < to).cloned().collect();
        Counted { to: Some(to), live }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("in range")
    }

    fn id(millis: i64) -> KeyId {
        KeyId::first_of(at(millis))
    }

    fn counted(recount: &Recount, now: i64) -> (KeyId, Vec<KeyId>) {
        let Counted { to, live } = recount.counted(at(now));
        (to.expect("an end"), live)
    }

    const NOW: i64 = 10_000_000_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn what_is_younger_than_an_hour_is_looked_at_again() {
        let ids = vec![id(5), id(NOW - HOUR - 1), id(NOW - HOUR), id(NOW)];
        let recount = Recount { first: ids.clone(), ..Recount::default() };
        assert_eq!(counted(&recount, NOW), (id(NOW - HOUR), ids[..2].to_vec()));
    }

    #[test]
    fn what_was_not_looked_at_is_looked_at_next_time() {
        let (first, cut_at) = (vec![id(5), id(9)], Some(id(7)));
        let recount = Recount { first, cut_at, ..Recount::default() };
        assert_eq!(counted(&recount, NOW), (id(7), vec![id(5)]));
    }

    #[test]
    fn no_more_is_remembered_than_can_be_read_at_once() {
        let mut recount = Recount::default();
        recount.add((0..150).map(id).collect());
        recount.add((150..300).map(id).collect());
        assert_eq!(recount.live, 300);
        let (to, live) = counted(&recount, NOW);
        assert_eq!((to, live.len()), (id(100), 100));
        assert_eq!(live.last(), Some(&id(99)));
    }
}
