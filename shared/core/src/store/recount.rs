//! Recounting the live keys of an account that appears full.
//!
//! The correction is conditional on the account's `revision`, which every write to the count increments. If
//! it were conditional on the bound alone, mints between two corrections could bring the bound back to the
//! value that was read, and the late correction would lose them.
//!
//! An ended key never becomes live again, so a recount stores its progress on the account: `counted_to`, and
//! in `counted_live` the live keys before that. The next recount reads only those keys and newer ones, so
//! that each mint does not read thousands of expired keys again.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::time::Timestamp;

use super::attribute::{number, text};
use super::record::{self, Counted, KeyCount};
use super::{KeyStore, StoreError};

/// The minimum age of keys that a recount does not read again. After that, a key is added only if its ID is
/// not older than this, so clocks may differ by this much.
const BEHIND: Duration = Duration::from_secs(60 * 60);

/// The maximum number of remembered live keys, which is the maximum of one `BatchGetItem` call.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const REMEMBERED_MAX: usize = 100;

/// The number of keys beyond the limit on the first page of a recount, so that a full account shows on that
/// page.
const PAGE_MIN: u32 = 20;

/// The maximum number of keys on a page. Pages double up to this size, about 100 read units.
const PAGE_MAX: u32 = 1000;

/// The cost at which a recount of a full account is worth a write that spares the next one. Below that, a
/// rejected mint reads about 5 units and writes nothing.
const NOTED_FROM: usize = 50;

/// The cost of a remembered key. It is read individually, which costs as much as reading ten consecutive
/// keys.
const REMEMBERED_WEIGHT: usize = 10;

/// The number of keys after which a recount saves its progress, in case it is interrupted.
const SAVED_EVERY: usize = 10_000;

/// The progress of a recount.
#[derive(Debug, Default)]
struct Recount {
    /// The number of live keys, counted up to the limit.
    live: u32,
    /// The earliest expiry of the live keys.
    until: Option<Timestamp>,
    /// The first live keys, which are remembered.
    first: Vec<KeyId>,
    /// The number of other live keys older than an hour.
    more: u32,
    /// The earliest expiry of those others.
    more_until: Option<Timestamp>,
    /// [`KeyCount::ended`] when the first of those others was counted.
    ended: i64,
    /// The last of those others.
    last_of_more: Option<KeyId>,
    /// Where the search began; `None` for the first key.
    from: Option<KeyId>,
    /// Where the search stopped; `None` if it read all keys.
    cut_at: Option<KeyId>,
    /// The number of keys read, weighted by cost.
    looked_at: usize,
    /// The number of keys read since the last save.
    unsaved: usize,
}

impl KeyStore {
    /// Lowers the bound of a seemingly full account to the number of its live keys, or records that it is
    /// full, so that the next mint need not count. Returns `Ok` if another attempt to mint may succeed.
    ///
    /// # Errors
    ///
    /// [`Error::KeyLimitReached`] if the account is full; [`Error::Busy`], [`Error::Store`].
    pub(super) async fn recount(
        &self,
        account: &ServiceAccountId,
        mut count: KeyCount,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(mut found) = self.live_keys(account, &mut count, limit, now).await? else {
            return Ok(());
        };
        if found.live >= limit && count.counted.is_stale(count.ended, now) {
            // It is full only if as many keys are still live, so count from the start.
            count.counted = Counted::default();
            match self.live_keys(account, &mut count, limit, now).await? {
                Some(anew) => found = anew,
                None => return Ok(()),
            }
        }
        let full = found.live >= limit;
        let result = if full { Found::Full } else { Found::Room };
        let is_worth_it = !full || found.looked_at >= NOTED_FROM;
        if is_worth_it && self.save(account, &mut count, &found, result, now).await? {
            let (bound, live) = (count.bound, found.live);
            tracing::info!(account.id = %account, bound, live, full, "live keys recounted");
        }
        if full {
            return Err(Error::KeyLimitReached { account: account.clone(), limit });
        }
        Ok(())
    }

