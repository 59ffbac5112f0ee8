//! The sample events show every operation at work.

use std::fmt::Debug;

use lambda_http::{Request, RequestExt};
use latchkey::config::KeyPolicy;
use latchkey::route::{self, Route};
use latchkey::{Latchkey, gateway};
use latchkey_local::{TestTable, event};

/// Asserts that each sample of `function` succeeds, over a table of its own, and that each operation has
/// one; those that `refuse` everything refuse theirs.
async fn assert_each_succeeds<O: Copy + Debug + PartialEq>(
    function: &str,
    routes: &[Route<O>],
    refuse: &[O],
    serve: impl AsyncFn(Latchkey, Request) -> u16,
) {
    let operations = routes.iter().map(|route| route.operation);
    let mut left: Vec<O> = operations.collect();
    for sample in event::samples(function) {
        let request = event::parse(event::json(function, &sample));
        let (path, stage) = (request.raw_http_path(), gateway::stage(&request));
        let found = route::find(routes, request.method(), path, stage);
        let operation = found.expect("a sample asks for an operation").operation;
        let table = TestTable::start().await;
        let status = serve(table.latchkey(KeyPolicy::default()), request).await;
        let expected = if refuse.contains(&operation) { 400..500 } else { 200..300 };
        assert!(expected.contains(&status), "{sample}: {status}");
        left.retain(|other| *other != operation);
    }
    assert!(left.is_empty(), "no sample of {function} shows {left:?}");
}

#[tokio::test]
async fn every_operation_of_lakesail_succeeds_with_a_sample() {
    assert_each_succeeds("lakesail", lakesail::ROUTES, &[], async |latchkey, request| {
        lakesail::handle(&lakesail::App { latchkey }, request).await.status().as_u16()
    })
    .await;
}

#[tokio::test]
async fn every_operation_of_chaser_succeeds_with_a_sample() {
    assert_each_succeeds("chaser", chaser::ROUTES, &[], async |latchkey, request| {
        let scopes = chaser::AllowedScopes::parse("").expect("the default");
        chaser::handle(&chaser::App { latchkey, scopes }, request).await.status().as_u16()
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
            oauth::handle(&oauth::App { latchkey, settings }, request).await.status().as_u16()
        },
    )
    .await;
}
