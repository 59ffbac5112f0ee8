//! Listing, describing, updating, and revoking the keys of a service account.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{
    Disabled, Expired, FullAccess, Minter, Other, Reader, Revoked, Root, Unknown,
};
use latchkey_testkit::sample::{ORGANIZATION_NAME, OTHER_ACCOUNT};
use latchkey_testkit::suite::change::{account, body, by, key, key_id, method, no_body, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY};

use super::{
    FILES_READ_NOT_HELD, FOREIGN_CURSOR, FULL_ACCESS_NOT_HELD, NOT_OF_THIS_LIST, OTHER_SELECTED,
    UNKNOWN_SCOPE, select,
};

const READS: &str = "this key lacks the scope `keys.read`";
const WRITES: &str = "this key lacks the scope `keys.write`";
const BAD_ACCOUNT: &str = "this service account does not exist";
const BAD_ID: &str = "this key does not exist";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_ANOTHER_ACCOUNT: &str = "key `018HULLP3I2BDRRK` does not exist";

/// A sample key: its ID, and in JSON its name, its scopes, and when it expires and was revoked.
fn described(id: &str, name: &str, scopes: &str, expires_at: &str, revoked_at: &str) -> String {
    let full_access = scopes == "[]";
    // Only one of the samples has expired.
    let revoked = if id == "018HULLP3I1YVBWF" { expires_at } else { revoked_at };
    format!(
        r#"{{"id":"{id}","name":{name},"key_prefix":"sk_SAMPLEACCOUNT001_{id}_","scopes":{scopes},"full_access":{full_access},"created_at":"2026-01-01T00:00:00.000Z","expires_at":{expires_at},"last_used_at":null,"revoked":{revoked},"revoked_at":{revoked_at}}}"#
    )
}

