//! Every request of the tests: its differences from a sample event, next to the expected response.
//!
//! The tables contain no tests of their own, so that several test binaries can use all requests.

pub(crate) mod accounts;
pub(crate) mod create_key;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod root_keys;

use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::expectations::cases;

/// A marker that no list returned.
const FOREIGN_MARKER: &str =
    "marker=nDXemfwyh40p8DG1R5sRsvS_uscerlopVU0W5qLqc0GkQ4f6pu447gjSgMMYL3WQIyPtRw";

const NOT_OF_THIS_LIST: &str =
    "`marker` is invalid or has expired; omit it to start from the first page";

/// Every request.
pub(crate) fn all() -> Vec<Case> {
    [
        cases(accounts::successes()),
        cases(accounts::refusals()),
        cases(create_key::successes()),
        cases(create_key::refusals()),
        cases(keys::successes()),
        cases(keys::refusals()),
        cases(me::successes()),
        cases(me::refusals()),
        cases(root_keys::successes()),
        cases(root_keys::refusals()),
    ]
    .concat()
}
