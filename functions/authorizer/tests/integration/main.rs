//! The authorizer: events in, decisions out, with the embedded DynamoDB in between.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod after_answer;
mod authorize;
#[path = "../cases/mod.rs"]
mod cases;
mod contract;
mod program;
mod tls;
