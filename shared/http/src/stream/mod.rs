//! The table's stream, for functions that follow the audit trail.

mod batch;
mod read;

pub use batch::{Batch, BatchResponse, Failure, Record};
pub use read::{Malformed, read};
