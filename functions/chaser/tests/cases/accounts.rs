//! Creating, listing, describing, updating, and deleting service accounts.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Minter, Reader, Root};
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, OTHER_ACCOUNT};
use latchkey_testkit::suite::change::{account, body, by, no_body, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{
    self, OF_ROOT, OTHER_ORGANIZATION, OWN_ACCOUNT, ROOT_KEY, UNKNOWN_ACCOUNT, UNKNOWN_ID,
};

use super::{FOREIGN_CURSOR, NOT_OF_THIS_LIST, OTHER_SELECTED, select};

const READS: &str = "this key lacks the scope `keys.read`";
const FULL_ACCESS_NEEDED: &str =
    "managing service accounts requires a key with full access; this key has scopes";
const BAD_ID: &str = "this service account does not exist";

pub(crate) fn successes() -> Vec<Success> {
    let described = |id: &str, creator: &str, disabled: bool, name: &str| {
        format!(
            r#"{{"created_at":"2026-01-01T00:00:00.000Z","created_by_user_id":"{creator}","disabled":{disabled},"id":"{id}","name":"{name}","updated_at":"2026-01-01T00:00:00.000Z"}}"#
        )
    };
    let sample =
        |id: &str, disabled| described(id, "ROOT", disabled, &format!("sample account {id}"));
    let own = sample(ACCOUNT, false);
    let (full, disabled) = (sample(FULL_ACCOUNT, false), sample(DISABLED_ACCOUNT, true));
    let all = format!(r#"{{"service_accounts":[{own},{full},{disabled}],"next_cursor":null}}"#);
    let page = format!(r#"{{"service_accounts":[{own},{full}],"next_cursor":"*"}}"#);
    let one = |account: String| format!(r#"{{"service_account":{account}}}"#);
    let weekly = |disabled| one(described(FULL_ACCOUNT, "ROOT", disabled, "weekly report"));
    [
        rows! { "list-accounts";
            _ => 200, all.clone();
            "scoped-caller" [by(Reader)] => 200, all;
            "page" [query("limit=2")] => 200, page;
        },
        rows! { "get-account";
            _ => 200, one(full.clone());
            "disabled" [account(DISABLED_ACCOUNT)] => 200, one(disabled);
            "own-scoped-caller" [by(Minter), account(ACCOUNT)] => 200, one(own);
        },
        rows! { "update-account";
            "empty-body" [no_body()] => 200, one(full);
            _ => 200, weekly(false);
            "disable" [body(r#"{"disabled":true}"#)] => 200, weekly(true);
            "enable" [account(DISABLED_ACCOUNT), body(r#"{"disabled":false}"#)]
                => 200, one(sample(DISABLED_ACCOUNT, false));
            "own-name" [account(ACCOUNT), body(r#"{"name":"own"}"#)]
                => 200, one(described(ACCOUNT, "ROOT", false, "own"));
        },
        rows! { "create-account";
            _ => 200, one(described("*", ACCOUNT, false, "nightly report"));
        },
        rows! { "delete-account";
            _ => 204, String::new();
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    [
        refusals::accounts(),
        rows! { "list-accounts";
            "foreign-cursor" [by(Reader), query(FOREIGN_CURSOR)] => 400, NOT_OF_THIS_LIST;
            "missing-scope" [by(Minter)] => 403, READS;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        },
        rows! { "create-account";
            "missing-name" [body("{}")] => 400, "`name` is required";
            "empty-body" [no_body()] => 400, "`name` is required";
            "null-name" [body(r#"{"name":null}"#)] => 400, "`name` must be a string, not null";
            "blank-name" [body(r#"{"name":" "}"#)] => 400, "`name` must not be empty";
            "long-name" [body(r#"{"name": "*"}"#.replace('*', &"n".repeat(129)))]
                => 400, "`name` must be at most 128 characters";
            "control-character" [body(r#"{"name":"a\u0000b"}"#)]
                => 400, "`name` must not contain control characters";
            "unknown-field" [body(r#"{"name":"n","description":""}"#)]
                => 400, "`description` is not a field of this request; allowed fields: `name`";
            "scoped-caller" [by(Minter)] => 403, FULL_ACCESS_NEEDED;
            "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        },
        rows! { "get-account";
            "missing-scope" [by(Minter)] => 403, READS;
            "root-key" [by(Root), account(ACCOUNT)] => 403, ROOT_KEY;
            "other-account-selected" [select("other"), account(ACCOUNT)] => 403, OTHER_SELECTED;
            "bad-id" [account("sample-account")] => 404, BAD_ID;
            "unknown" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT")] => 404, OF_ROOT;
        },
        rows! { "update-account";
            "null-name" [body(r#"{"name":null}"#)] => 400, "`name` must be a string, not null";
            "blank-name" [body(r#"{"name":""}"#)] => 400, "`name` must not be empty";
            "disabled-not-a-boolean" [body(r#"{"disabled":"true"}"#)]
                => 400, "`disabled` must be a boolean, not a string";
            "unknown-field" [body(r#"{"description":""}"#)]
                => 400, "`description` is not a field of this request; allowed fields: `name`, `disabled`";
            "scoped-caller" [by(Minter), body(r#"{"name":"n"}"#)] => 403, FULL_ACCESS_NEEDED;
            "other-account-selected" [select("other"), body(r#"{"name":"n"}"#)]
                => 403, OTHER_SELECTED;
            "bad-id" [account("sample-account"), body(r#"{"name":"n"}"#)] => 404, BAD_ID;
            "own" [account(ACCOUNT), body(r#"{"disabled":true}"#)] => 409, OWN_ACCOUNT;
        },
        rows! { "delete-account";
            "scoped-caller" [by(Minter), account(FULL_ACCOUNT)] => 403, FULL_ACCESS_NEEDED;
            "other-account-selected" [select("other"), account(FULL_ACCOUNT)]
                => 403, OTHER_SELECTED;
            "bad-id" [account("sample-account")] => 404, BAD_ID;
        },
    ]
    .concat()
}
