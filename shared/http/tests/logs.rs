//! A flood of rejected requests writes few lines, and each tells whose key was presented.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::time::Timestamp;
use latchkey_http::authenticate::authenticate_for_management;
use latchkey_http::http::header::AUTHORIZATION;
use latchkey_http::http::{HeaderMap, StatusCode};
use latchkey_http::serve::{answer, with_deadline};
use latchkey_http::{Error, Request, Response};
use latchkey_testkit::logs::Logs;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, TestTable};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

/// A service whose clock stands still until the test moves it.
struct Service {
    latchkey: Latchkey,
    millis: Arc<AtomicI64>,
}

impl Service {
    fn over(table: &TestTable) -> Self {
        let millis = Arc::new(AtomicI64::new(sample::now().as_millis()));
        let told = Arc::clone(&millis);
        let clock = Clock::new(move || {
            Timestamp::from_millis(told.load(Ordering::Relaxed)).expect("in range")
        });
        let latchkey = Latchkey::new(table.store(), KeyPolicy::default(), &NO_CACHE, clock);
        Self { latchkey, millis }
    }

    fn wait(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// Sends a request with a key, as a function serves it.
    async fn send(&self, id: &str, token: &str) {
        let value = format!("Bearer {token}").parse().expect("a value");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        let request = Request { headers, ..Request::default() };
        let work = async {
            let work = async {
                authenticate_for_management(&self.latchkey, &request).await?;
                Err::<(), _>(Error::RouteNotFound)
            };
            let error = with_deadline(&self.latchkey, work).await.expect_err("rejected");
            Response::empty(error.status())
        };
        let response = answer(id, Box::pin(work)).await;
        assert!(matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND));
    }
}

#[tokio::test]
async fn a_flood_writes_a_line_for_each_reason_in_ten_seconds() {
    let logs = Logs::capture_at("oauth", LevelFilter::INFO);
    let table = TestTable::start().await;
    let service = Service::over(&table);
    let unknown = SampleKey::Unknown.token();
    let keys = ["malformed", &unknown];
    // 1,000 requests a second would take the test too long, so it sends 20 a second.
    for second in 0..60 {
        for request in 0..20 {
            service.send(&format!("{second}-{request}"), keys[request % 2]).await;
        }
        service.wait(1_000);
    }
    let mut lines = logs.lines();
    // The embedded database logs too.
    lines.retain(|line| {
        line["target"].as_str().is_some_and(|target| target.starts_with("latchkey"))
    });
    let of = |reason: &str| -> Vec<Value> {
        let told = |line: &&Value| {
            line["auth.refusal"].as_str().is_some_and(|text| text.starts_with(reason))
        };
        lines.iter().filter(told).cloned().collect()
    };
    assert_eq!(lines.len(), of("malformed").len() + of("unknown").len(), "{lines:#?}");
    for reason in ["malformed", "unknown"] {
        let told = of(reason);
        assert_eq!(told.len(), 6, "{told:#?}");
        assert_eq!(told[0].get("left_out"), None, "{told:#?}");
        assert!(told[1..].iter().all(|line| line["left_out"] == 99), "{told:#?}");
    }
}

#[tokio::test]
async fn a_rejected_request_tells_whose_key_it_presented_and_an_authenticated_one_its_caller() {
    let logs = Logs::capture_at("oauth", LevelFilter::INFO);
    let table = TestTable::start().await;
    let service = Service::over(&table);
    for (key, presented) in [
        (SampleKey::Expired, "presented"),
        (SampleKey::Unknown, "presented"),
        (SampleKey::FullAccess, "caller"),
    ] {
        service.send("a-request", &key.token()).await;
        let line = logs.lines().pop().expect("a line");
        let span = &line["span"];
        assert_eq!(span["id"], "a-request", "{line:#}");
        let minted = key.mint().0;
        assert_eq!(span[format!("{presented}.key.id")], minted.id.as_ref(), "{line:#}");
        assert_eq!(
            span[format!("{presented}.account.id")],
            minted.spec.account.as_ref(),
            "{line:#}"
        );
        let organization = (presented == "caller").then_some(sample::ORGANIZATION);
        assert_eq!(span["caller.organization.id"].as_str(), organization, "{line:#}");
    }
}