    /// Counts the keys that are neither revoked nor expired, up to `limit`. Returns `None` if another writer
    /// came first while it was saving its progress.
    async fn live_keys(
        &self,
        account: &ServiceAccountId,
        count: &mut KeyCount,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<Recount>, Error> {
        let counted = count.counted.clone();
        let old = oldest(now);
        let mut recount = Recount {
            live: counted.more,
            until: counted.more_until,
            more: counted.more,
            more_until: counted.more_until,
            // Earlier counts keep their age.
            ended: if counted.more > 0 { counted.ended } else { count.ended },
            from: counted.to.clone(),
            cut_at: counted.to.clone(),
            looked_at: counted.live.len() * REMEMBERED_WEIGHT,
            ..Recount::default()
        };
        recount.add(self.still_live(account, &counted.live, now).await?, &old);

        let from = counted.to.as_ref().map_or("", AsRef::as_ref);
        let mut start = None;
        let mut page_size = limit.saturating_sub(recount.live).saturating_add(PAGE_MIN);
        while recount.live < limit {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                // Consistent because the count enforces the limit.
                .consistent_read(true)
                .projection_expression("sk, expires_at")
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .filter_expression(
                    "attribute_not_exists(revoked_at) \
                     AND (attribute_not_exists(expires_at) OR expires_at > :now)",
                )
                .expression_attribute_values(":pk", text(&record::account_partition(account)))
                .expression_attribute_values(":from", text(&record::key_sort_key(from)))
                // Sorts after every ID, because IDs are letters and digits.
                .expression_attribute_values(":to", text(&record::key_sort_key("~")))
                .expression_attribute_values(":now", number(now.as_millis()))
                .limit(page_size.min(PAGE_MAX).try_into().unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(StoreError::from)?;
            page_size = page_size.saturating_mul(2);
            let items = page.items.unwrap_or_default();
            let keys = items.iter().map(record::counted_key).collect::<Result<Vec<_>, _>>();
            recount.add(keys.map_err(StoreError::from)?, &old);
            let scanned = usize::try_from(page.scanned_count).unwrap_or(0);
            recount.unsaved += scanned;
            recount.looked_at += scanned;
            start = page.last_evaluated_key;
            let cut_at = start.as_ref().map(record::key_id).transpose();
            recount.cut_at = cut_at.map_err(StoreError::from)?;
            if start.is_none() {
                break;
            }
            if recount.unsaved >= SAVED_EVERY {
                recount.unsaved = 0;
                if !self.save(account, count, &recount, Found::Part, now).await? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(recount))
    }

    /// Saves the progress of a recount and returns whether no other writer came first.
    async fn save(
        &self,
        account: &ServiceAccountId,
        count: &mut KeyCount,
        found: &Recount,
        result: Found,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let counted = found.counted(now);
        let mut set = "SET revision = :next, counted_to = :to, counted_live = :first, \
             counted_more = :more, counted_ended = :ended"
            .to_owned();
        let mut remove = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(record::account_key(account)))
            .condition_expression("revision = :revision")
            .expression_attribute_values(":revision", number(count.revision))
            .expression_attribute_values(":next", number(count.revision + 1))
            .expression_attribute_values(":first", record::key_ids(&counted.live))
            .expression_attribute_values(":more", number(counted.more.into()))
            .expression_attribute_values(":ended", number(counted.ended));
        if let Some(to) = &counted.to {
            update = update.expression_attribute_values(":to", text(to));
        }
        let mut set_or_remove = |attribute: &str, value: &str, time: Option<Timestamp>| {
            match time {
                Some(_) => set.push_str(&format!(", {attribute} = {value}")),
                None => remove.push(attribute.to_owned()),
            }
            time.map(|time| (value.to_owned(), number(time.as_millis())))
        };
        let mut values: Vec<(String, AttributeValue)> = Vec::new();
        values.extend(set_or_remove("counted_more_until", ":more_until", counted.more_until));
        match result {
            Found::Part => {}
            Found::Room => {
                set.push_str(", live_keys = :live");
                values.push((":live".to_owned(), number(found.live.into())));
            }
            // More keys may be live than were counted, so the bound is unchanged.
            Found::Full => {
                values.extend(set_or_remove("full_until", ":until", found.until));
                set.push_str(", full_revision = :next, full_live = :live");
                values.push((":live".to_owned(), number(found.live.into())));
            }
        }
        for (placeholder, value) in values {
            update = update.expression_attribute_values(placeholder, value);
        }
        if !remove.is_empty() {
            set.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        let written = self.update(update.update_expression(set)).await?;
        if written {
            count.revision += 1;
            count.counted = counted;
        }
        // Otherwise, the next attempt reads the other writer's changes.
        Ok(written)
    }

    /// Returns the live keys among `ids` with their expiry, in order.
    async fn still_live(
        &self,
        account: &ServiceAccountId,
        ids: &[KeyId],
        now: Timestamp,
    ) -> Result<Vec<(KeyId, Option<Timestamp>)>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(|id| record::key_key(account, id)).collect();
        let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys));
        let items = self.batch(keys.build().map_err(StoreError::from)?).await?;
        let keys = items.iter().map(record::key).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(StoreError::from)?.into_iter();
        let live = keys.filter(|key| key.revoked_at.is_none() && !key.is_expired(now));
        let mut live: Vec<_> = live.map(|key| (key.id, key.spec.expires_at)).collect();
        live.sort();
        Ok(live)
    }
}

