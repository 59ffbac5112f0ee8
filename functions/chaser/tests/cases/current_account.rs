//! The current account, and `X-Chaser-Account`, which selects it.

use latchkey_testkit::rows;
use latchkey_testkit::sample::ORGANIZATION_NAME;
use latchkey_testkit::sample::SampleKey::{Disabled, Minter, Root};
use latchkey_testkit::suite::change::{by, no_key};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{NO_CREDENTIALS, NOT_VALID, ROOT_KEY};

use super::{OTHER_SELECTED, select};

pub(crate) fn successes() -> Vec<Success> {
    let account = |role: &str| {
        format!(
            r#"{{"id":"sample","kind":"organization","name":"Sample Organization","role":"{role}","personal":false,"created_at":"2026-01-01T00:00:00.000Z"}}"#
        )
    };
    let current = |role: &str| format!(r#"{{"account":{}}}"#, account(role));
    [
        rows! { "current-account";
            _ => 200, current("admin");
            "scoped-caller" [by(Minter)] => 200, current("member");
            "by-account-id" [select("sample")] => 200, current("admin");
            "by-account-name" [select(ORGANIZATION_NAME)] => 200, current("admin");
        },
        rows! { "list-organizations";
            _ => 200, format!(r#"{{"accounts":[{}]}}"#, account("admin"));
        },
    ]
    .concat()
}

pub(crate) fn refusals() -> Vec<Refusal> {
    rows! { "current-account";
        "no-credentials" [no_key()] => 401, NO_CREDENTIALS;
        "disabled-caller" [by(Disabled)] => 401, NOT_VALID;
        "other-account-selected" [select("other")] => 403, OTHER_SELECTED;
        "unknown-account-selected" [select("nobody")] => 403, OTHER_SELECTED;
        "root-key" [by(Root)] => 403, ROOT_KEY;
    }
}
