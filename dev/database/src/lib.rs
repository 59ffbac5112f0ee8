//! Development only: the embedded DynamoDB with the table and the sample data.
//!
//! `cargo dev` and the tests use it.

mod database;
mod in_process;
pub mod sample;
mod stream;
pub mod table;

pub use database::{ACCESS_KEY, LocalDatabase, REGION, SECRET_KEY};
pub use in_process::InProcess;
pub use stream::Stream;
