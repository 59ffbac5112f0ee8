//! A request gets a response in bounded time, whatever its store does.

use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::{Clock, Freshness, REQUEST_TIMEOUT};
use latchkey::store::{KeyStore, StoreError};
use latchkey_http::Error;
use latchkey_http::serve::with_deadline;
use latchkey_testkit::faulty::Reply;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, faulty};

/// Each request to the store has a time limit, and so does the whole request. Otherwise a consistently slow
/// store would outlast the function.
#[tokio::test(start_paused = true)]
async fn a_request_is_given_up_on_before_the_function_is() {
    let store = KeyStore::new(faulty::client(|_, _| Reply::Silence), "table");
    let latchkey = Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, Clock::new(sample::now));
    let began = tokio::time::Instant::now();
    let work = async {
        for _ in 0..10 {
            let _ = latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
        }
        Ok::<_, Error>(())
    };
    let error = with_deadline(&latchkey, work).await.expect_err("too long");
    let unavailable =
        matches!(error, Error::Service(latchkey::Error::Store(StoreError::Unavailable(_))));
    assert!(unavailable, "{error:?}");
    assert_eq!((error.status().as_u16(), error.retry_after_seconds()), (503, Some(1)));
    assert_eq!(began.elapsed(), REQUEST_TIMEOUT);
}
