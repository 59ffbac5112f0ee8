//! What every function does with HTTP, whatever its dialect.
//!
//! One program: it links once, and its tests share all cores until the last one ends.

mod authenticate;
mod deadline;
mod metrics;
