//! The shipped program with a Lambda runtime API and an `EventBridge` of the test.

use std::path::Path;

use latchkey_testkit::event;
use latchkey_testkit::event_bridge::EventBridge;
use latchkey_testkit::runtime_api::RuntimeApi;
use latchkey_testkit::{ACCESS_KEY, REGION, SECRET_KEY};
use serde_json::{Value, json};

#[tokio::test]
async fn the_program_publishes_a_batch_and_fails_for_another_event() {
    let bridge = EventBridge::start().await;
    let mut api = RuntimeApi::start().await;
    let environment = [
        ("LATCHKEY_EVENT_BUS", "default"),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", &bridge.url),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    let mut function = api.spawn(Path::new(env!("CARGO_BIN_EXE_events")), &environment);

    let next = api.call().await;
    assert!(next.is_next(), "{}", next.line);
    next.reply(&event::json("events", "stream").to_string());
    let response = api.call().await;
    assert!(response.is_response(), "{}", response.line);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(body, json!({ "batchItemFailures": [] }));
    response.reply("");
    let types = bridge.accepted().into_iter().map(|entry| entry.detail_type);
    assert!(types.eq(["key.revoked", "root_key.created"]));

    let next = api.call().await;
    next.reply(r#"{"Records": 7}"#);
    let failed = api.call().await;
    assert!(failed.line.ends_with("/error"), "{}", failed.line);
    let body: Value = serde_json::from_slice(&failed.body).expect("JSON");
    assert_eq!(body["errorType"], "InvalidEvent");
    failed.reply("");
    assert!(api.call().await.is_next());

    function.kill().await.expect("killed");
    let output = function.wait_with_output().await.expect("an output");
    let log = String::from_utf8(output.stdout).expect("UTF-8");
    let first: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["message"], "starting", "{log}");
    assert_eq!(first["function"], "events", "{log}");
    // docs/costs.md assumes 250 bytes; Lambda's request IDs are longer than the one here.
    let published = log.lines().find(|line| line.contains("published the events")).expect("a line");
    let bytes =
        published.len() + 1 + "8d3f5a0e-0000-4000-8000-000000000000".len() - "request".len();
    assert!((125..=250).contains(&bytes), "{bytes}: {published}");
}
