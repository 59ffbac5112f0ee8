//! The function: batches of the table's stream in, events on a bus out, over HTTP.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod batches;
mod failures;
mod lambda;
mod program;
mod records;
mod schemas;
mod trail;
