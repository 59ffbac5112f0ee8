//! The real service next to the model: environments of both dialects over one table, each with its clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chaser::AllowedScopes;
use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_http::Request as HttpRequest;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Answer, NO_CACHE, TestTable, wire};
use serde_json::Value;

use super::checks::Past;
use super::state::{Account, DAY, Key, Millis, Model, Standing};
use super::steps::{ENVIRONMENTS, History, Step};
use super::table::Table;
use super::tally::Tally;

/// How long environments cache their verdicts.
pub(crate) const CACHE_TTL: Duration = Duration::from_secs(10);

/// The clock of the environment that verifies without a cache.
pub(crate) const EXACT: usize = ENVIRONMENTS;

/// The clock of the environment that verifies with a cache and does not learn what the others do.
pub(crate) const ELSEWHERE: usize = ENVIRONMENTS + 1;

const CLOCKS: usize = ENVIRONMENTS + 2;

/// What happened so far, a line each.
pub(crate) type Log = Rc<RefCell<Vec<String>>>;

/// An environment that serves requests.
pub(crate) enum App {
    LakeSail(lakesail::App),
    Chaser(chaser::App),
}

pub(crate) struct World {
    database: TestTable,
    client: aws_sdk_dynamodb::Client,
    samples: Table,
    skew: Millis,
    now: Millis,
    offsets: [Millis; CLOCKS],
    clocks: [Arc<AtomicI64>; CLOCKS],
    pub(crate) apps: Vec<App>,
    pub(crate) exact: Latchkey,
    pub(crate) elsewhere: Latchkey,
    pub(crate) model: Model,
    /// What was seen of each key, by its ID.
    pub(crate) past: BTreeMap<String, Past>,
    pub(crate) requests: u32,
    pub(crate) tally: Tally,
    /// What happened, for the message of a failure.
    pub(crate) log: Log,
}

impl World {
    /// Starts a world in virtual time.
    pub(crate) async fn start(history: &History, log: &Log) -> Self {
        let table = TestTable::start().await;
        let client = wire::client(&table);
        let samples = Table::read(&table.items().await);
        // From here on nothing waits for a socket, for which virtual time would not wait.
        tokio::time::pause();
        let max_lifetime = history.max_lifetime_days.map(|days| days * DAY);
        let policy = KeyPolicy {
            key_limit: NonZeroU32::new(history.key_limit as u32),
            max_lifetime: max_lifetime.map(|max| Duration::from_millis(max as u64)),
            ..KeyPolicy::default()
        };
        let clocks: [Arc<AtomicI64>; CLOCKS] = std::array::from_fn(|_| Arc::default());
        let latchkey = |clock: usize, cache: &CachePolicy| {
            let now = Arc::clone(&clocks[clock]);
            let tell = Clock::new(move || timestamp(now.load(Ordering::Relaxed)));
            let store = KeyStore::new(client.clone(), table.name());
            Latchkey::new(store, policy.clone(), cache, tell)
        };
        let cache = CachePolicy { ttl: CACHE_TTL, entries: 1000 };
        let apps = (0..ENVIRONMENTS).map(|environment| {
            let latchkey = latchkey(environment, &cache);
            if environment < ENVIRONMENTS / 2 {
                return App::LakeSail(lakesail::App { latchkey });
            }
            let scopes = AllowedScopes::parse("").expect("the vendor's scopes");
            App::Chaser(chaser::App::new(latchkey, scopes))
        });
        Self {
            apps: apps.collect(),
            exact: latchkey(EXACT, &NO_CACHE),
            elsewhere: latchkey(ELSEWHERE, &cache),
            model: model(history.key_limit, max_lifetime),
            skew: history.skew,
            now: 0,
            offsets: [0; CLOCKS],
            clocks,
            database: table,
            client,
            samples,
            past: BTreeMap::new(),
            requests: 0,
            tally: Tally::default(),
            log: Log::clone(log),
        }
    }

