//! Lists in pages.

use latchkey_local::page_tests;

use crate::common::Chaser;

page_tests!(Chaser);
