//! Keys to announce: an index of when to look at each key next.
//!
//! A key is in the index while there is something to announce about it. The announcement and the next plan are one
//! transaction, so no step is announced twice, and none is forgotten. The index may be behind the table:
//! what it finds is read again from the table, and what it does not show yet, the next run finds.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Update};

use crate::audit::Draft;
use crate::error::Error;
use crate::id::{KeyId, ServiceAccountId};
use crate::key::Key;
use crate::time::Timestamp;
use crate::warning::{Warning, WarningPolicy};

use super::attribute::{Item, Reader, number, put_number, put_text, text};
use super::record::{self, REVIEW, Reviewed};
use super::transaction::{Outcome, Part};
use super::{CorruptItem, KeyStore, StoreError};

/// The table's index of keys to look at. Its keys are [`REVIEW`].
const INDEX: &str = "reviews";

/// The maximum number of keys in a page of the index.
const PAGE_MAX: i32 = 100;

/// The maximum number of items that a page of a walk over the table reads.
const WALK_PAGE_MAX: i32 = 500;

/// The maximum number of attempts for a key that other writers keep changing.
const ATTEMPTS_MAX: u32 = 4;

/// A key to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueKey {
    /// The account.
    pub account: ServiceAccountId,
    /// The key.
    pub id: KeyId,
}

/// A page of keys to look at.
#[derive(Debug)]
pub struct DuePage {
    /// The keys.
    pub keys: Vec<DueKey>,
    /// The number of items that are not keys.
    pub malformed: u64,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<WalkPosition>,
}

/// What a walk did on a page of the table.
#[derive(Debug)]
pub struct Planned {
    /// The number of keys that it put into the index, or moved in it.
    pub changed: u64,
    /// The number of keys that it could not plan.
    pub failed: u64,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<WalkPosition>,
}

/// Where a page starts.
#[derive(Clone, Debug, PartialEq)]
pub struct WalkPosition(Item);

/// How far the keys of earlier versions, or of other rules, have been put into the index.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWalk {
    /// The rules.
    pub policy: WarningPolicy,
    /// The number of walks over the table that are left.
    pub left: u8,
    /// When the next one may start.
    pub from: Timestamp,
    /// When the last run took place.
    pub seen: Timestamp,
    /// Where the current one goes on.
    pub position: Option<WalkPosition>,
}

impl KeyStore {
    /// The shards of the index.
    pub fn review_shards() -> std::ops::Range<u8> {
        0..record::REVIEW_SHARDS
    }

    /// Returns keys of a shard of the index that are to be looked at by `now`. The index may be behind the table.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also if the table has no such index.
    pub async fn due_keys(
        &self,
        shard: u8,
        now: Timestamp,
        start: Option<WalkPosition>,
    ) -> Result<DuePage, StoreError> {
        let [hash, range] = REVIEW;
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression(format!("{hash} = :shard AND {range} <= :now"))
            .expression_attribute_values(":shard", text(&shard))
            .expression_attribute_values(":now", number(now.as_millis()))
            .limit(PAGE_MAX)
            .set_exclusive_start_key(start.map(|start| start.0));
        let page = request.send().await?;
        let (mut keys, mut malformed) = (Vec::new(), 0);
        for item in page.items.unwrap_or_default() {
            match due_key(&item) {
                Ok(due) => keys.push(due),
                Err(error) => {
                    tracing::error!(item.pk = ?item.get("pk"), item.sk = ?item.get("sk"), "an item of the index is not a key: {error}");
                    malformed += 1;
                }
            }
        }
        Ok(DuePage { keys, malformed, next: page.last_evaluated_key.map(WalkPosition) })
    }

