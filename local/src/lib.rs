//! Development only: the embedded DynamoDB, sample data, and what the tests of all crates share.
//!
//! Nothing here is part of a shipped binary.

pub mod actions;
mod answer;
pub mod contract;
pub mod database;
pub mod event;
pub mod faulty;
pub mod headers;
pub mod interruption;
pub mod logs;
pub mod meter;
pub mod project;
pub mod runtime_api;
pub mod sample;
pub mod secrets;
pub mod suite;
pub mod table;
mod tenant;
mod test_table;

pub use answer::Answer;
pub use tenant::Tenant;
pub use test_table::{NO_CACHE, TestTable};
