//! Every operation of the dialect: event in, response out, the embedded DynamoDB between.
//!
//! One module for each resource. The module of the same name in `cases` has its requests and the expected
//! answers. Other modules test what several resources share: pages of lists, and requests that are sent
//! again.

mod accounts;
#[path = "../cases/mod.rs"]
mod cases;
mod common;
mod create_key;
mod idempotency;
mod keys;
mod me;
mod pages;
mod root_keys;

use latchkey_testkit::suite::check_tables;

#[test]
fn every_event_has_its_expectation() {
    check_tables("lakesail", &cases::all());
}
