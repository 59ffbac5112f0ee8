//! The function with a table, endpoints, and AWS services of the test.

mod common;
mod delivering;
mod program;
mod sending;
