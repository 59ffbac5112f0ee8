//! Errors that every dialect reports in the same way.
//!
//! Each has the differences from a dialect's samples, and what its clients read.

use super::Case;
use super::change::{
    account, altered, basic, below, body, body_as, by, method, no_body, no_key, query, set,
};
use super::expectations::Refusal;
use crate::rows;
use crate::sample::SampleKey::{Disabled, Expired, FullAccess, Revoked, Root, Unknown};
use crate::sample::{self, OTHER_ACCOUNT};

/// The ID of an account that does not exist.
pub const UNKNOWN_ID: &str = "SAMPLEACCOUNT999";

/// An account that does not exist.
pub const UNKNOWN_ACCOUNT: &str = "service account `SAMPLEACCOUNT999` does not exist";

/// An account of another organization, which the caller cannot see.
pub const OTHER_ORGANIZATION: &str = "service account `SAMPLEACCOUNT004` does not exist";

/// Root keys are stored where an account with this ID would have its keys.
pub const OF_ROOT: &str = "service account `ROOT` does not exist";

/// A root key where an account's key is needed.
pub const ROOT_KEY: &str =
    "a root key does not belong to an organization; use a service account's key";

/// No `Authorization` header.
pub const NO_CREDENTIALS: &str =
    "the request has no credentials; send `Authorization: Bearer <key>`";

/// A key that is altered, unknown, expired, revoked, or from a disabled account.
pub const NOT_VALID: &str = "the key is invalid, revoked, or expired";

/// An invalid limit.
pub const BAD_LIMIT: &str = "`limit` must be a whole number from 1 to 100";

/// A request to disable or delete the account of the presented key.
pub const OWN_ACCOUNT: &str = "service account `SAMPLEACCOUNT001` cannot disable or delete itself; \
                               use a key of another service account";

/// An account with the maximum number of keys.
pub const FULL_ACCOUNT: &str = "service account `SAMPLEACCOUNT002` already has 10 live keys (the \
                                limit); revoke one or raise KeyLimit";

/// An account that cannot get a key.
pub const DISABLED_ACCOUNT: &str =
    "service account `SAMPLEACCOUNT003` is disabled; enable it before you create keys for it";

const NOT_JSON: &str = "the body must be JSON in UTF-8: send `Content-Type: application/json`";

const FORM: &str = "application/x-www-form-urlencoded";

/// Errors for creating a key.
pub fn create_key() -> Vec<Refusal> {
    rows! { Case::of("create-key").with(body("{}"));
        "bad-base64" [set("/isBase64Encoded", true), body("not base64!")]
            => 400, "the body is not valid base64";
        "malformed-json" [body(r#"{""#)]
            => 400, "the body is not valid JSON: unexpected end of input at line 1, column 2";
        "not-an-object" [body("[]")] => 400, "the body must be a JSON object, not a list";
        "no-credentials" [no_key()] => 401, NO_CREDENTIALS;
        "basic-credentials" [basic("sample", "sample")]
            => 401, "the `Authorization` header must have the form `Bearer <key>`";
        "altered-key" [altered(FullAccess)] => 401, NOT_VALID;
        "unknown-key" [by(Unknown)] => 401, NOT_VALID;
        "expired-key" [by(Expired)] => 401, NOT_VALID;
        "revoked-key" [by(Revoked)] => 401, NOT_VALID;
        "disabled-caller" [by(Disabled)] => 401, NOT_VALID;
        "root-key" [by(Root)] => 403, ROOT_KEY;
        "unknown-account" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
        "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
        "unknown-route" [below("more/still")] => 404, "this path does not exist; check the URL";
        "wrong-method" [method("PUT"), no_body()]
            => 405, "this path does not support PUT; it supports `POST` and `GET`";
        "disabled-account" [account(sample::DISABLED_ACCOUNT)] => 409, DISABLED_ACCOUNT;
        "full-account" [account(sample::FULL_ACCOUNT)] => 409, FULL_ACCOUNT;
        "form-body" [body_as(FORM, "a=1")] => 415, NOT_JSON;
    }
}

/// Errors for listing keys.
pub fn list_keys() -> Vec<Refusal> {
    rows! { "list-keys";
        "bad-limit" [query("limit=101")] => 400, BAD_LIMIT;
        "two-limits" [query("limit=1&limit=2")]
            => 400, "the parameter `limit` must be sent exactly once";
        "no-credentials" [no_key()] => 401, NO_CREDENTIALS;
        "root-key" [by(Root)] => 403, ROOT_KEY;
        "unknown-account" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
        "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
        "of-root" [account("ROOT")] => 404, OF_ROOT;
    }
}

/// Errors for changes to accounts.
pub fn accounts() -> Vec<Refusal> {
    [
        rows! { "list-accounts";
            "bad-limit" [query("limit=0")] => 400, BAD_LIMIT;
            "root-key" [by(Root)] => 403, ROOT_KEY;
        },
        rows! { "create-account";
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "form-body" [body_as(FORM, "name=n")] => 415, NOT_JSON;
        },
        rows! { "update-account";
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "unknown" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
        },
        rows! { "delete-account";
            "root-key" [by(Root)] => 403, ROOT_KEY;
            "unknown" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT")] => 404, OF_ROOT;
            "own" [account(sample::ACCOUNT)] => 409, OWN_ACCOUNT;
        },
    ]
    .concat()
}
