//! Announcing keys before they end, and keys that nobody uses.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::audit::{Actor, Author};
use crate::error::Error;
use crate::id::ServiceAccountId;
use crate::policy::KeyPolicy;
use crate::store::{DueKey, KeyStore, ReviewWalk};
use crate::time::Timestamp;
use crate::warning::{Warning, WarningPolicy};

/// The maximum number of accounts whose keys are announced at the same time. The keys of one account follow one
/// another, because they share a chain of events.
const ACCOUNTS_MAX: usize = 16;

/// How often the table is walked after a change of the rules: at once, and again for the keys that functions with the
/// old rules wrote while the new ones were deployed.
const WALKS: u8 = 2;

/// An hour, in milliseconds.
const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// How long after the end of a walk the next one starts.
const BETWEEN_WALKS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after the last run nobody knows which rules have applied meanwhile: perhaps none. Runs are an hour apart.
const PAUSE_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of keys that were announced before their end, by the days that the policy names.
    pub expiring: BTreeMap<u16, u64>,
    /// The number of keys that were announced because nobody has used them.
    pub unused: u64,
    /// The number of keys that were put into the index, or moved in it, after a change of the rules.
    pub indexed: u64,
    /// The number of keys that could not be announced. The next run tries again.
    pub failed: u64,
    /// Whether everything was done. Otherwise the time was up, and the next run goes on.
    pub finished: bool,
}

/// A run of which a part failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Incomplete {
    /// What the rest of it did.
    pub report: Report,
    /// The first error.
    #[source]
    pub error: Error,
}

/// Announces each key that is due at `now` as `policy` says, and starts no further work after `until`.
///
/// A run that ends early, for whatever reason, loses no event and repeats none: each key is announced in one
/// transaction with its next plan. After a change of the rules, or a pause, also walks the table, so that they apply to
/// the keys that it has.
///
/// # Errors
///
/// [`Error::Store`] if the table has no index of keys to review or does not respond.
pub async fn run(
    store: &KeyStore,
    policy: &KeyPolicy,
    now: Timestamp,
    until: Instant,
) -> Result<Report, Incomplete> {
    let store = store.by(Author { actor: Actor::system("warnings"), ..Author::default() });
    let run = Run { store, policy: policy.warnings.clone(), now, until };
    let mut report = Report { finished: true, ..Report::default() };
    let mut failed = None;
    // Each hour begins with another shard, so that none waits for the others each time.
    let shards = KeyStore::review_shards();
    let first = usize::try_from(now.as_millis() / HOUR_MILLIS).unwrap_or_default() % shards.len();
    for shard in shards.clone().cycle().skip(first).take(shards.len()) {
        failed = failed.or(run.announce(shard, &mut report).await.err());
    }
    failed = failed.or(run.walk(&mut report).await.err());
    match failed {
        None => Ok(report),
        Some(error) => Err(Incomplete { report, error }),
    }
}

#[derive(Clone)]
struct Run {
    store: KeyStore,
    policy: WarningPolicy,
    now: Timestamp,
    until: Instant,
}

impl Run {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Announces the keys of a shard of the index.
    async fn announce(&self, shard: u8, report: &mut Report) -> Result<(), Error> {
        let mut start = None;
        loop {
            if self.is_over() {
                report.finished = false;
                return Ok(());
            }
            let page = self.store.due_keys(shard, self.now, start).await?;
            report.failed += page.malformed;
            let mut accounts: BTreeMap<ServiceAccountId, Vec<DueKey>> = BTreeMap::new();
            for due in page.keys {
                accounts.entry(due.account.clone()).or_default().push(due);
            }
            let mut accounts = accounts.into_values();
            let mut tasks = JoinSet::new();
            loop {
                while tasks.len() < ACCOUNTS_MAX
                    && let Some(keys) = accounts.next()
                {
                    let run = self.clone();
                    tasks.spawn(async move { run.announce_keys(keys).await });
                }
                match tasks.join_next().await {
                    Some(Ok(announced)) => report.add(announced),
                    Some(Err(error)) => {
                        tracing::error!("the announcement of an account's keys ended: {error}");
                        report.failed += 1;
                    }
                    None => break,
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Announces keys of one account. One that cannot be announced does not hold up the others.
    async fn announce_keys(&self, keys: Vec<DueKey>) -> Report {
        let mut report = Report { finished: true, ..Report::default() };
        for due in keys {
            if self.is_over() {
                report.finished = false;
                break;
            }
            match self.store.review_key(&due, &self.policy, self.now).await {
                Ok(warnings) => warnings.iter().for_each(|warning| report.count(&due, warning)),
                Err(error) => {
                    let DueKey { account, id } = &due;
                    tracing::error!(account.id = %account, key.id = %id, "a key could not be announced: {error}");
                    report.failed += 1;
                }
            }
        }
        report
    }

    /// Puts the keys of the table into the index that other rules, or earlier versions, left out.
    async fn walk(&self, report: &mut Report) -> Result<(), Error> {
        let known = self.store.review_walk().await?;
        let known = known.filter(|walk| {
            walk.policy == self.policy && self.now <= walk.seen.saturating_add(PAUSE_MAX)
        });
        let mut walk = known.unwrap_or_else(|| ReviewWalk {
            policy: self.policy.clone(),
            left: WALKS,
            from: self.now,
            seen: self.now,
            position: None,
        });
        walk.seen = self.now;
        self.store.keep_review_walk(&walk).await?;
        while walk.left > 0 && walk.from <= self.now {
            if self.is_over() {
                report.finished = false;
                return Ok(());
            }
            let start = walk.position.take();
            let planned = self.store.plan_reviews(&self.policy, self.now, start).await?;
            report.indexed += planned.changed;
            report.failed += planned.failed;
            if planned.next.is_none() {
                walk.left -= 1;
                walk.from = self.now.saturating_add(BETWEEN_WALKS);
            }
            walk.position = planned.next;
            self.store.keep_review_walk(&walk).await?;
        }
        Ok(())
    }
}

impl Report {
    fn count(&mut self, DueKey { account, id }: &DueKey, warning: &Warning) {
        let (action, days) = (warning.action(account), warning.days());
        match warning {
            Warning::Expiring { .. } => {
                tracing::info!(%action, account.id = %account, key.id = %id, days, "key ends soon");
                *self.expiring.entry(days).or_default() += 1;
            }
            Warning::Unused { .. } => {
                tracing::info!(%action, account.id = %account, key.id = %id, days, "key is unused");
                self.unused += 1;
            }
        }
    }

    fn add(&mut self, other: Self) {
        for (days, count) in other.expiring {
            *self.expiring.entry(days).or_default() += count;
        }
        self.unused += other.unused;
        self.indexed += other.indexed;
        self.failed += other.failed;
        self.finished &= other.finished;
    }
}
