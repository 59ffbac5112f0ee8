//! Every event of the tests: its differences from a sample, next to the expected verdict.
//!
//! The tables contain no tests of their own, so that several test binaries can use all events.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{
    Disabled, Expired, FullAccess, Other, Reader, Revoked, Root,
};
use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::{by, header, method, no_key, path, query, set};
use latchkey_testkit::suite::expectations::cases;

/// The form of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For HTTP APIs with payload 2.0.
    Simple,
    /// For all other API Gateway APIs: an IAM policy.
    Policy,
    /// For AppSync.
    AppSync,
}

use Form::{AppSync, Policy, Simple};

/// One event of each form, each with a valid key.
pub(crate) fn forms() -> Vec<(Case, Form)> {
    [
        rows! { "http-api-2"; _ => Simple; },
        rows! { "http-api-1"; _ => Policy; },
        rows! { "rest-request"; _ => Policy; },
        rows! { "rest-token"; _ => Policy; },
        rows! { "websocket-connect"; _ => Policy; },
        rows! { "appsync"; _ => AppSync; },
    ]
    .concat()
}

/// Events that every deployment denies.
pub(crate) fn denials() -> Vec<(Case, Form)> {
    // A key in a query string would end up in logs, so the authorizer does not read it from there.
    let in_query = format!("Authorization={}", Reader.token());
    [
        rows! { "http-api-2";
            "expired-key" [by(Expired)] => Simple;
            "root-key" [by(Root)] => Simple;
            "no-key" [no_key()] => Simple;
        },
        rows! { "rest-request"; "revoked-key" [by(Revoked)] => Policy; },
        rows! { "rest-token"; "disabled-account" [by(Disabled)] => Policy; },
        rows! { "websocket-connect"; "key-in-query" [no_key(), query(&in_query)] => Policy; },
        rows! { "appsync"; "revoked-key" [by(Revoked)] => AppSync; },
    ]
    .concat()
}

/// Events that are denied only by a deployment for the sample organization.
pub(crate) fn other_organization() -> Vec<(Case, Form)> {
    [
        rows! { "http-api-2"; "other-organization" [by(Other)] => Simple; },
        rows! { "rest-request"; "other-organization" [by(Other)] => Policy; },
    ]
    .concat()
}

/// A key with full access.
pub(crate) fn full_access() -> Case {
    Case::of("http-api-2").row("full-access", [by(FullAccess)])
}

/// A bare key in `X-Api-Key`, and no key in `Authorization`.
pub(crate) fn api_key_header() -> Case {
    Case::of("http-api-2").row("api-key-header", [no_key(), header("x-api-key", Reader.token())])
}

/// A route for all methods, requested with `POST`.
pub(crate) fn any_route() -> Case {
    let arn = "arn:aws:execute-api:us-east-1:123456789012:abc123/$default/POST/orders";
    let route = "ANY /orders";
    let changes = [
        set("/routeKey", route),
        set("/requestContext/routeKey", route),
        set("/routeArn", arn),
        method("POST"),
        path("/orders"),
    ];
    Case::of("http-api-2").row("any-route", changes)
}

/// Every event.
pub(crate) fn all() -> Vec<Case> {
    let tables = [cases(forms()), cases(denials()), cases(other_organization())];
    [tables.concat(), vec![full_access(), api_key_header(), any_route()]].concat()
}
