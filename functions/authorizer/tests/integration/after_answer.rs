//! The shipped runtime loop records a key's use and writes metrics between two events.
//!
//! Both happen after the response and before the request for the next event.

use std::path::Path;

use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::secrets::Secrets;
use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY};
use latchkey_testkit::{TestTable, event};
use serde_json::{Value, json};

async fn last_used(table: &TestTable) -> usize {
    table.items().await.iter().filter(|item| item.contains_key("last_used_at")).count()
}

#[tokio::test]
async fn a_use_is_recorded_after_the_answer_and_before_the_next_event() {
    let table = TestTable::start().await;
    let mut api = RuntimeApi::start().await;
    let endpoint = table.endpoint();
    let environment = [
        ("LATCHKEY_TABLE", table.name()),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("LATCHKEY_METRICS_NAMESPACE", "Latchkey/test"),
    ];
    let mut function = api.spawn(Path::new(env!("CARGO_BIN_EXE_authorizer")), &environment);
    let event = event::json("authorizer", "http-api-2").to_string();
    for recorded_before in [0, 1] {
        let next = api.call().await;
        assert!(next.is_next(), "{}", next.line);
        assert_eq!(last_used(&table).await, recorded_before);
        next.reply(&event);

        let answer = api.call().await;
        assert!(answer.is_response(), "{}", answer.line);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["isAuthorized"], true);
        // The caller has its response, but nothing is written yet.
        assert_eq!(last_used(&table).await, recorded_before);
        answer.reply("");
    }
    assert!(api.call().await.is_next());
    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    let output = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // After the line about the start: the samples belong to two organizations, and no setting says which of them may pass. The first
    // minute's metrics cover the first event and the start, which opens the connection with a read.
    let [_start, warning, line] = lines.as_slice() else { panic!("{output}") };
    assert_eq!((&warning["level"], &warning["organizations"]), (&json!("WARN"), &json!(2)));
    let message = warning["message"].as_str().expect("a text");
    assert!(message.contains("`AuthorizerOrganizations`"), "{message}");
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Latchkey/test");
    assert_eq!((&line["Function"], &line["Verified"]), (&json!("authorizer"), &json!(1)));
    // That read, the verification, and the write of the last use.
    assert_eq!(line["StoreLatency"].as_array().map(Vec::len), Some(3));
    Secrets::of_samples().check(&output, "the log");
}
