//! The shipped program with a Lambda runtime API of the test.

use std::path::Path;

use latchkey_testkit::aws::Aws;
use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::{TestTable, event};
use serde_json::{Value, json};

use crate::common::{SECRET, variables};

const BINARY: &str = env!("CARGO_BIN_EXE_webhooks");

#[tokio::test]
async fn the_program_serves_events_and_fails_for_others() {
    let (table, aws) = (TestTable::start().await, Aws::start(SECRET).await);
    let database = table.endpoint();
    let mut api = RuntimeApi::start().await;
    let mut function = api.spawn(Path::new(BINARY), &variables(&table, &database, &aws));
    let woken = r#"{"organization":"sample","delivery":"NONE","attempts":1}"#;
    let sample = event::json("webhooks", "stream").to_string();
    for event in [sample.as_str(), woken] {
        let next = api.call().await;
        assert!(next.is_next(), "{}", next.line);
        next.reply(event);
        let response = api.call().await;
        assert!(response.is_response(), "{}", response.line);
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(body, json!({ "batchItemFailures": [] }));
        response.reply("");
    }
    let next = api.call().await;
    next.reply(r#"{"Records": 7}"#);
    let failed = api.call().await;
    assert!(failed.line.ends_with("/error"), "{}", failed.line);
    failed.reply("");
    assert!(api.call().await.is_next());
    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    let log = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(log.lines().next().expect("a line").contains("\"starting\""), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn the_program_does_not_start_with_a_bad_secret_and_does_not_show_it() {
    let (table, aws) = (TestTable::start().await, Aws::start("too short").await);
    let database = table.endpoint();
    let api = RuntimeApi::start().await;
    let mut function = api.spawn(Path::new(BINARY), &variables(&table, &database, &aws));
    let exited = function.wait().await.expect("an end");
    assert!(!exited.success());
    let output = function.wait_with_output().await.expect("an output");
    let log = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!log.contains("too short"), "{log}");
    drop(api);
}
