//! Checks that the sample events cover every operation.

use std::fmt::Debug;

use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey_http::Request;
use latchkey_http::route::{self, Route};

use crate::{TestTable, event};

/// Checks that each sample of `function` succeeds and that each operation has a sample.
///
/// Each sample gets its own table. The operations in `refuse` must reject their samples. `serve` returns a
/// response's status.
///
/// # Panics
///
/// If a sample fails, or an operation has no sample.
pub async fn check_samples<O: Copy + Debug + PartialEq>(
    function: &str,
    routes: &[Route<O>],
    refuse: &[O],
    serve: impl AsyncFn(Latchkey, Request) -> u16,
) {
    let mut left: Vec<O> = routes.iter().map(|route| route.operation).collect();
    for sample in event::samples(function) {
        let request = event::parse(event::json(function, &sample));
        let found = route::find(routes, &request);
        let operation = found.expect("a sample asks for an operation").operation;
        let table = TestTable::start().await;
        let status = serve(table.latchkey(KeyPolicy::default()), request).await;
        let expected = if refuse.contains(&operation) { 400..500 } else { 200..300 };
        assert!(expected.contains(&status), "{sample}: {status}");
        left.retain(|other| *other != operation);
    }
    assert!(left.is_empty(), "no sample of {function} shows {left:?}");
}
