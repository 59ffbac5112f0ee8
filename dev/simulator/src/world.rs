//! One simulation: a table, a misbehaving DynamoDB, the functions, and what the clients know.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use latchkey_testkit::contract::Contract;
use latchkey_testkit::misbehaving::MisbehavingDynamoDb;
use latchkey_testkit::{Answer, Tenant, TestTable};
use rand::RngExt;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;

use crate::fleet::{Fleet, Programs, Reply};
use crate::plan::{PER_FUNCTION, Plan, SKEW_MAX};
use crate::truth::{Account, Key, Organization, Truth};

/// The scopes of a key with full access.
pub(crate) fn full_access() -> Value {
    Value::Array(Vec::new())
}

/// One simulation.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) table: TestTable,
    pub(crate) dynamodb: MisbehavingDynamoDb,
    pub(crate) fleet: Fleet,
    truth: Mutex<Truth>,
    /// What happened how often.
    pub(crate) tally: Mutex<BTreeMap<String, u64>>,
    contracts: BTreeMap<&'static str, Contract>,
    /// By how much the simulated time is ahead of the system's, in milliseconds.
    ahead: AtomicI64,
    jumps: AtomicUsize,
    serial: AtomicUsize,
}

/// What a client learns from a response.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It succeeded.
    Done(Answer),
    /// It was refused, and had no effect.
    Refused(Answer),
    /// It may have had an effect.
    Unknown,
}

impl World {
    pub(crate) async fn start(plan: Plan, programs: &Programs, folder: &Path) -> Self {
        let table = TestTable::start().await;
        let mut truth = Truth::default();
        for id in ["alpha", "beta"] {
            let tenant = Tenant::create(&table, id).await;
            let (account, organization) = (truth.accounts.len(), truth.organizations.len());
            truth.organizations.push(Organization {
                id: id.to_owned(),
                admin: truth.keys.len(),
                lost_accounts: 0,
            });
            truth.accounts.push(Account::new(tenant.account.to_string(), organization));
            truth.keys.push(Key::new(
                tenant.key,
                tenant.token,
                account,
                Value::Null,
                full_access(),
            ));
        }
        let dynamodb = MisbehavingDynamoDb::start(&table, plan.faults.clone()).await;
        let settings = [
            ("LATCHKEY_TABLE", table.name().to_owned()),
            ("LATCHKEY_KEY_LIMIT", plan.key_limit.to_string()),
            ("LATCHKEY_ACCOUNT_LIMIT", plan.account_limit.to_string()),
            ("LATCHKEY_CACHE_TTL", format!("{}s", plan.cache_ttl.as_secs())),
            ("LATCHKEY_LAST_USED_INTERVAL", plan.last_used_interval.to_owned()),
        ];
        let fleet = Fleet::new(programs, &settings, PER_FUNCTION, &dynamodb, folder).await;
        let contracts = ["lakesail", "chaser", "oauth"].map(|name| (name, Contract::load(name)));
        Self {
            plan,
            table,
            dynamodb,
            fleet,
            truth: Mutex::new(truth),
            tally: Mutex::default(),
            contracts: contracts.into(),
            ahead: AtomicI64::new(0),
            jumps: AtomicUsize::new(0),
            serial: AtomicUsize::new(0),
        }
    }

    /// What the clients know. Never held while a request runs.
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The real and the simulated time, the latter in milliseconds since 1970.
    pub(crate) fn now(&self) -> (Instant, i64) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        (Instant::now(), millis + self.ahead.load(Ordering::Relaxed))
    }

    /// How many times the simulated time has jumped.
    pub(crate) fn era(&self) -> usize {
        self.jumps.load(Ordering::Relaxed)
    }

    /// Moves the simulated time, and with it all clocks, while no request runs: no request takes hours.
    pub(crate) async fn jump(&self, millis: i64, rng: &mut ChaCha20Rng) {
        let _paused = self.fleet.pause().await;
        self.ahead.fetch_add(millis, Ordering::Relaxed);
        for environment in 0..self.fleet.len() {
            self.set_clock(environment, rng);
        }
        self.jumps.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the clock of an environment to the simulated time, give or take the plan's skew.
    pub(crate) fn set_clock(&self, environment: usize, rng: &mut ChaCha20Rng) {
        let skew = if self.plan.skew { rng.random_range(-SKEW_MAX..=SKEW_MAX) } else { 0 };
        self.fleet.set_clock(environment, self.ahead.load(Ordering::Relaxed) + skew);
    }

    /// A text that no other request has.
    pub(crate) fn unique(&self, what: &str) -> String {
        format!("{what}-{}", self.serial.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn count(&self, what: impl Into<String>) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.entry(what.into()).or_default() += 1;
    }

    /// Sends a request once, and checks the form of the response: `operation` is its name for the tally, and
    /// `template` its path in the OpenAPI document.
    pub(crate) async fn ask(
        &self,
        function: &'static str,
        operation: &str,
        template: &str,
        event: &Value,
    ) -> Outcome {
        let method = event["requestContext"]["http"]["method"].as_str().unwrap_or_default();
        let outcome = match self.fleet.request(function, event).await {
            Reply::Answer(answer) => {
                self.check_form(function, (method, template), &answer);
                match answer.status {
                    200..=299 => Outcome::Done(answer),
                    400..=499 => Outcome::Refused(answer),
                    _ => Outcome::Unknown,
                }
            }
            Reply::Verdict(_) => unreachable!("only the authorizer gives verdicts"),
            Reply::Failed => Outcome::Unknown,
        };
        let ended = match &outcome {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Refused(answer) => answer.status.to_string(),
            Outcome::Unknown => "unknown".to_owned(),
        };
        self.count(format!("{operation}: {ended}"));
        outcome
    }

    /// Every error has its dialect's form, and tells when to retry.
    fn check_form(&self, function: &str, endpoint: (&str, &str), answer: &Answer) {
        assert_ne!(answer.status, 500, "{endpoint:?}: {}", answer.text);
        // Successes have tests of their own.
        if answer.status >= 400 {
            self.contracts[function].check(endpoint, answer);
        }
        if answer.status >= 500 {
            assert_ne!(answer.header("retry-after"), "", "{endpoint:?}: {}", answer.text);
        }
    }
}
