//! Every request of the tests: its differences from a sample event, next to the expected response.
//!
//! The tables contain no tests of their own, so that several test binaries can use all requests.

pub(crate) mod github;

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{
    self, Disabled, Expired, FullAccess, Minter, Other, Reader, Revoked, Root, Unknown,
};
use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT};
use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::{
    Change, basic, body, body_as, by, header, method, no_body, no_key, path, query, set,
};
use latchkey_testkit::suite::expectations::cases;
use serde_json::{Value, json};

use github::{KEY_IDENTIFIER, SIGNATURE, forged, found, found_at, signed};

const BEARER: &str = r#"Bearer realm="latchkey""#;
const BASIC: &str = r#"Basic realm="latchkey""#;
const BOTH: &str = r#"Bearer realm="latchkey", Basic realm="latchkey""#;
const INVALID_TOKEN: &str = r#"Bearer realm="latchkey", error="invalid_token""#;
const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="latchkey", error="insufficient_scope""#;

const NOT_BASIC: &str =
    "the `Authorization` header must be `Basic` followed by `<service account ID>:<key>` in Base64";
const NO_CLIENT: &str =
    "the client ID must be a service account's ID, and the password one of its valid keys";
const ROOT_KEY: &str = "a root key does not belong to an organization; use a service account's key";

const BAD_ORGANIZATION: &str = "the parameter `organization` must list organization IDs, separated by \
     spaces; an organization ID has 1 to 64 letters, digits, `.`, `_`, or `-`, and starts with a letter \
     or digit";
const NOT_ALLOWED: &str = "this key belongs to an organization that this endpoint does not accept";
const ONE_TOKEN: &str = "the parameter `token` must be sent exactly once";
const NOT_VALID: &str = "the key is invalid, revoked, or expired";
const NO_CREDENTIALS: &str = "the request has no credentials; send `Authorization: Bearer <key>`";

const NOT_SIGNED: &str = "the request must have exactly one `Github-Public-Key-Identifier` and one \
     `Github-Public-Key-Signature`";
const NO_SIGNATURE: &str =
    "the signature must be an ECDSA signature in Base64, and its key identifier a short text";
const NO_MATCH: &str = "the signature does not match the body";
const NOT_A_REPORT: &str =
    "the body must be a JSON list of objects with the strings `token` and `type`";

/// A scope of the maximum length.
macro_rules! long_scope {
    () => {
        "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
    };
}

/// Sends a sample key as the token.
fn token(key: SampleKey) -> Change {
    body(format!("token={}", key.token()))
}

/// Sends a sample key as the token, and its token type.
fn hinted(key: SampleKey) -> Change {
    body(format!("token={}&token_type_hint=access_token", key.token()))
}

/// Introspections, and whether the token is active.
pub(crate) fn introspections() -> Vec<(Case, bool)> {
    [
        rows! { "introspect-base64-body"; _ => true; },
        rows! { "introspect-other-organization"; _ => false; },
        rows! { "introspect";
            _ => true;
            "basic" [basic(ACCOUNT, &Reader.token()), hinted(Minter)] => true;
            "expired" [token(Expired)] => false;
            "revoked" [token(Revoked)] => false;
            "disabled" [token(Disabled)] => false;
            "unknown" [token(Unknown)] => false;
            "root" [token(Root)] => false;
            "malformed" [body("token=abc")] => false;
        },
    ]
    .concat()
}

/// Revocations, and whether each revokes a key.
pub(crate) fn revocations() -> Vec<(Case, bool)> {
    rows! { "revoke";
        _ => true;
        "unknown" [token(Unknown)] => false;
        "malformed" [body("token=abc")] => false;
    }
}

/// Requests for metadata, and the issuer in the response.
pub(crate) fn metadata() -> Vec<(Case, &'static str)> {
    [
        rows! { "metadata";
            _ => "https://abc123.execute-api.us-east-1.amazonaws.com";
            "stage-not-in-path" [set("/requestContext/stage", "prod")]
                => "https://abc123.execute-api.us-east-1.amazonaws.com";
        },
        rows! { "metadata-stage-in-path";
            _ => "https://abc123.execute-api.us-east-1.amazonaws.com/prod";
        },
    ]
    .concat()
}

/// Health checks, and whether each reads the table.
pub(crate) fn health_checks() -> Vec<(Case, bool)> {
    rows! { "health";
        _ => false;
        "deep" [query("deep=1")] => true;
    }
}

/// A report's expected feedback, whether each match is a key, and the keys that it ends.
pub(crate) type Reported = (&'static [bool], &'static [SampleKey]);

