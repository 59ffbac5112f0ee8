//! A dialect's description of itself, for the tests that all dialects share.

use std::fmt::Debug;

use latchkey::Latchkey;
use latchkey_http::route::Route;
use latchkey_http::{Request, Response};
use serde_json::Value;

/// The names of a list's marker.
#[derive(Clone, Copy, Debug)]
pub struct Marker {
    /// The query parameter that accepts the marker.
    pub parameter: &'static str,
    /// The field that returns the marker.
    pub field: &'static str,
}

/// A dialect's function and everything that distinguishes it from another one.
pub trait Dialect: Sized {
    /// An operation of a route.
    type Operation: Copy + Debug + PartialEq + 'static;

    /// The function's name, which is also that of its events and its OpenAPI document.
    const NAME: &'static str;
    /// Its routes.
    const ROUTES: &'static [Route<Self::Operation>];
    /// Every field in its responses.
    const FIELDS: &'static [&'static str];
    /// Whether a field without a value is `null`, rather than absent.
    const SERIALIZES_NULL: bool;
    /// The status of a create.
    const CREATED: u16;
    /// Whether a list of keys contains revoked ones.
    const LISTS_REVOKED: bool;
    /// Whether a list without a limit is complete, rather than a page of 100.
    const WHOLE_LISTS: bool;
    /// The names of a marker.
    const MARKER: Marker;
    /// The path of the service accounts.
    const ACCOUNTS: &'static str;
    /// A body that creates an account, and also updates one.
    const ACCOUNT_BODY: &'static str;
    /// The path that returns 200 for every key that authenticates.
    const IDENTITY: &'static str;

    /// The function over a service.
    fn over(latchkey: Latchkey) -> Self;

    /// The service behind the function.
    fn latchkey(&self) -> &Latchkey;

    /// Responds to a request.
    fn handle(&self, request: Request) -> impl Future<Output = Response>;

    /// Whether an operation creates a key and so may return it.
    fn mints(operation: Self::Operation) -> bool;

    /// The body of a refusal.
    fn refusal(status: u16, message: &str) -> Value;

    /// The account in a response about one, which may be in an envelope.
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
