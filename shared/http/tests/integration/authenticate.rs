//! Requests that change something are verified with a consistent read.

use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey_http::Request;
use latchkey_http::authenticate::authenticate_for_management;
use latchkey_http::http::header::AUTHORIZATION;
use latchkey_http::http::{HeaderMap, Method};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, faulty};

/// No emulator has replicas that lag, so this test checks the request to the table.
#[tokio::test]
async fn every_method_that_changes_something_is_authorized_by_a_consistent_read() {
    for (method, consistent) in [
        (Method::GET, false),
        (Method::POST, true),
        (Method::PATCH, true),
        (Method::PUT, true),
        (Method::DELETE, true),
    ] {
        let (client, asked) = faulty::denied();
        let store = KeyStore::new(client, "table");
        let clock = Clock::new(sample::now);
        let latchkey = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock);
        let bearer = format!("Bearer {}", SampleKey::FullAccess.token());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer.parse().expect("a value"))]);
        let request = Request { method: method.clone(), headers, ..Request::default() };
        let refused = authenticate_for_management(&latchkey, &request).await;
        refused.expect_err("refused by the table");
        let asked = asked.lock().expect("one thread");
        let [read] = asked.as_slice() else { panic!("{asked:?}") };
        assert!(read.starts_with("BatchGetItem "), "{read}");
        assert_eq!(read.contains("\"ConsistentRead\":true"), consistent, "{method} {read}");
    }
}
