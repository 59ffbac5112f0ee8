//! The routes are in the code, the OpenAPI document, the template and the local router: the same ones.

use lakesail::ROUTES;
use latchkey_testkit::contract;

#[test]
fn code_document_template_and_local_router_have_the_same_routes() {
    contract::check_routes("lakesail", ROUTES);
}
