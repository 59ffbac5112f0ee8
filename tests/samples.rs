//! The sample events show every operation at work.

use std::fmt::Debug;

use latchkey::policy::KeyPolicy;
use latchkey_http::route::{self, Route};
use latchkey::Latchkey;
use latchkey_testkit::{TestTable, event};

/// Asserts that each operation of `function`, other than those that `refuse` everything, succeeds with one
/// of its events, each over a table of its own.
async fn assert_each_succeeds<O: Copy + Debug + PartialEq>(
    function: &str,
    routes: &[Route<O>],
    refuse: &[O],
    serve: impl AsyncFn(Latchkey, Request) -> u16,
) {
    let operations = routes.iter().map(|route| route.operation);
    let mut left: Vec<O> = operations.filter(|operation| !refuse.contains(operation)).collect();
    for case in event::cases(function) {
        let request = event::parse(event::json(function, &case));
        let Ok(found) = route::find(routes, &request) else { continue };
        let operation = found.operation;
        if left.contains(&operation) {
            let table = TestTable::start().await;
            let status = serve(table.latchkey(KeyPolicy::default()), request).await;
            left.retain(|other| *other != operation || !(200..300).contains(&status));
        }
    }
    assert!(left.is_empty(), "no event of {function} shows how {left:?} succeeds");
}

#[tokio::test]
async fn every_operation_of_lakesail_succeeds_with_a_sample() {
    assert_each_succeeds("lakesail", lakesail::ROUTES, &[], async |latchkey, request| {
        lakesail::handle(&lakesail::App { latchkey }, request).await.status.as_u16()
    })
    .await;
}

#[tokio::test]
async fn every_operation_of_chaser_succeeds_with_a_sample() {
    assert_each_succeeds("chaser", chaser::ROUTES, &[], async |latchkey, request| {
        let scopes = chaser::AllowedScopes::parse("").expect("the default");
        chaser::handle(&chaser::App { latchkey, scopes }, request).await.status.as_u16()
    })
    .await;
}

#[tokio::test]
async fn every_operation_of_oauth_succeeds_with_a_sample() {
    assert_each_succeeds(
        "oauth",
        oauth::ROUTES,
        &[oauth::Operation::Token],
        async |latchkey, request| {
            let settings = oauth::Settings::default();
            oauth::handle(&oauth::App { latchkey, settings }, request).await.status.as_u16()
        },
    )
    .await;
}
