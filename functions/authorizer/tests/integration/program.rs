//! What the shipped program logs, and reports to Lambda for a failed invocation.

use std::path::Path;

use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::sample::SampleKey;
use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY};
use latchkey_testkit::{TestTable, event};
use serde_json::{Value, json};
use tokio::process::Child;

/// Starts the program with a table that does not exist, so the store rejects every request.
fn start(api: &RuntimeApi, table: &TestTable) -> Child {
    let endpoint = table.endpoint();
    let environment = [
        ("LATCHKEY_TABLE", "another-table"),
        ("LATCHKEY_ROUTE_SCOPES", "GET /orders/{id} keys.read"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    api.spawn(Path::new(env!("CARGO_BIN_EXE_authorizer")), &environment)
}

/// Stops the program and returns its log.
async fn log(mut function: Child) -> String {
    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test]
async fn the_first_log_line_names_the_function_and_its_version() {
    let table = TestTable::start().await;
    let mut api = RuntimeApi::start().await;
    let function = start(&api, &table);
    assert!(api.call().await.is_next());
    let log = log(function).await;
    let first: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["message"], "starting", "{log}");
    assert_eq!(first["function"], "authorizer", "{log}");
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"), "{log}");
}

#[tokio::test]
async fn a_failed_invocation_has_a_word_for_its_type_and_quotes_no_key() {
    let table = TestTable::start().await;
    let mut api = RuntimeApi::start().await;
    let function = start(&api, &table);
    let token = SampleKey::Reader.token();
    for (event, word) in [
        (event::json("authorizer", "http-api-2"), "StoreFailed"),
        (event::json("authorizer", "rest-token"), "NoRoute"),
        (json!({}), "NoApi"),
        (json!({ "headers": token }), "InvalidEvent"),
        (json!(token), "InvalidEvent"),
    ] {
        let next = api.call().await;
        assert!(next.is_next(), "{}", next.line);
        next.reply(&event.to_string());
        let failed = api.call().await;
        assert!(failed.line.ends_with("/error"), "{}", failed.line);
        let body: Value = serde_json::from_slice(&failed.body).expect("JSON");
        assert_eq!(body["errorType"], word, "{body}");
        assert!(!body.to_string().contains(&token), "{body}");
        failed.reply("");
    }
    assert!(api.call().await.is_next());
    assert!(!log(function).await.contains(&token), "a key is in the log");
}
