//! Last-used times of keys: sampled, written after the response, and never at the cost of a verification.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::{Clock, Freshness};
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_testkit::faulty::Reply;
use latchkey_testkit::logs::Logs;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, TestTable, faulty};

const INTERVAL: Duration = Duration::from_secs(300);
const CACHE: CachePolicy = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };

/// An execution environment over a store. The test sets its clock in milliseconds after the samples' time.
struct Environment {
    latchkey: Latchkey,
    clock: Arc<AtomicI64>,
}

impl Environment {
    fn new(store: KeyStore, cache: &CachePolicy, interval: Duration) -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let millis = Arc::clone(&clock);
        let tell = Clock::new(move || at(millis.load(Ordering::Relaxed)));
        let latchkey = Latchkey::new(store, KeyPolicy::default(), cache, tell);
        Self { latchkey: latchkey.with_last_used(interval), clock }
    }

    /// Does the work of one event.
    async fn verify(&self, key: SampleKey, millis: i64) {
        self.clock.store(millis, Ordering::Relaxed);
        self.latchkey.verify(&key.token(), Freshness::Cached).await.expect("valid");
        self.latchkey.after_answer().await;
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(sample::now().as_millis() + millis).expect("in range")
}

async fn last_used(table: &TestTable, key: SampleKey) -> Option<i64> {
    let (key, _) = key.mint();
    let found = table.store().lookup(&key.spec.account, &key.id, true).await.expect("a read").key;
    Some(found.expect("a key").last_used_at?.as_millis() - sample::now().as_millis())
}

#[tokio::test]
async fn ten_thousand_verifications_in_an_interval_are_one_write() {
    let table = TestTable::start().await;
    let environments = [(); 3].map(|()| Environment::new(table.store(), &CACHE, INTERVAL));
    for number in 0..10_000 {
        // Each environment serves every third event, all within one interval.
        let environment = &environments[number % 3];
        environment.verify(SampleKey::FullAccess, number as i64 * 29).await;
    }
    // The other two read the first one's write and did not attempt their own.
    assert_eq!(table.meter.take().requests["UpdateItem"], 1);
    assert_eq!(last_used(&table, SampleKey::FullAccess).await, Some(0));
    environments[1].verify(SampleKey::FullAccess, 300_000).await;
    assert_eq!(last_used(&table, SampleKey::FullAccess).await, Some(300_000));
}

#[tokio::test]
async fn environments_that_verify_at_once_try_once_each_and_one_writes() {
    let table = TestTable::start().await;
    let environments = [(); 4].map(|()| Environment::new(table.store(), &CACHE, INTERVAL));
    for environment in &environments {
        environment
            .latchkey
            .verify(&SampleKey::FullAccess.token(), Freshness::Cached)
            .await
            .expect("valid");
    }
    assert_eq!(table.meter.take().requests.keys().collect::<Vec<_>>(), [&"BatchGetItem"]);
    for (number, environment) in environments.iter().enumerate() {
        environment.latchkey.after_answer().await;
        assert_eq!(table.meter.take().requests["UpdateItem"], 1, "{number}");
        assert_eq!(last_used(&table, SampleKey::FullAccess).await, Some(0));
        table.meter.take();
    }
}

#[tokio::test]
async fn nothing_is_written_before_the_answer() {
    let table = TestTable::start().await;
    let environment = Environment::new(table.store(), &CACHE, INTERVAL);
    environment
        .latchkey
        .verify(&SampleKey::FullAccess.token(), Freshness::Cached)
        .await
        .expect("valid");
    let usage = table.meter.take();
    assert_eq!(usage.requests, [("BatchGetItem", 1)].into());
    assert_eq!(last_used(&table, SampleKey::FullAccess).await, None);
}

#[tokio::test]
async fn the_last_use_never_goes_back() {
    let table = TestTable::start().await;
    let [early, late] = [(); 2].map(|()| Environment::new(table.store(), &NO_CACHE, INTERVAL));
    early.latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await.expect("valid");
    late.verify(SampleKey::FullAccess, 900_000).await;
    early.latchkey.after_answer().await;
    assert_eq!(last_used(&table, SampleKey::FullAccess).await, Some(900_000));
}