    pub(crate) async fn take(&mut self, step: &Step) {
        match step {
            Step::Advance(millis) => self.pass(*millis),
            Step::Approach { key, minute, past } => {
                let key = key.get(&self.model.keys);
                let minute = Some(key.created_at + 60_000).filter(|_| *minute);
                let goal = minute.or(key.expires_at).unwrap_or_default() + past;
                self.pass((goal - self.now).max(0));
            }
            Step::SetClock { clock, part } => {
                self.offsets[clock.index(CLOCKS)] = self.skew * part / 1000;
                self.pass(0);
            }
            Step::Serve { subject, draws } => self.serve(subject.as_ref(), draws).await,
        }
    }

    /// Lets time pass and sets the clocks.
    fn pass(&mut self, millis: Millis) {
        self.now += millis;
        for (clock, offset) in self.clocks.iter().zip(self.offsets) {
            clock.store(self.now + offset, Ordering::Relaxed);
            self.model.horizon = self.model.horizon.max(self.now + offset);
        }
        let line = format!("{:+} ms, clocks {:?}", self.now, self.offsets);
        self.log.borrow_mut().push(line);
    }

    /// The time that a clock shows.
    pub(crate) fn time(&self, clock: usize) -> Millis {
        self.clocks[clock].load(Ordering::Relaxed)
    }

    /// What the table holds, without the samples that the model lacks.
    pub(crate) async fn table(&self) -> Table {
        let pages =
            self.client.scan().table_name(self.database.name()).into_paginator().items().send();
        let items = pages.collect::<Result<Vec<_>, _>>().await.expect("a scan");
        Table::read(&items).without(&self.samples, &self.model)
    }
}

impl App {
    pub(crate) fn latchkey(&self) -> &Latchkey {
        let (Self::LakeSail(lakesail::App { latchkey })
        | Self::Chaser(chaser::App { latchkey, .. })) = self;
        latchkey
    }

    pub(crate) async fn handle(&self, request: HttpRequest) -> Answer {
        Answer::from(match self {
            Self::LakeSail(app) => lakesail::handle(app, request).await,
            Self::Chaser(app) => chaser::handle(app, request).await,
        })
    }
}

fn model(limit: usize, max_lifetime: Option<Millis>) -> Model {
    let account = |id: &str, organization: &str| Account {
        id: id.to_owned(),
        organization: organization.to_owned(),
        disabled: false,
        standing: Standing::Present,
    };
    Model {
        limit,
        max_lifetime,
        horizon: 0,
        accounts: vec![
            account(sample::ACCOUNT, sample::ORGANIZATION),
            account(sample::OTHER_ACCOUNT, sample::OTHER_ORGANIZATION),
        ],
        keys: vec![
            sample_key(SampleKey::FullAccess, 0),
            sample_key(SampleKey::Other, 1),
            sample_key(SampleKey::Minter, 0),
            sample_key(SampleKey::Reader, 0),
        ],
        replies: BTreeMap::new(),
    }
}

fn sample_key(key: SampleKey, account: usize) -> Key {
    let (key, token) = key.mint();
    Key {
        token: Some(token.expose().to_owned()),
        id: key.id.to_string(),
        account,
        name: key.spec.name.map(|name| name.to_string()),
        scopes: key.spec.scopes.as_slice().iter().map(ToString::to_string).collect(),
        created_at: key.created_at.as_millis() - sample::now().as_millis(),
        expires_at: key.spec.expires_at.map(|end| end.as_millis() - sample::now().as_millis()),
        revoked: false,
        rotated: false,
        successor: false,
    }
}

pub(crate) fn timestamp(millis: Millis) -> Timestamp {
    Timestamp::from_millis(sample::now().as_millis() + millis).expect("in range")
}

pub(crate) fn strings(list: &Value) -> std::collections::BTreeSet<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("a text").to_owned()).collect()
}
