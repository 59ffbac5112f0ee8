//! The features of dependencies that all development builds share.
//!
//! Cargo compiles a dependency once for each set of features that a build asks for. Without this package,
//! `cargo dev`, `cargo lambda watch`, `cargo latchkey`, and `cargo test` would each ask for another set, and
//! compile the AWS SDK again. It contains no code. No release depends on it: the functions and the command line
//! use it only with their feature `dev`.
