//! The identity of the presented key.

use latchkey_testkit::rows;
use latchkey_testkit::sample::SampleKey::{Disabled, Minter, Root};
use latchkey_testkit::suite::change::{by, no_key};
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{NO_CREDENTIALS, NOT_VALID};

pub(crate) fn successes() -> Vec<Success> {
    let account = r#"{"serviceAccount":{"id":"SAMPLEACCOUNT001","username":"sample account SAMPLEACCOUNT001","description":"Made by the samples.","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}}"#;
    rows! { "me";
        _ => 200, account.to_owned();
        "scoped-caller" [by(Minter)] => 200, account.to_owned();
        "root" [by(Root)] => 200, r#"{"root":{}}"#.to_owned();
    }
}

pub(crate) fn refusals() -> Vec<Refusal> {
    rows! { "me";
        "no-credentials" [no_key()] => 401, NO_CREDENTIALS;
        "disabled-caller" [by(Disabled)] => 401, NOT_VALID;
    }
}
