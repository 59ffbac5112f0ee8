//! Lists in pages.

use latchkey_testkit::page_tests;

use crate::common::Chaser;

page_tests!(Chaser);
