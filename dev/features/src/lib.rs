//! The features of dependencies that all development builds share.
//!
//! Cargo compiles a dependency once for each set of features that a build asks for. Without this package,
//! `cargo dev`, `cargo lambda watch`, `cargo latchkey`, and `cargo test` would each ask for another set, and
//! compile the AWS SDK again. It contains no code. What is shipped does not depend on it: the packages that are
//! shipped have it behind their feature `dev`.
