//! Rotating a key.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{
    Disabled, Expired, Minter, Other, Reader, Revoked, Root, Unknown,
};
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, OTHER_ACCOUNT};
use latchkey_testkit::suite::change::{account, body, by, key, key_id};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY};

use super::{FULL_ACCESS_NOT_HELD, OTHER_SELECTED, select};

/// The new key, with the old key's scopes.
fn rotated(account: &str, scopes: &str) -> String {
    let full_access = scopes == "[]";
    format!(
        r#"{{"full_access":{full_access},"id":"*","key":"sk_{account}_*","key_prefix":"sk_{account}_*","name":"sample","scopes":{scopes},"service_account":{{"created_at":"2026-01-01T00:00:00.000Z","created_by_user_id":"ROOT","disabled":false,"id":"{account}","name":"sample account {account}","updated_at":"2026-01-01T00:00:00.000Z"}}}}"#
    )
}

pub(crate) fn successes() -> Vec<Success> {
    rows! { "rotate-key";
        _ => 200, rotated(ACCOUNT, "[]");
        "longest-grace" [key(Reader), body(r#"{"grace_days":30}"#)]
            => 200, rotated(ACCOUNT, r#"["keys.read"]"#);
        "scoped-caller" [by(Minter), key(Minter), body("{}")]
            => 200, rotated(ACCOUNT, r#"["keys.write","sessions.read"]"#);
        "no-grace" [account(FULL_ACCOUNT), key_id("018HULLP3GVCBE8W"), body(r#"{"grace_days":0}"#)]
            => 200, rotated(FULL_ACCOUNT, "[]");
    }
}

pub(crate) fn refusals() -> Vec<Refusal> {
    rows! { "rotate-key";
        "bad-grace" [body(r#"{"grace_days":31}"#)]
            => 400, "`grace_days` must be a whole number from 0 to 30";
        "fractional-grace" [body(r#"{"grace_days":0.5}"#)]
            => 400, "`grace_days` must be a whole number from 0 to 30";
        "grace-not-a-number" [body(r#"{"grace_days":"7"}"#)]
            => 400, "`grace_days` must be a number, not a string";
        "null-grace" [body(r#"{"grace_days":null}"#)]
            => 400, "`grace_days` must be a number, not null";
        "unknown-field" [body(r#"{"grace":0}"#)]
            => 400, "`grace` is not a field of this request; did you mean `grace_days`?";
        "root-key" [by(Root)] => 403, ROOT_KEY;
        "missing-scope" [by(Reader)] => 403, "this key lacks the scope `keys.write`";
        "stronger-key" [by(Minter)] => 403, FULL_ACCESS_NOT_HELD;
        "scope-not-held" [by(Minter), key(Reader)]
            => 403, "this key cannot grant the scope `keys.read`, which it does not have";
        "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        "bad-id" [key_id("sample-key")] => 404, "this key does not exist";
        "unknown" [key(Unknown)] => 404, "key `018HULLP3H38Y9U0` does not exist";
        "other-organization" [account(OTHER_ACCOUNT), key(Other)] => 404, OTHER_ORGANIZATION;
        "of-root" [account("ROOT"), key(Root)] => 404, OF_ROOT;
        "revoked" [key(Revoked)] => 409, "key `018HULLP3HWYG9HJ` is revoked";
        "expired" [key(Expired)] => 409, "key `018HULLP3I1YVBWF` has expired";
        "full-account" [account(FULL_ACCOUNT), key_id("018HULLP3GWMXLKL")]
            => 409, refusals::FULL_ACCOUNT;
        "disabled-account" [account(DISABLED_ACCOUNT), key(Disabled)]
            => 409, refusals::DISABLED_ACCOUNT;
    }
}