/// Reports of leaked keys.
pub(crate) fn reports() -> Vec<(Case, Reported)> {
    let report = |matches: &[Value]| signed(json!(matches).to_string());
    let row = |name, matches: &[Value], reported: Reported| {
        (Case::of("report-leak").row(name, report(matches)), reported)
    };
    let key = |key: SampleKey| found(&key.token());
    let in_its_name = format!("https://github.com/octocat/a/blob/main/{}", Reader.token());
    vec![
        (Case::of("report-leak"), (&[true], &[Minter])),
        row("in-its-name", &[found_at(&Reader.token(), &in_its_name)], (&[true], &[Reader])),
        row("two", &[key(Reader), key(Other)], (&[true, true], &[Reader, Other])),
        row("root", &[key(Root)], (&[true], &[Root])),
        row("twice", &[key(Reader), found("x"), key(Reader)], (&[true, false, true], &[Reader])),
        row("ended", &[key(Revoked), key(Expired)], (&[true, true], &[])),
        row("unknown", &[key(Unknown), found("abc"), found("")], (&[false, false, false], &[])),
        row("nowhere", &[json!({"token": Reader.token(), "type": ""})], (&[true], &[Reader])),
        row("nothing", &[], (&[], &[])),
    ]
}

/// Requests that pass, with the status and the scopes in the response.
pub(crate) fn verifications() -> Vec<(Case, (u16, &'static str))> {
    [
        rows! { "verify";
            _ => 204, "keys.read";
            "full-access" [by(FullAccess), method("DELETE")] => 204, "";
            "scope" [by(Minter), query("scope=keys.write%20sessions.read")]
                => 204, "keys.write sessions.read";
            "organization" [query("organization=sample&organization=acme+example&scope=keys.read")]
                => 204, "keys.read";
        },
        // The query, including `scope`, comes from Envoy's client.
        rows! { "verify-path";
            _ => 200, "keys.read";
            "full-access" [by(FullAccess), method("DELETE")] => 200, "";
            "stage-in-path" [set("/requestContext/stage", "prod"), path("/prod/verify/envoy/orders/1")]
                => 200, "keys.read";
            "of-the-start-page" [path("/verify/envoy/"), query("")] => 200, "keys.read";
        },
    ]
    .concat()
}

/// A refusal: its status, code, description, and challenge.
pub(crate) type Refusal = (Case, (u16, &'static str, &'static str, &'static str));

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        rows! { "introspect";
            "no-token" [body("")] => 400, "invalid_request", ONE_TOKEN, "";
            "two-tokens" [body("token=a&token=b")] => 400, "invalid_request", ONE_TOKEN, "";
            "json-body" [body_as("application/json", r#"{"token":"a"}"#)]
                => 400, "invalid_request",
                "the body must be a form: send `Content-Type: application/x-www-form-urlencoded`", "";
            "no-credentials" [no_key(), body("token=abc")]
                => 401, "invalid_client",
                "the request has no credentials; send `Authorization: Bearer <key>`, or `Basic` \
                 with a service account ID and one of its keys", BOTH;
            "expired-caller" [by(Expired), body("token=abc")]
                => 401, "invalid_token", NOT_VALID, INVALID_TOKEN;
            "basic-other-client" [basic(FULL_ACCOUNT, &Reader.token())]
                => 401, "invalid_client", NO_CLIENT, BASIC;
            "missing-scope" [by(Minter)]
                => 403, "insufficient_scope", "this key lacks the scope `keys.read`",
                r#"Bearer realm="latchkey", error="insufficient_scope", scope="keys.read""#;
            "root-caller" [by(Root)] => 403, "insufficient_scope", ROOT_KEY, INSUFFICIENT_SCOPE;
            "unknown-route" [by(FullAccess), path("/oauth/authorize"), body("a=b")]
                => 404, "invalid_request", "this path does not exist; check the URL", "";
            "wrong-method" [by(FullAccess), method("GET"), no_body()]
                => 405, "invalid_request", "this path does not support GET; it supports `POST`", "";
        },
        rows! { Case::of("introspect").with(hinted(Minter));
            "digest" [header("authorization", r#"Digest username="SAMPLEACCOUNT001""#)]
                => 401, "invalid_client",
                "the `Authorization` header must be `Bearer <key>` or `Basic`", BOTH;
            "basic-malformed" [header("authorization", "Basic !!!")]
                => 401, "invalid_client", NOT_BASIC, BASIC;
            // The account's ID without a colon.
            "basic-no-password" [header("authorization", "Basic U0FNUExFQUNDT1VOVDAwMQ==")]
                => 401, "invalid_client", NOT_BASIC, BASIC;
            "basic-no-key" [basic(ACCOUNT, "password")] => 401, "invalid_client", NO_CLIENT, BASIC;
            "basic-expired" [basic(ACCOUNT, &Expired.token())]
                => 401, "invalid_client", NO_CLIENT, BASIC;
        },
        rows! { "revoke";
            "no-token" [body("")] => 400, "invalid_request", ONE_TOKEN, "";
        },
        rows! { "token";
            _ => 400, "unsupported_grant_type",
                "this service does not issue tokens; use a service account's key as the bearer token", "";
            "no-grant-type" [body("scope=keys.read")]
                => 400, "invalid_request", "the parameter `grant_type` must be sent exactly once", "";
        },
        rows! { "report-leak";
            "unsigned" [set("/headers/github-public-key-signature", Value::Null)]
                => 403, "access_denied", NOT_SIGNED, "";
            "without-key" [set("/headers/github-public-key-identifier", Value::Null)]
                => 403, "access_denied", NOT_SIGNED, "";
            "malformed-signature" [header(SIGNATURE, "!!!")]
                => 403, "access_denied", NO_SIGNATURE, "";
            "unknown-key" [header(KEY_IDENTIFIER, "other")]
                => 403, "access_denied",
                "GitHub does not publish a key with this `Github-Public-Key-Identifier`", "";
            "github-s-other-key" [header(KEY_IDENTIFIER, "current")]
                => 403, "access_denied", NO_MATCH, "";
            "altered" [body(json!([found(&Reader.token())]).to_string())]
                => 403, "access_denied", NO_MATCH, "";
            "altered-to-no-report" [body("{")] => 403, "access_denied", NO_MATCH, "";
            "too-large" [body(" ".repeat(1024 * 1024 + 1))]
                => 413, "invalid_request", "the body is larger than 1048576 bytes", "";
            "wrong-method" [method("GET"), no_body()]
                => 405, "invalid_request", "this path does not support GET; it supports `POST`", "";
        },
        signed_refusals(),
        rows! { "verify";
            "no-scope-at-all" [query("scope=files.read%22%2C+realm%3D%22x")]
                => 400, "invalid_request",
                "the parameter `scope` must list scopes, separated by spaces; a scope has 1 to 64 \
                 printable ASCII characters other than space, `\"`, and `\\`", "";
            "no-organization-at-all" [query("organization=")]
                => 400, "invalid_request", BAD_ORGANIZATION, "";
            "malformed-organization" [query("organization=-sample")]
                => 400, "invalid_request", BAD_ORGANIZATION, "";
            "revoked" [by(Revoked)] => 401, "invalid_token", NOT_VALID, INVALID_TOKEN;
            "no-key" [no_key()] => 401, "invalid_request", NO_CREDENTIALS, BEARER;
            "basic" [basic(ACCOUNT, &Reader.token())]
                => 401, "invalid_request",
                "the `Authorization` header must have the form `Bearer <key>`", BEARER;
            "other-organization" [by(Other), query("organization=sample")]
                => 403, "insufficient_scope", NOT_ALLOWED, INSUFFICIENT_SCOPE;
            "missing-scope" [query("scope=keys.write")]
                => 403, "insufficient_scope", "this key lacks the scope `keys.write`",
                r#"Bearer realm="latchkey", error="insufficient_scope", scope="keys.write""#;
            "missing-long-scope" [query(concat!("scope=", long_scope!()))]
                => 403, "insufficient_scope",
                concat!("this key lacks the scope `", long_scope!(), "`"),
                concat!(r#"Bearer realm="latchkey", error="insufficient_scope", scope=""#, long_scope!(), r#"""#);
            "root" [by(Root)] => 403, "insufficient_scope", ROOT_KEY, INSUFFICIENT_SCOPE;
        },
        rows! { "verify-path";
            "revoked" [by(Revoked)] => 401, "invalid_token", NOT_VALID, INVALID_TOKEN;
            "no-key" [no_key()] => 401, "invalid_request", NO_CREDENTIALS, BEARER;
            "root" [by(Root)] => 403, "insufficient_scope", ROOT_KEY, INSUFFICIENT_SCOPE;
        },
    ]
    .concat()
}

/// Reports with a signature of their own, such as a forged one.
fn signed_refusals() -> Vec<Refusal> {
    let row = |name, changes| Case::of("report-leak").row(name, changes);
    let matches = vec![found("a"); 1001];
    vec![
        (
            row("forged", forged(json!([found(&Reader.token())]).to_string())),
            (403, "access_denied", NO_MATCH, ""),
        ),
        (row("no-list", signed("{}")), (400, "invalid_request", NOT_A_REPORT, "")),
        (row("no-token", signed(r#"[{"type":"a"}]"#)), (400, "invalid_request", NOT_A_REPORT, "")),
        (
            row("too-many", signed(json!(matches).to_string())),
            (400, "invalid_request", "the body lists more than 1000 entries", ""),
        ),
    ]
}

/// Every request.
pub(crate) fn all() -> Vec<Case> {
    [
        cases(introspections()),
        cases(revocations()),
        cases(metadata()),
        cases(health_checks()),
        cases(verifications()),
        cases(refusals()),
        cases(reports()),
    ]
    .concat()
}
