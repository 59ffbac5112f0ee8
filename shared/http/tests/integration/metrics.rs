//! The metrics match the service's actions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::{Clock, Freshness};
use latchkey::store::StoreError;
use latchkey_http::authenticate::authenticate;
use latchkey_http::http::HeaderMap;
use latchkey_http::http::header::AUTHORIZATION;
use latchkey_http::metrics::{self, NAMES};
use latchkey_http::serve::with_deadline;
use latchkey_http::{Error, Request};
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::secrets::Secrets;
use serde_json::Value;

type Lines = Arc<Mutex<Vec<Value>>>;

fn measured(table: &TestTable) -> (Latchkey, Lines) {
    let lines = Lines::default();
    let written = Arc::clone(&lines);
    let metrics = metrics::to("oauth", "Latchkey".to_owned(), move |line| {
        Secrets::of_samples().check(line, "a line of metrics");
        let line = serde_json::from_str(line).expect("JSON");
        written.lock().expect("no panic elsewhere").push(line);
    });
    let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 10 };
    let latchkey =
        Latchkey::new(table.store(), KeyPolicy::default(), &cache, Clock::new(sample::now));
    (latchkey.with_metrics(metrics), lines)
}

/// Creates a request with this `Authorization` header.
fn authorized(value: &str) -> Request {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a value"))]);
    Request { headers, ..Request::default() }
}

fn bearer(key: SampleKey) -> Request {
    authorized(&format!("Bearer {}", key.token()))
}

/// Returns the sum of a metric over all lines with this `Reason`, or without one.
fn sum(lines: &Lines, metric: &str, reason: Option<&str>) -> u64 {
    assert!(NAMES.contains(&metric));
    let lines = lines.lock().expect("no panic elsewhere");
    let told = lines.iter().filter(|line| line["Reason"].as_str() == reason);
    told.filter_map(|line| line[metric].as_u64()).sum()
}

#[tokio::test]
async fn every_verdict_is_counted_with_its_reason() {
    let table = TestTable::start().await;
    let (latchkey, lines) = measured(&table);
    for _ in 0..3 {
        authenticate(&latchkey, &bearer(SampleKey::FullAccess)).await.expect("valid");
    }
    for key in [SampleKey::Expired, SampleKey::Revoked, SampleKey::Unknown, SampleKey::Disabled] {
        authenticate(&latchkey, &bearer(key)).await.expect_err("refused");
    }
    authenticate(&latchkey, &Request::default()).await.expect_err("missing");
    authenticate(&latchkey, &authorized("Basic x")).await.expect_err("scheme");
    latchkey.verify("nonsense", Freshness::Cached).await.expect_err("malformed");
    latchkey.after_answer().await;

    assert_eq!(sum(&lines, "Verified", None), 3);
    assert_eq!(sum(&lines, "CacheHits", None), 2);
    assert_eq!(sum(&lines, "Refused", None), 7);
    for reason in
        ["expired", "revoked", "unknown", "account_disabled", "missing", "scheme", "malformed"]
    {
        assert_eq!(sum(&lines, "Refused", Some(reason)), 1, "{reason}");
    }
}

#[tokio::test]
async fn ends_of_keys_are_counted_once() {
    let table = TestTable::start().await;
    let (latchkey, lines) = measured(&table);
    for _ in 0..2 {
        latchkey.revoke_presented(&SampleKey::Other.token()).await.expect("revoked");
        latchkey.after_answer().await;
    }
    assert_eq!(sum(&lines, "KeysRevoked", None), 1);
    assert_eq!(sum(&lines, "KeysMinted", None), 0);
}

#[tokio::test]
async fn what_cannot_be_answered_for_the_store_is_counted_once() {
    let table = TestTable::start().await;
    let (latchkey, lines) = measured(&table);
    for error in [
        Error::Service(StoreError::Unavailable("silence".into()).into()),
        Error::Service(StoreError::Refused("no permission".into()).into()),
        // Conflicts and caller errors are not store failures.
        Error::Service(latchkey::Error::Busy),
        Error::RouteNotFound,
    ] {
        with_deadline(&latchkey, async { Err::<(), _>(error) }).await.expect_err("failed");
    }
    latchkey.after_answer().await;
    assert_eq!(sum(&lines, "StoreFailures", None), 2);
}
