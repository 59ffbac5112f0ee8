//! Development only: what the tests of all crates share.
//!
//! Nothing here is part of a shipped binary or of `cargo dev`.

pub mod actions;
mod answer;
pub mod contract;
pub mod event;
pub mod faulty;
pub mod interruption;
pub mod logs;
pub mod meter;
pub mod project;
pub mod runtime_api;
pub mod secrets;
pub mod suite;
mod tenant;
mod test_table;

pub use answer::Answer;
pub use latchkey_database::{sample, table};
pub use tenant::Tenant;
pub use test_table::{NO_CACHE, TestTable};
