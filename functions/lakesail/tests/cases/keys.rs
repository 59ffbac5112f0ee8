//! Listing, describing, and deleting the keys of a service account.

use latchkey_testkit::rows;
use latchkey_testkit::sample::OTHER_ACCOUNT;
use latchkey_testkit::sample::SampleKey::{
    Disabled, Expired, FullAccess, Minter, Other, Reader, Revoked, Root, Unknown,
};
use latchkey_testkit::suite::change::{account, by, key, key_id, method, no_body, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{
    self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY, UNKNOWN_ACCOUNT, UNKNOWN_ID,
};

use super::{FOREIGN_MARKER, NOT_OF_THIS_LIST};

const MINTER: &str = r#"{"id":"018HULLP3HG1YG7U","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const READER: &str = r#"{"id":"018HULLP3HH0EIZ2","expiresAt":"2035-12-30T00:00:00.000Z","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const FULL_ACCESS: &str = r#"{"id":"018HULLP3HTUC8FM","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const EXPIRED: &str = r#"{"id":"018HULLP3I1YVBWF","expiresAt":"2025-12-31T23:59:59.000Z","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;

const BAD_ACCOUNT: &str = "the service account ID must contain only `A-Z` and `0-9`, not 's'";
const BAD_KEY: &str = "the key ID must contain only `A-Z` and `0-9`, not 's'";
const MAY_NOT_READ: &str = "this key may not read service accounts and their keys";
const MAY_NOT_MANAGE: &str = "this key may not manage service account keys";
const REVOKED: &str = "key `018HULLP3HWYG9HJ` does not exist";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_ANOTHER_ACCOUNT: &str = "key `018HULLP3I2BDRRK` does not exist";

pub(crate) fn successes() -> Vec<Success> {
    let all = format!(r#"{{"items":[{MINTER},{READER},{FULL_ACCESS},{EXPIRED}]}}"#);
    let page = format!(r#"{{"items":[{MINTER},{READER},{FULL_ACCESS}],"marker":"*"}}"#);
    [
        rows! { "list-keys";
            _ => 200, all.clone();
            "scoped-caller" [by(Reader)] => 200, all;
            "page" [query("limit=3")] => 200, page.clone();
        },
        rows! { "create-key-rest-api";
            "list" [method("GET"), no_body(), query("limit=3")] => 200, page;
        },
        rows! { "describe-key";
            _ => 200, READER.to_owned();
            "expired" [key(Expired)] => 200, EXPIRED.to_owned();
            "scoped-caller" [by(Reader), key(FullAccess)] => 200, FULL_ACCESS.to_owned();
        },
        rows! { "delete-key";
            _ => 204, String::new();
            "expired" [key(Expired)] => 204, String::new();
            "own" [by(Minter), key(Minter)] => 204, String::new();
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        refusals::list_keys(),
        rows! { "list-keys";
            "foreign-marker" [query(FOREIGN_MARKER)] => 400, NOT_OF_THIS_LIST;
            "bad-account" [account("sample-account")] => 400, BAD_ACCOUNT;
            "missing-scope" [by(Minter)] => 403, MAY_NOT_READ;
        },
        rows! { "describe-key";
            "bad-account" [account("sample-account")] => 400, BAD_ACCOUNT;
            "bad-id" [key_id("sample-key")] => 400, BAD_KEY;
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "missing-scope" [by(Minter), key(FullAccess)] => 403, MAY_NOT_READ;
            "revoked" [key(Revoked)] => 404, REVOKED;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-another-account" [key(Disabled)] => 404, OF_ANOTHER_ACCOUNT;
            "unknown-account" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT), key(Other)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT"), key(Root)] => 404, OF_ROOT;
        },
        rows! { "delete-key";
            "bad-account" [account("sample-account")] => 400, BAD_ACCOUNT;
            "bad-id" [key_id("sample-key")] => 400, BAD_KEY;
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "missing-scope" [by(Reader), key(FullAccess)] => 403, MAY_NOT_MANAGE;
            "revoked" [key(Revoked)] => 404, REVOKED;
            "unknown" [key(Unknown)] => 404, UNKNOWN;
            "of-another-account" [key(Disabled)] => 404, OF_ANOTHER_ACCOUNT;
            "unknown-account" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT), key(Other)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT"), key(Root)] => 404, OF_ROOT;
        },
    ]
    .concat()
}
