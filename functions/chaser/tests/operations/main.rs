//! Every operation of the dialect: event in, response out, the embedded DynamoDB between.
//!
//! One module for each resource, with the answers that its events are to get; beside them what several
//! resources share: pages of lists, and requests that are sent again.

mod accounts;
mod common;
mod create_key;
mod current_account;
mod idempotency;
mod keys;
mod own_keys;
mod pages;
mod rotate_key;
mod whole_lists;

use std::collections::BTreeSet;

use latchkey_testkit::event;

#[test]
fn every_event_has_its_expectation() {
    let resources = [
        accounts::cases(),
        create_key::cases(),
        current_account::cases(),
        keys::cases(),
        own_keys::cases(),
        rotate_key::cases(),
    ];
    let expected: Vec<&str> = resources.concat();
    let distinct: BTreeSet<String> = expected.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(distinct.len(), expected.len(), "an event is expected twice");
    assert_eq!(event::cases("chaser"), distinct);
}
