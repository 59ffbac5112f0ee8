//! Creating a key for a service account.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Minter, Reader};
use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::{account, body, by, no_body};
use latchkey_testkit::suite::expectations::Refusal;
use latchkey_testkit::suite::refusals;

const SAMPLE_EXPIRY: Option<&str> = Some("2099-06-01T12:00:00.000Z");

/// Requests that succeed, and the expiry in the response.
pub(crate) fn successes() -> Vec<(Case, Option<&'static str>)> {
    [
        rows! { "create-key";
            _ => SAMPLE_EXPIRY;
            "offset-expiry" [body(r#"{"expiresAt":"2099-06-01t14:00:00.1239+02:00"}"#)]
                => Some("2099-06-01T12:00:00.123Z");
            "empty-body" [no_body()] => None;
            "empty-object" [body("{}")] => None;
            "scoped-caller" [by(Minter), body("{}")] => None;
        },
        rows! { "create-key-base64-body"; _ => SAMPLE_EXPIRY; },
        rows! { "create-key-stage-in-path"; _ => SAMPLE_EXPIRY; },
        rows! { "create-key-rest-api"; _ => SAMPLE_EXPIRY; },
        rows! { "create-key-function-url"; _ => SAMPLE_EXPIRY; },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        refusals::create_key(),
        rows! { "create-key";
            "bad-account" [account("sample-account"), body("{}")]
                => 400, "the service account ID must contain only `A-Z` and `0-9`, not 's'";
            "null-expiry" [body(r#"{"expiresAt":null}"#)]
                => 400, "`expiresAt` must be a string, not null";
            "bad-expiry" [body(r#"{"expiresAt":"tomorrow"}"#)]
                => 400, "`expiresAt` must be an RFC 3339 date-time with an offset, such as `2026-06-01T12:00:00Z`";
            "past-expiry" [body(r#"{"expiresAt":"2025-12-31T23:59:59Z"}"#)]
                => 400, "`expiresAt` must be in the future";
            "unknown-field" [body(r#"{"expires_at":"2099-06-01T12:00:00Z"}"#)]
                => 400, "`expires_at` is not a field of this request; did you mean `expiresAt`?";
            "duplicate-field" [body(r#"{"expiresAt":"2099-06-01T12:00:00Z","expiresAt":"2099-06-02T12:00:00Z"}"#)]
                => 400, "the body contains the field `expiresAt` twice";
            "missing-scope" [by(Reader), body("{}")]
                => 403, "this key may not manage service account keys";
        },
    ]
    .concat()
}
