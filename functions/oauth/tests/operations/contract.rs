//! This function matches its declarations elsewhere: its routes, its sample events, and its role.

use std::collections::BTreeSet;

use latchkey::Latchkey;
use latchkey::leak::LeakAction;
use latchkey_testkit::contract::{Contract, Endpoint, template_endpoints, watch_paths};
use latchkey_testkit::event;
use latchkey_testkit::permissions::check_role;
use latchkey_testkit::samples::check_samples;
use oauth::{App, Operation, ROUTES, handle};

use crate::cases::{self, github};

#[test]
fn code_document_template_and_local_router_have_the_same_routes() {
    let code: BTreeSet<Endpoint> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(code, template_endpoints("OauthFunction"));
    // OpenAPI can express neither "all methods", so the document describes one of them, nor a parameter
    // that matches the rest of the path.
    let documented = code.iter().map(|(method, path)| {
        (if method == "ANY" { "GET".to_owned() } else { method.clone() }, path.replace("+}", "}"))
    });
    assert_eq!(documented.collect::<BTreeSet<Endpoint>>(), Contract::load("oauth").endpoints());
    // The local router spells it differently.
    let path = |path: String| if path.ends_with("+}") { greedy(&path) } else { path };
    let paths: BTreeSet<String> = code.into_iter().map(|(_, endpoint)| path(endpoint)).collect();
    assert_eq!(paths, watch_paths("oauth"));
}

/// Converts `/a/{b+}` to the local router's `/a/{*b}`.
fn greedy(path: &str) -> String {
    let (start, name) = path.rsplit_once('{').expect("a parameter");
    format!("{start}{{*{}}}", name.trim_end_matches("+}"))
}

/// A deployment in which a leak causes `action`.
fn app(latchkey: Latchkey, action: LeakAction) -> App {
    github::app(latchkey, github::on(action))
}

#[tokio::test]
async fn every_operation_succeeds_with_a_sample() {
    check_samples("oauth", ROUTES, &[Operation::Token], async |latchkey, request| {
        handle(&app(latchkey, LeakAction::Revoke), request).await.status.as_u16()
    })
    .await;
}

#[tokio::test]
async fn the_function_may_do_what_it_does() {
    check_role("oauth", cases::all(), async |latchkey, event| {
        // A key of an account that was disabled can still be revoked.
        for action in [LeakAction::Disable, LeakAction::Revoke] {
            let app = app(latchkey.clone(), action);
            let answer = handle(&app, event::parse(event.clone())).await;
            assert!(!answer.status.is_server_error());
        }
    })
    .await;
}
