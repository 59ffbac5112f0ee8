//! This function matches its declarations elsewhere: its routes, its sample events, and its role.

use crate::cases;
use crate::common::Chaser;
use latchkey_testkit::scenario_tests;

scenario_tests!(Chaser, contract():
    code_document_template_and_local_router_have_the_same_routes,
    every_operation_succeeds_with_a_sample,
);

scenario_tests!(Chaser, contract(cases::all()):
    the_function_may_do_what_it_does,
);