/// The state of a recount when it is saved.
#[derive(Clone, Copy)]
enum Found {
    /// It has not finished.
    Part,
    /// There is room for another key.
    Room,
    /// There is no room.
    Full,
}

/// Keys before this one are at least an hour old at `now`, and no key is added before it.
fn oldest(now: Timestamp) -> KeyId {
    KeyId::first_of(now.saturating_sub(BEHIND))
}

impl Recount {
    /// Adds live keys and their expiry, newer than the previous ones. `old` is the result of [`oldest`].
    fn add(&mut self, keys: Vec<(KeyId, Option<Timestamp>)>, old: &KeyId) {
        let earlier = |left: Option<Timestamp>, right| [left, right].into_iter().flatten().min();
        self.live = self.live.saturating_add(u32::try_from(keys.len()).unwrap_or(u32::MAX));
        for (id, end) in keys {
            self.until = earlier(self.until, end);
            if self.first.len() < REMEMBERED_MAX {
                self.first.push(id);
            } else if id < *old {
                self.more = self.more.saturating_add(1);
                self.more_until = earlier(self.more_until, end);
                self.last_of_more = Some(id);
            }
        }
    }

    /// Returns the progress for the next recount, which reads the key `to` again.
    fn counted(&self, now: Timestamp) -> Counted {
        let old = oldest(now);
        let to = self.cut_at.clone().map_or(old.clone(), |cut_at| cut_at.min(old));
        // A clock may have been set back since.
        let to = self.from.clone().map_or(to.clone(), |from| from.max(to));
        let live = self.first.iter().filter(|id| **id < to).cloned().collect();
        let again = u32::from(self.last_of_more.as_ref() == Some(&to));
        let more = self.more - again;
        Counted { to: Some(to), live, more, more_until: self.more_until, ended: self.ended }
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
        let Counted { to, live, .. } = recount.counted(at(now));
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
    fn more_than_can_be_read_at_once_are_counted_and_not_remembered() {
        let mut recount = Recount { ended: 7, ..Recount::default() };
        let old = oldest(at(NOW));
        let endless = |ids: std::ops::Range<i64>| ids.map(|millis| (id(millis), None)).collect();
        recount.add(endless(0..150), &old);
        recount.add(vec![(id(150), Some(at(NOW + 5))), (id(151), Some(at(NOW + 9)))], &old);
        recount.add(endless(NOW - HOUR..NOW - HOUR + 10), &old);
        assert_eq!((recount.live, recount.until), (162, Some(at(NOW + 5))));
        let all = recount.counted(at(NOW));
        assert_eq!((all.to, all.live.len(), all.more), (Some(old), 100, 52));
        assert_eq!((all.more_until, all.ended), (Some(at(NOW + 5)), 7));

        // If the search stopped at one of them, that key is read again.
        recount.cut_at = Some(id(151));
        let cut = recount.counted(at(NOW));
        assert_eq!((cut.to, cut.more), (Some(id(151)), 51));
    }

    #[test]
    fn a_clock_that_steps_back_counts_nothing_twice() {
        let later = id(NOW);
        let recount = Recount { from: Some(later.clone()), ..Recount::default() };
        assert_eq!(counted(&recount, NOW - HOUR).0, later);
    }

    #[test]
    fn a_count_is_stale_once_a_key_has_ended() {
        let counted = Counted { more: 1, ended: 3, more_until: Some(at(9)), ..Counted::default() };
        assert!(!counted.is_stale(3, at(8)));
        assert!(counted.is_stale(4, at(8)));
        assert!(counted.is_stale(3, at(9)));
        assert!(!Counted { more: 0, ..counted }.is_stale(4, at(9)));
    }
}
