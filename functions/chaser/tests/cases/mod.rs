//! Every request of the tests: its differences from a sample event, next to the expected response.
//!
//! The tables contain no tests of their own, so that several test binaries can use all requests.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod create_key;
pub(crate) mod current_account;
pub(crate) mod keys;
pub(crate) mod own_keys;
pub(crate) mod rotate_key;
pub(crate) mod webhooks;

use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::{Change, header};
use latchkey_testkit::suite::expectations::cases;

/// A cursor that no list returned.
const FOREIGN_CURSOR: &str =
    "cursor=nDXemfwyh40p8DG1R5sRsvS_uscerlopVU0W5qLqc0GkQ4f6pu447gjSgMMYL3WQIyPtRw";

const NOT_OF_THIS_LIST: &str =
    "`cursor` is invalid or has expired; omit it to start from the first page";

const OTHER_SELECTED: &str = "this key does not belong to the selected account";

const FULL_ACCESS_NOT_HELD: &str =
    "this key has scopes and cannot grant full access; request only scopes that it has";

const FILES_READ_NOT_HELD: &str =
    "this key cannot grant the scope `files.read`, which it does not have";

const UNKNOWN_SCOPE: &str = "`sessions.admin` is not a scope of this deployment; its scopes are `sessions.read`, \
     `sessions.write`, `workspaces.read`, `workspaces.write`, `exec.write`, `files.read`, \
     `files.write`, `keys.read`, `keys.write`, `billing.read`, `billing.write`, `audit.read`, \
     `webhooks.read`, and `webhooks.write`";

/// Selects this account.
fn select(account: &str) -> Change {
    header("x-chaser-account", account)
}

/// Every request.
pub(crate) fn all() -> Vec<Case> {
    [
        cases(accounts::successes()),
        cases(accounts::refusals()),
        cases(audit::successes()),
        cases(audit::refusals()),
        cases(create_key::successes()),
        cases(create_key::refusals()),
        cases(current_account::successes()),
        cases(current_account::refusals()),
        cases(keys::successes()),
        cases(keys::refusals()),
        cases(own_keys::successes()),
        cases(rotate_key::successes()),
        cases(rotate_key::refusals()),
        cases(webhooks::successes()),
        cases(webhooks::refusals()),
    ]
    .concat()
}