    /// Looks at a key at `now`: announces what `policy` says, and plans when to look at it next. Returns what it
    /// announced, nothing if another run was first.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]. On error, nothing is written, unless the table did not respond.
    pub async fn review_key(
        &self,
        due: &DueKey,
        policy: &WarningPolicy,
        now: Timestamp,
    ) -> Result<Vec<Warning>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let item = self.item(record::key_key(&due.account, &due.id)).await?;
            let Some(item) = item else { return Ok(Vec::new()) };
            let Reviewed { key, at, told } = record::reviewed(&item).map_err(StoreError::from)?;
            let Some(planned) = at.filter(|at| *at <= now) else { return Ok(Vec::new()) };
            let warnings = policy.due(&key, told, planned, now);
            let mut organization = None;
            if !warnings.is_empty() && !key.spec.account.is_root() {
                // A key without an account is being deleted with it.
                let Some(account) = self.any_account(&due.account).await? else {
                    return Ok(Vec::new());
                };
                organization = Some(account.organization);
            }
            let idle = warnings.iter().find_map(|warning| match warning {
                Warning::Unused { since, .. } => Some(*since),
                Warning::Expiring { .. } => None,
            });
            let next = policy.next(&key, idle.or(told), now);
            let update = self.plan(&key, at, next, idle)?;
            let draft = |warning| Draft::key_announced(organization.as_ref(), &key, warning, now);
            let drafts: Vec<Draft> = warnings.iter().map(draft).collect();
            if let Outcome::Written = self.update_once(Part::Key, update, &drafts).await? {
                return Ok(warnings);
            }
        }
        Err(Error::Busy)
    }

    /// Plans when to look at the keys of a page of the table, as `policy` says at `now`. Leaves a key that is looked
    /// at soon enough as it is. A key that cannot be planned holds up no other.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the page cannot be read.
    pub async fn plan_reviews(
        &self,
        policy: &WarningPolicy,
        now: Timestamp,
        start: Option<WalkPosition>,
    ) -> Result<Planned, Error> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(sk, :keys) AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":keys", text(record::KEY_PREFIX))
            .limit(WALK_PAGE_MAX)
            .set_exclusive_start_key(start.map(|start| start.0));
        let page = scan.send().await.map_err(StoreError::from)?;
        let next = page.last_evaluated_key.map(WalkPosition);
        let mut planned = Planned { changed: 0, failed: 0, next };
        for item in page.items.unwrap_or_default() {
            match self.plan_item(&item, policy, now).await {
                Ok(changed) => planned.changed += u64::from(changed),
                Err(error) => {
                    tracing::error!(item.pk = ?item.get("pk"), item.sk = ?item.get("sk"), "a key could not be planned: {error}");
                    planned.failed += 1;
                }
            }
        }
        Ok(planned)
    }

    /// Plans when to look at a key. Returns whether it changed anything.
    async fn plan_item(
        &self,
        item: &Item,
        policy: &WarningPolicy,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Reviewed { key, at, told } = record::reviewed(item).map_err(StoreError::from)?;
        let next = policy.next(&key, told, now);
        // Whoever looks at a key too early plans anew.
        if next == at || at.is_some_and(|at| at <= now || next.is_some_and(|next| at < next)) {
            return Ok(false);
        }
        // Whoever changes a key meanwhile plans its review, too.
        let update = self.plan(&key, at, next, None)?;
        Ok(matches!(self.update_once(Part::Key, update, &[]).await?, Outcome::Written))
    }

    /// Returns an update that plans when to look at a key that is as it was read, was to be looked at `before`, and
    /// whose idle time since `told` is announced with it.
    fn plan(
        &self,
        key: &Key,
        before: Option<Timestamp>,
        next: Option<Timestamp>,
        told: Option<Timestamp>,
    ) -> Result<Update, StoreError> {
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(record::key_key(&key.spec.account, &key.id)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut condition = "attribute_exists(pk) AND ".to_owned();
        match before {
            Some(before) => {
                condition.push_str("review_at = :planned");
                update = update.expression_attribute_values(":planned", number(before.as_millis()));
            }
            None => condition.push_str("attribute_not_exists(review_at)"),
        }
        let mut set = String::new();
        // Each change of a key moves it. IAM counts attributes in conditions as written: with the expiry and the
        // revocation here, the role would let the runs extend and revive keys.
        let mut same = vec!["updated_at"];
        if let Some(told) = told {
            set.push_str("SET unused_warned = :told");
            update = update.expression_attribute_values(":told", number(told.as_millis()));
            same.push("last_used_at");
        }
        let update = plan_review(update, &set, &key.id, next);
        Ok(record::require_same(update, &condition, key, &same).build()?)
    }

    /// Reads how far the keys have been put into the index; `None` before the first run, or if the record is damaged.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn review_walk(&self) -> Result<Option<ReviewWalk>, StoreError> {
        let item = self.item(walk_key()).await?;
        Ok(item.and_then(|item| walk(&item).ok()))
    }

    /// Writes how far the keys have been put into the index. Of two runs at the same time, the last one counts: each
    /// page may be walked again.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn keep_review_walk(&self, walk: &ReviewWalk) -> Result<(), StoreError> {
        let mut item = walk_key();
        put_text(&mut item, "policy", &walk.policy);
        put_number(&mut item, "left", walk.left.into());
        put_number(&mut item, "from", walk.from.as_millis());
        put_number(&mut item, "seen", walk.seen.as_millis());
        if let Some(WalkPosition(position)) = &walk.position {
            item.insert("position".to_owned(), AttributeValue::M(position.clone()));
        }
        self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await?;
        Ok(())
    }
}

/// Adds to an update, which begins with `set` or is empty, when to look at a key next.
pub(super) fn plan_review(
    update: UpdateBuilder,
    set: &str,
    key: &KeyId,
    next: Option<Timestamp>,
) -> UpdateBuilder {
    let Some(next) = next else {
        return update.update_expression(format!("{set} REMOVE review, review_at"));
    };
    let start = if set.is_empty() { "SET" } else { &format!("{set},") };
    update
        .update_expression(format!("{start} review = :review, review_at = :review_at"))
        .expression_attribute_values(":review", text(&record::review_shard(key)))
        .expression_attribute_values(":review_at", number(next.as_millis()))
}

/// The primary key of the state of a walk, in a partition of its own, because a role can restrict puts to partitions
/// but not to sort keys: the runs must not replace the deployment's item.
fn walk_key() -> Item {
    record::primary_key("WARNINGS".to_owned(), "WARNINGS".to_owned())
}

fn walk(item: &Item) -> Result<ReviewWalk, CorruptItem> {
    let reader = Reader(item);
    let position = item.get("position").and_then(|value| value.as_m().ok());
    Ok(ReviewWalk {
        policy: reader.parse("policy")?,
        left: reader.count("left")?,
        from: reader.timestamp("from")?,
        seen: reader.timestamp("seen")?,
        position: position.cloned().map(WalkPosition),
    })
}

fn due_key(item: &Item) -> Result<DueKey, CorruptItem> {
    let partition: String = Reader(item).parse("pk")?;
    let account = partition.strip_prefix("ACCOUNT#").and_then(|id| id.parse().ok());
    let account = account.ok_or(CorruptItem { attribute: "pk" })?;
    Ok(DueKey { account, id: record::key_id(item)? })
}
