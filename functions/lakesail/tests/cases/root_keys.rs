//! Root keys, which only root keys may manage.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{FullAccess, Unknown};
use latchkey_testkit::suite::change::{body, by, key, key_id, no_body, no_key, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{BAD_LIMIT, NO_CREDENTIALS};

use super::{FOREIGN_MARKER, NOT_OF_THIS_LIST};

const SAMPLE: &str = r#"{"id":"018HULLP3H4ONLLL","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;

const BAD_ID: &str = "the key ID must contain only `A-Z` and `0-9`, not 'r'";
const BY_ACCOUNT: &str = "this operation requires a root key; this key belongs to an organization";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_AN_ACCOUNT: &str = "key `018HULLP3HTUC8FM` does not exist";

pub(crate) fn successes() -> Vec<Success> {
    let times = r#""createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z""#;
    let expiry = r#""expiresAt":"2099-06-01T12:00:00.000Z""#;
    [
        rows! { "list-root-keys";
            _ => 200, format!(r#"{{"items":[{SAMPLE}]}}"#);
        },
        rows! { "describe-root-key";
            _ => 200, SAMPLE.to_owned();
        },
        rows! { "create-root-key";
            _ => 201, format!(r#"{{"id":"*",{expiry},"key":"sk_ROOT_*",{times}}}"#);
            "empty-body" [no_body()] => 201, format!(r#"{{"id":"*","key":"sk_ROOT_*",{times}}}"#);
        },
        rows! { "delete-root-key";
            _ => 204, String::new();
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        rows! { "create-root-key";
            "null-expiry" [body(r#"{"expiresAt":null}"#)]
                => 400, "`expiresAt` must be a string, not null";
            "past-expiry" [body(r#"{"expiresAt":"2025-12-31T23:59:59Z"}"#)]
                => 400, "`expiresAt` must be in the future";
            "unknown-field" [body(r#"{"expires_at":"2099-06-01T12:00:00Z"}"#)]
                => 400, "`expires_at` is not a field of this request; did you mean `expiresAt`?";
            "no-credentials" [no_key(), body("{}")] => 401, NO_CREDENTIALS;
            "by-account" [by(FullAccess), body("{}")] => 403, BY_ACCOUNT;
        },
        rows! { "list-root-keys";
            "bad-limit" [query("limit=ten")] => 400, BAD_LIMIT;
            "foreign-marker" [query(FOREIGN_MARKER)] => 400, NOT_OF_THIS_LIST;
            "by-account" [by(FullAccess)] => 403, BY_ACCOUNT;
        },
        rows! { "describe-root-key";
            "bad-id" [key_id("root-key")] => 400, BAD_ID;
            "by-account" [by(FullAccess)] => 403, BY_ACCOUNT;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-an-account" [key(FullAccess)] => 404, OF_AN_ACCOUNT;
        },
        rows! { "delete-root-key";
            "bad-id" [key_id("root-key")] => 400, BAD_ID;
            "by-account" [by(FullAccess)] => 403, BY_ACCOUNT;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-an-account" [key(FullAccess)] => 404, OF_AN_ACCOUNT;
        },
    ]
    .concat()
}
