//! The function: runs over a table whose keys end soon, with the shipped client.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod common;
mod failures;
mod program;
mod role;
mod runs;
