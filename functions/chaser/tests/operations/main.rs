//! Every operation of the dialect: event in, response out, with the embedded DynamoDB in between.
//!
//! One module for each resource. The module of the same name in `cases` contains its requests and the
//! expected responses. Other modules test what several resources share: pages of lists, and repeated
//! requests.
//! `contract` compares the routes, the samples, and the role.

mod accounts;
mod audit;
#[path = "../cases/mod.rs"]
mod cases;
mod common;
mod contract;
mod create_key;
mod current_account;
mod idempotency;
mod keys;
mod own_keys;
mod pages;
mod rotate_key;
mod webhooks;
mod whole_lists;

use latchkey_testkit::suite::check_tables;

#[test]
fn every_event_has_its_expectation() {
    check_tables("chaser", &cases::all());
}
