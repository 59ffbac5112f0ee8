//! Which certificates of DynamoDB the shipped program accepts.

use std::path::Path;

use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::tls::TlsFront;
use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY};
use latchkey_testkit::{TestTable, event};

const WARNING: &str = "Amazon's root certificates do not verify DynamoDB; using the system's";

/// Sends an event to the program behind HTTPS, with `variable` naming a file with roots. Returns whether it
/// authorized the request, and its log.
async fn authorize(variable: Option<&str>) -> (bool, String) {
    let table = TestTable::start().await;
    let front = TlsFront::start(&table.endpoint()).await;
    let root = front.root();
    let root = root.to_str().expect("a path");
    let mut environment = vec![
        ("LATCHKEY_TABLE", table.name()),
        ("AWS_ENDPOINT_URL_DYNAMODB", front.endpoint.as_str()),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    environment.extend(variable.map(|variable| (variable, root)));
    let mut api = RuntimeApi::start().await;
    let mut function = api.spawn(Path::new(env!("CARGO_BIN_EXE_authorizer")), &environment);
    let next = api.call().await;
    assert!(next.is_next(), "{}", next.line);
    next.reply(&event::json("authorizer", "http-api-2").to_string());
    let answer = api.call().await;
    let authorized = answer.is_response();
    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    (authorized, String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test]
async fn roots_of_the_system_are_used_when_amazons_do_not_verify_the_server() {
    let (authorized, log) = authorize(Some("SSL_CERT_FILE")).await;
    assert!(authorized, "{log}");
    assert_eq!(log.matches(WARNING).count(), 1, "{log}");
}

#[tokio::test]
async fn a_bundle_replaces_all_other_roots() {
    let (authorized, log) = authorize(Some("AWS_CA_BUNDLE")).await;
    assert!(authorized, "{log}");
    assert!(!log.contains(WARNING), "{log}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_root_is_an_error_and_never_an_allow() {
    let (authorized, log) = authorize(None).await;
    assert!(!authorized, "{log}");
    assert!(log.contains("certificate"), "{log}");
}
