//! LakeSail for the test suite that all dialects share.

use lakesail::{App, Operation, ROUTES, handle};
use latchkey::Latchkey;
use latchkey_http::route::Route;
use latchkey_http::{Request, Response};
use latchkey_testkit::suite::{self, Dialect, Marker};
use serde_json::{Value, json};

/// Every field in this dialect's responses. Scopes, key names, prefixes, and states are not among them.
const FIELDS: &[&str] = &[
    "createdAt",
    "description",
    "expiresAt",
    "id",
    "items",
    "key",
    "marker",
    "message",
    "root",
    "serviceAccount",
    "updatedAt",
    "username",
];

/// The function.
#[derive(Debug)]
pub(crate) struct LakeSail(App);

/// The function over a table.
pub(crate) type Function = suite::Function<LakeSail>;

impl Dialect for LakeSail {
    type Operation = Operation;

    const NAME: &'static str = "lakesail";
    const ROUTES: &'static [Route<Operation>] = ROUTES;
    const FIELDS: &'static [&'static str] = FIELDS;
    const SERIALIZES_NULL: bool = false;
    const CREATED: u16 = 201;
    const LISTS_REVOKED: bool = false;
    const WHOLE_LISTS: bool = false;
    const MARKER: Marker = Marker { parameter: "marker", field: "marker" };
    const ACCOUNTS: &'static str = "/api/org/v1/service-accounts";
    const ACCOUNT_BODY: &'static str = r#"{"username":"caller","description":""}"#;
    const IDENTITY: &'static str = "/api/org/v1/me";

    fn over(latchkey: Latchkey) -> Self {
        Self(App { latchkey })
    }

    fn latchkey(&self) -> &Latchkey {
        &self.0.latchkey
    }

    async fn handle(&self, request: Request) -> Response {
        handle(&self.0, request).await
    }

    fn mints(operation: Operation) -> bool {
        matches!(operation, Operation::CreateKey | Operation::CreateRootKey)
    }

    fn refusal(_: u16, message: &str) -> Value {
        json!({ "message": message })
    }
}