#[tokio::test]
async fn root_keys_are_recorded_and_refused_keys_are_not() {
    let table = TestTable::start().await;
    let environment = Environment::new(table.store(), &CACHE, INTERVAL);
    environment.verify(SampleKey::Root, 1).await;
    assert_eq!(last_used(&table, SampleKey::Root).await, Some(1));
    for key in [SampleKey::Expired, SampleKey::Revoked, SampleKey::Disabled] {
        environment.latchkey.verify(&key.token(), Freshness::Cached).await.expect_err("refused");
        environment.latchkey.after_answer().await;
        assert_eq!(last_used(&table, key).await, None);
    }
}

#[tokio::test]
async fn a_key_that_is_gone_stays_gone() {
    let table = TestTable::start().await;
    let environment = Environment::new(table.store(), &CACHE, INTERVAL);
    environment.latchkey.verify(&SampleKey::Other.token(), Freshness::Cached).await.expect("valid");
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let account = sample::OTHER_ACCOUNT.parse().expect("an id");
    table.store().delete_account(&organization, &account, sample::now()).await.expect("deleted");
    environment.latchkey.after_answer().await;
    let partition = format!("ACCOUNT#{}", sample::OTHER_ACCOUNT);
    assert!(table.items().await.iter().all(|item| item["pk"].as_s() != Ok(&partition)));
}

#[tokio::test]
async fn zero_records_nothing() {
    let table = TestTable::start().await;
    let environment = Environment::new(table.store(), &CACHE, Duration::ZERO);
    environment.verify(SampleKey::FullAccess, 1).await;
    assert_eq!(last_used(&table, SampleKey::FullAccess).await, None);
}

/// Answers a verification's read and fails every other request.
fn readable<R: Into<Reply>>(write: impl Fn() -> R + Send + Sync + 'static) -> KeyStore {
    let (key, _) = SampleKey::Root.mint();
    let item = serde_json::json!({
        "pk": { "S": "ACCOUNT#ROOT" }, "sk": { "S": format!("KEY#{}", key.id) },
        "id": { "S": key.id.as_ref() }, "account": { "S": "ROOT" },
        "key_prefix": { "S": key.key_prefix }, "created_at": { "N": "0" },
        "updated_at": { "N": "0" }, "digest": { "B": base64(key.digest.as_bytes()) },
    });
    let client = faulty::client(move |operation, _| match operation {
        "BatchGetItem" => {
            let body = serde_json::json!({ "Responses": { "table": [item] } });
            Reply::Answer(200, body.to_string())
        }
        _ => write().into(),
    });
    KeyStore::new(client, "table")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_counted_and_fails_nothing() {
    let logs = Logs::capture("authorizer");
    let store = readable(|| faulty::error(400, "AccessDeniedException"));
    let environment = Environment::new(store, &CACHE, INTERVAL);
    environment.verify(SampleKey::Root, 0).await;
    // There is no second attempt within the interval, so a failing store is not called repeatedly.
    environment.verify(SampleKey::Root, 1).await;
    let warnings: Vec<_> =
        logs.lines().into_iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["failed"], 1);
    assert!(!logs.text().contains(&SampleKey::Root.token()));
}

/// DynamoDB rejects an update of an item that a transaction is writing, and the SDK does not retry it.
#[tokio::test(start_paused = true)]
async fn a_write_that_meets_a_transaction_is_repeated() {
    for (conflicts, writes, warnings) in [(3, 4, 0), (100, 12, 1)] {
        let logs = Logs::capture("authorizer");
        let sent = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&sent);
        let store = readable(move || {
            if count.fetch_add(1, Ordering::Relaxed) < conflicts {
                faulty::error(400, "TransactionConflictException")
            } else {
                (200, "{}".to_owned())
            }
        });
        Environment::new(store, &CACHE, INTERVAL).verify(SampleKey::Root, 0).await;
        let shown = logs.text();
        assert_eq!(shown.matches("could not record").count(), warnings, "{shown}");
        assert!(sent.load(Ordering::Relaxed) <= writes, "{sent:?}");
        assert!(warnings == 1 || sent.load(Ordering::Relaxed) == writes, "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_an_environment_up_for_a_second_at_most() {
    let logs = Logs::capture("authorizer");
    let store = readable(|| Reply::Silence);
    let environment = Environment::new(store, &CACHE, INTERVAL);
    let began = tokio::time::Instant::now();
    environment.verify(SampleKey::Root, 0).await;
    assert_eq!(began.elapsed().as_secs(), 1);
    assert!(logs.text().contains("could not record when keys were last used"));
}
