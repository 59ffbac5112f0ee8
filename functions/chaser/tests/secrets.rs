//! No item, log line, error, or second response contains a secret; the log and the audit trail say who changed what.

mod cases;
#[expect(dead_code, reason = "the dialect alone is needed here")]
#[path = "operations/common.rs"]
mod common;

use common::Chaser;
use latchkey_testkit::scenario_tests;

scenario_tests!(Chaser, secrets(cases::all(), &["create-key", "rotate-key", "rotate-key-no-grace", "create-own-key"]):
    no_item_log_line_or_error_holds_a_secret,
);

scenario_tests!(Chaser, secrets(
    cases::all(),
    &[
        "api_key.create",
        "api_key.revoke",
        "api_key.rotate",
        "api_key.update",
        "service_account.create",
        "service_account.delete",
        "service_account.update",
        "webhook.create",
        "webhook.delete",
    ]
):
    every_change_is_logged_with_its_caller,
);

scenario_tests!(Chaser, secrets(
    cases::all(),
    &[
        "api_key.create",
        "api_key.revoke",
        "api_key.rotate",
        "api_key.update",
        "service_account.create",
        "service_account.delete",
        "service_account.disable",
        "service_account.enable",
        "service_account.update",
        "webhook.create",
        "webhook.delete",
    ]
):
    every_change_is_in_the_trail_with_its_caller,
);

scenario_tests!(Chaser, paused secrets():
    a_failing_store_is_logged_once_with_its_cause_and_without_a_secret,
    a_busy_store_is_said_in_the_dialect,
);

scenario_tests!(Chaser, paused secrets(cases::all()):
    no_operation_tells_a_secret_when_the_store_fails,
);
