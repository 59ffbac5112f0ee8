//! Tests of what verifies as GitHub's, and the keys that tests sign with.

mod forgeries;
pub(crate) mod keys;