pub(crate) fn successes() -> Vec<Success> {
    let sample = r#""sample""#;
    let scopes = r#"["keys.write","sessions.read"]"#;
    let renamed =
        |name: &str, scopes: &str| described("018HULLP3HG1YG7U", name, scopes, "null", "null");
    let minter = renamed(sample, scopes);
    let (reader_id, end) = ("018HULLP3HH0EIZ2", r#""2035-12-30T00:00:00.000Z""#);
    let reader = described(reader_id, sample, r#"["keys.read"]"#, end, "null");
    let full = described("018HULLP3HTUC8FM", sample, "[]", "null", "null");
    let now = r#""2026-01-01T00:00:00.000Z""#;
    let revoked = described("018HULLP3HWYG9HJ", sample, "[]", "null", now);
    let expired =
        described("018HULLP3I1YVBWF", sample, "[]", r#""2025-12-31T23:59:59.000Z""#, "null");
    let all = [&*minter, &reader, &full, &revoked, &expired].join(",");
    let all = format!(r#"{{"keys":[{all}],"next_cursor":null}}"#);
    let page = format!(r#"{{"keys":[{minter},{reader},{full}],"next_cursor":"*"}}"#);
    let files = r#"["files.read","sessions.read"]"#;
    [
        rows! { "list-keys";
            _ => 200, all.clone();
            "scoped-caller" [by(Reader)] => 200, all.clone();
            "by-account-name" [select(ORGANIZATION_NAME)] => 200, all;
            "page" [query("limit=3")] => 200, page.clone();
        },
        rows! { "create-key-rest-api";
            "list" [method("GET"), no_body(), query("limit=3")] => 200, page;
        },
        rows! { "get-key";
            _ => 200, reader;
            "expired" [key(Expired)] => 200, expired;
            "revoked" [key(Revoked)] => 200, revoked;
            "scoped-caller" [by(Reader), key(FullAccess)] => 200, full;
        },
        rows! { "update-key";
            "scoped-caller" [by(Minter), body(r#"{"name":"sample"}"#)] => 200, minter.clone();
        },
        rows! { "revoke-key";
            _ => 204, String::new();
            "revoked" [key(Revoked)] => 204, String::new();
            "expired" [key(Expired)] => 204, String::new();
        },
        rows! { "update-key";
            "empty-body" [no_body()] => 200, minter;
            "name-only" [body(r#"{"name":"weekly report"}"#)]
                => 200, renamed(r#""weekly report""#, scopes);
            _ => 200, renamed(r#""nightly report""#, files);
            "null-name" [body(r#"{"name":null}"#)] => 200, renamed("null", files);
            "null-scopes" [body(r#"{"scopes":null}"#)] => 200, renamed("null", "[]");
        },
        rows! { "revoke-key";
            "own" [by(Minter), key(Minter)] => 204, String::new();
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        refusals::list_keys(),
        rows! { "list-keys";
            "foreign-cursor" [query(FOREIGN_CURSOR)] => 400, NOT_OF_THIS_LIST;
            "missing-scope" [by(Minter)] => 403, READS;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
            "bad-account" [account("sample-account")] => 404, BAD_ACCOUNT;
        },
        rows! { "get-key";
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "missing-scope" [by(Minter)] => 403, READS;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
            "bad-id" [key_id("sample-key")] => 404, BAD_ID;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-another-account" [key(Disabled)] => 404, OF_ANOTHER_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT), key(Other)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT"), key(Root)] => 404, OF_ROOT;
        },
        rows! { "update-key";
            "unknown-field" [body(r#"{"scope":[]}"#)]
                => 400, "`scope` is not a field of this request; did you mean `scopes`?";
            "name-not-a-string" [body(r#"{"name":7}"#)]
                => 400, "`name` must be a string or null, not a number";
            "long-name" [body(r#"{"name": "*"}"#.replace('*', &"n".repeat(129)))]
                => 400, "`name` must be at most 128 characters";
            "scopes-not-a-list" [body(r#"{"scopes":"files.read"}"#)]
                => 400, "`scopes` must be a list of strings or null, not a string";
            "unknown-scope" [body(r#"{"scopes":["sessions.admin"]}"#)] => 400, UNKNOWN_SCOPE;
            "root-key" [by(Root), body("{}")] => 403, ROOT_KEY;
            "missing-scope" [by(Reader), body(r#"{"name":"n"}"#)] => 403, WRITES;
            "scope-not-held" [by(Minter), body(r#"{"scopes":["sessions.read","files.read"]}"#)]
                => 403, FILES_READ_NOT_HELD;
            "full-access-by-scoped-caller" [by(Minter), body(r#"{"scopes":[]}"#)]
                => 403, FULL_ACCESS_NOT_HELD;
            "other-account-selected" [select("other"), body(r#"{"name":"n"}"#)]
                => 403, OTHER_SELECTED;
            "bad-id" [key_id("sample-key"), body(r#"{"name":"n"}"#)] => 404, BAD_ID;
            "unknown" [key(Unknown), body(r#"{"name":"n"}"#)] => 404, UNKNOWN;
            "other-organization" [account(OTHER_ACCOUNT), key(Other), body(r#"{"name":"n"}"#)]
                => 404, OTHER_ORGANIZATION;
            "revoked" [key(Revoked), body(r#"{"name":"n"}"#)]
                => 409, "key `018HULLP3HWYG9HJ` is revoked";
            "expired" [key(Expired), body(r#"{"name":"n"}"#)]
                => 409, "key `018HULLP3I1YVBWF` has expired";
        },
        rows! { "revoke-key";
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "missing-scope" [by(Reader), key(FullAccess)] => 403, WRITES;
            "other-account-selected" [select("other"), key(FullAccess)] => 403, OTHER_SELECTED;
            "bad-id" [key_id("sample-key")] => 404, BAD_ID;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-another-account" [key(Disabled)] => 404, OF_ANOTHER_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT), key(Other)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT"), key(Root)] => 404, OF_ROOT;
        },
    ]
    .concat()
}
