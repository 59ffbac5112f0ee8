//! What a dialect says of itself, for the tests that all dialects share.

use std::fmt::Debug;

use latchkey::Latchkey;
use latchkey_http::route::Route;
use latchkey_http::{Request, Response};
use serde_json::Value;

/// What a list's marker is called.
#[derive(Clone, Copy, Debug)]
pub struct Marker {
    /// The query parameter that takes it.
    pub parameter: &'static str,
    /// The field that hands it out.
    pub field: &'static str,
}

/// A dialect's function, and all in which it differs from another's.
pub trait Dialect: Sized {
    /// What is done at a route.
    type Operation: Copy + Debug + PartialEq + 'static;

    /// The function's name, which its events and its OpenAPI document have too.
    const NAME: &'static str;
    /// Its routes.
    const ROUTES: &'static [Route<Self::Operation>];
    /// Every field that it has in an answer.
    const FIELDS: &'static [&'static str];
    /// Whether a field without a value is `null`, rather than absent.
    const SERIALIZES_NULL: bool;
    /// The status of a create.
    const CREATED: u16;
    /// Whether a list of keys holds those that were revoked.
    const LISTS_REVOKED: bool;
    /// Whether a list without a limit is whole, rather than a page of 100.
    const WHOLE_LISTS: bool;
    /// What a marker is called.
    const MARKER: Marker;
    /// The path of the service accounts.
    const ACCOUNTS: &'static str;
    /// A body that makes an account, and updates one as well.
    const ACCOUNT_BODY: &'static str;
    /// The path that answers 200 to every key that authenticates.
    const IDENTITY: &'static str;

    /// The function over a service.
    fn over(latchkey: Latchkey) -> Self;

    /// The service behind the function.
    fn latchkey(&self) -> &Latchkey;

    /// Answers a request.
    fn handle(&self, request: Request) -> impl Future<Output = Response>;

    /// Whether an operation makes a key, and so may tell it.
    fn mints(operation: Self::Operation) -> bool;

    /// The body of a refusal.
    fn refusal(status: u16, message: &str) -> Value;

    /// The account in an answer about one, which may be in an envelope.
    fn account(body: &Value) -> &Value {
        body
    }

    /// The path of an account.
    fn account_path(account: &str) -> String {
        format!("{}/{account}", Self::ACCOUNTS)
    }

    /// The path of an account's keys.
    fn keys_path(account: &str) -> String {
        format!("{}/keys", Self::account_path(account))
    }

    /// The path of a key.
    fn key_path(account: &str, key: &str) -> String {
        format!("{}/{key}", Self::keys_path(account))
    }
}
