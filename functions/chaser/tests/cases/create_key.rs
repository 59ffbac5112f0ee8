//! Creating a key for a service account.

use latchkey_testkit::rows;
use latchkey_testkit::sample::ORGANIZATION_NAME;
use latchkey_testkit::sample::SampleKey::{Minter, Reader};
use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::{account, body, by, no_body};
use latchkey_testkit::suite::expectations::Refusal;
use latchkey_testkit::suite::refusals;

use super::{FILES_READ_NOT_HELD, FULL_ACCESS_NOT_HELD, OTHER_SELECTED, UNKNOWN_SCOPE, select};

/// A key's name and scopes.
type Minted = (Option<&'static str>, &'static [&'static str]);

const SAMPLE: Minted = (Some("ci"), &["sessions.read", "files.read"]);
const PLAIN: Minted = (None, &[]);

/// Requests that succeed, and the name and scopes in the response.
pub(crate) fn successes() -> Vec<(Case, Minted)> {
    [
        rows! { "create-key";
            _ => SAMPLE;
            "empty-body" [no_body()] => PLAIN;
            "empty-object" [body("{}")] => PLAIN;
            "null-fields" [body(r#"{"name":null,"scopes":null}"#)] => PLAIN;
            "empty-fields" [body(r#"{"name":"","scopes":[]}"#)] => (Some(""), &[]);
            "scoped-caller" [by(Minter), body(r#"{"scopes":["sessions.read"]}"#)]
                => (None, &["sessions.read"]);
            "by-account-id" [select("sample"), body("{}")] => PLAIN;
            "by-account-name" [select(ORGANIZATION_NAME), body("{}")] => PLAIN;
        },
        rows! { "create-key-base64-body"; _ => SAMPLE; },
        rows! { "create-key-stage-in-path"; _ => SAMPLE; },
        rows! { "create-key-rest-api"; _ => SAMPLE; },
        rows! { "create-key-function-url"; _ => SAMPLE; },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        refusals::create_key(),
        rows! { "create-key";
            "unknown-field" [body(r#"{"scope":["sessions.read"]}"#)]
                => 400, "`scope` is not a field of this request; did you mean `scopes`?";
            "duplicate-field" [body(r#"{"scopes":["sessions.read"],"scopes":[]}"#)]
                => 400, "the body contains the field `scopes` twice";
            "name-not-a-string" [body(r#"{"name":7}"#)]
                => 400, "`name` must be a string or null, not a number";
            "long-name" [body(r#"{"name": "*"}"#.replace('*', &"n".repeat(129)))]
                => 400, "`name` must be at most 128 characters";
            "control-character" [body(r#"{"name":"a\u0000b"}"#)]
                => 400, "`name` must not contain control characters";
            "scopes-not-a-list" [body(r#"{"scopes":"sessions.read"}"#)]
                => 400, "`scopes` must be a list of strings or null, not a string";
            "scope-not-a-string" [body(r#"{"scopes":["sessions.read",7]}"#)]
                => 400, "`scopes[1]` must be a string, not a number";
            "unknown-scope" [body(r#"{"scopes":["sessions.admin"]}"#)] => 400, UNKNOWN_SCOPE;
            "missing-scope" [by(Reader), body("{}")] => 403, "this key lacks the scope `keys.write`";
            "scope-not-held" [by(Minter), body(r#"{"scopes":["sessions.read","files.read"]}"#)]
                => 403, FILES_READ_NOT_HELD;
            "full-access-not-held" [by(Minter), body("{}")] => 403, FULL_ACCESS_NOT_HELD;
            "other-account-selected" [select("other"), body("{}")] => 403, OTHER_SELECTED;
            "bad-account" [account("sample-account"), body("{}")] => 404, "this service account does not exist";
        },
    ]
    .concat()
}
