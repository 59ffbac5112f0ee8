//! Creating, listing, describing, updating, and deleting service accounts.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Minter, Reader, Root};
use latchkey_testkit::sample::{ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, OTHER_ACCOUNT};
use latchkey_testkit::suite::change::{account, body, by, no_body, query};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{
    self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY, UNKNOWN_ACCOUNT, UNKNOWN_ID,
};

use super::{FOREIGN_MARKER, NOT_OF_THIS_LIST};

const BAD_ID: &str = "the service account ID must contain only `A-Z` and `0-9`, not 's'";
const FULL_ACCESS_NEEDED: &str = "this key may not manage service accounts";
const MISSING_SCOPE: &str = "this key may not read service accounts and their keys";

pub(crate) fn successes() -> Vec<Success> {
    let described = |id: &str, username: &str, description: &str| {
        format!(
            r#"{{"id":"{id}","username":"{username}","description":"{description}","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}}"#
        )
    };
    let sample = |id: &str| described(id, &format!("sample account {id}"), "Made by the samples.");
    let [own, full, disabled] = [ACCOUNT, FULL_ACCOUNT, DISABLED_ACCOUNT].map(sample);
    let all = format!(r#"{{"items":[{own},{full},{disabled}]}}"#);
    let weekly = "Writes the report of the week.";
    [
        rows! { "list-accounts";
            _ => 200, all.clone();
            "scoped-caller" [by(Reader)] => 200, all;
            "page" [query("limit=2")] => 200, format!(r#"{{"items":[{own},{full}],"marker":"*"}}"#);
        },
        rows! { "describe-account";
            _ => 200, full.clone();
            "disabled" [account(DISABLED_ACCOUNT)] => 200, disabled;
            "own-scoped-caller" [by(Minter), account(ACCOUNT)] => 200, own;
        },
        rows! { "update-account";
            "empty-body" [no_body()] => 200, full;
            _ => 200, described(FULL_ACCOUNT, "weekly-report", weekly);
            "description-only" [body(r#"{"description":""}"#)]
                => 200, described(FULL_ACCOUNT, "weekly-report", "");
            "own" [account(ACCOUNT), body(r#"{"username":"own"}"#)]
                => 200, described(ACCOUNT, "own", "Made by the samples.");
        },
        rows! { "create-account";
            _ => 201, described("*", "nightly-report", "Writes the report of the night.");
            "empty-description" [body(r#"{"username":"nightly-report","description":""}"#)]
                => 201, described("*", "nightly-report", "");
            "description-lines" [body(r#"{"username":"nightly-report","description":"Writes the report\nof the night:\n\t- sales\r\n"}"#)]
                => 201, described("*", "nightly-report", r"Writes the report\nof the night:\n\t- sales\r\n");
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
            "foreign-marker" [by(Reader), query(FOREIGN_MARKER)] => 400, NOT_OF_THIS_LIST;
            "missing-scope" [by(Minter)] => 403, MISSING_SCOPE;
        },
        rows! { "create-account";
            "missing-description" [body(r#"{"username":"nightly-report"}"#)]
                => 400, "`description` is required";
            "missing-username" [body(r#"{"description":""}"#)] => 400, "`username` is required";
            "empty-body" [no_body()] => 400, "`username` is required";
            "null-description" [body(r#"{"username":"nightly-report","description":null}"#)]
                => 400, "`description` must be a string, not null";
            "username-not-a-string" [body(r#"{"username":7,"description":""}"#)]
                => 400, "`username` must be a string, not a number";
            "blank-username" [body(r#"{"username":" ","description":""}"#)]
                => 400, "`username` must not be empty";
            "long-username" [body(r#"{"username": "*", "description": ""}"#.replace('*', &"u".repeat(129)))]
                => 400, "`username` must be at most 128 characters";
            "long-description" [body(r#"{"username": "u", "description": "*"}"#.replace('*', &"d".repeat(1025)))]
                => 400, "`description` must be at most 1024 characters";
            "control-character" [body(r#"{"username":"a\u0000b","description":""}"#)]
                => 400, "`username` must not contain control characters";
            "description-control-character" [body(r#"{"username":"nightly-report","description":"Writes the report\u001b[31m of the night."}"#)]
                => 400, "`description` must not contain control characters other than tabs and line breaks";
            "unknown-field" [body(r#"{"username":"u","description":"","name":"n"}"#)]
                => 400, "`name` is not a field of this request; allowed fields: `username`, `description`";
            "scoped-caller" [by(Minter)] => 403, FULL_ACCESS_NEEDED;
        },
        rows! { "describe-account";
            "bad-id" [account("sample-account")] => 400, BAD_ID;
            "missing-scope" [by(Minter)] => 403, MISSING_SCOPE;
            "root-key" [by(Root), account(ACCOUNT)] => 403, ROOT_KEY;
            "unknown" [account(UNKNOWN_ID)] => 404, UNKNOWN_ACCOUNT;
            "other-organization" [account(OTHER_ACCOUNT)] => 404, OTHER_ORGANIZATION;
            "of-root" [account("ROOT")] => 404, OF_ROOT;
        },
        rows! { "update-account";
            "null" [body(r#"{"description":null}"#)]
                => 400, "`description` must be a string, not null";
            "blank-username" [body(r#"{"username":""}"#)] => 400, "`username` must not be empty";
            "unknown-field" [body(r#"{"disabled":true}"#)]
                => 400, "`disabled` is not a field of this request; allowed fields: `username`, `description`";
            "bad-id" [account("sample-account"), body("{}")] => 400, BAD_ID;
            "scoped-caller" [by(Minter), body(r#"{"username":"u"}"#)] => 403, FULL_ACCESS_NEEDED;
        },
        rows! { "delete-account";
            "bad-id" [account("sample-account")] => 400, BAD_ID;
            "scoped-caller" [by(Minter)] => 403, FULL_ACCESS_NEEDED;
        },
    ]
    .concat()
}
