//! What happens when `EventBridge` does not accept an event, or the function cannot read one.

use std::time::Duration;

use events::{App, handle};
use latchkey_testkit::event_bridge::Outcome::{
    Accept, Close, CloseAfterEffect, Entry, NoResults, Refuse,
};
use latchkey_testkit::event_bridge::{EventBridge, Outcome};
use serde_json::{Value, json};

use crate::records::{accepted, app, batch, id, ids, patience, publish, record, sequence};

/// Events of different organizations, which share a request.
fn records(numbers: std::ops::Range<u64>) -> Vec<Value> {
    numbers
        .map(|number| record(&format!("organization-{number}"), number, "api_key.create"))
        .collect()
}

/// A function that does not wait for better times.
fn hasty(bridge: &EventBridge) -> App {
    app(bridge).with_patience(patience(Duration::ZERO))
}

#[tokio::test]
async fn a_short_disturbance_delays_events_and_loses_none() {
    for outcome in [
        Entry(2, "ThrottlingException"),
        Entry(0, "InternalFailure"),
        Entry(1, "AccessDeniedException"),
        Refuse(400, "ThrottlingException"),
        Refuse(400, "AccessDeniedException"),
        Refuse(500, "InternalException"),
        Refuse(503, "ServiceUnavailable"),
        NoResults,
        Close,
    ] {
        let bridge = EventBridge::start().await;
        bridge.next(vec![outcome.clone(); 4]);
        assert_eq!(publish(&app(&bridge), &records(0..4)).await, None, "{outcome:?}");
        let mut found = accepted(&bridge);
        found.sort();
        assert_eq!(found, ids(0..4), "{outcome:?}");
    }
}

#[tokio::test]
async fn lambda_continues_at_the_event_that_was_not_accepted() {
    let bridge = EventBridge::start().await;
    let app = hasty(&bridge);
    bridge.next([Accept, Entry(2, "ThrottlingException")]);
    assert_eq!(publish(&app, &records(0..20)).await, Some(sequence(12)));
    assert_eq!(accepted(&bridge), ids((0..12).chain(13..20)));
    // Those behind it are out already, and do not go out again.
    assert_eq!(publish(&app, &records(12..20)).await, None);
    assert_eq!(accepted(&bridge), ids((0..12).chain(13..20).chain([12])));
}

#[tokio::test]
async fn no_event_overtakes_another_of_its_organization() {
    let bridge = EventBridge::start().await;
    bridge.always(Entry(0, "ThrottlingException"));
    let mixed: Vec<Value> = (0..9)
        .map(|number| record(["a", "b", "c"][number as usize % 3], number, "api_key.create"))
        .collect();
    assert_eq!(publish(&hasty(&bridge), &mixed).await, Some(sequence(0)));
    assert_eq!(accepted(&bridge), ids([1, 2]));
}

#[tokio::test]
async fn an_outage_leaves_the_batch_to_lambda() {
    for outcome in
        [Refuse(500, "InternalException"), Refuse(400, "ResourceNotFoundException"), Close]
    {
        let bridge = EventBridge::start().await;
        bridge.always(outcome);
        assert_eq!(publish(&hasty(&bridge), &records(5..9)).await, Some(sequence(5)));
        assert_eq!(accepted(&bridge), [""; 0]);
    }
}

/// The client cannot know that the events are out. Consumers tell by their IDs.
#[tokio::test]
async fn a_lost_response_publishes_events_twice() {
    let bridge = EventBridge::start().await;
    bridge.next([CloseAfterEffect]);
    assert_eq!(publish(&app(&bridge), &records(0..2)).await, None);
    assert_eq!(accepted(&bridge), ids([0, 1, 0, 1]));
}

/// Asserts that `bad` at the front fails the invocation, and behind others makes Lambda continue at it.
async fn assert_unpublishable(bad: Value, number: u64, why: &str, refused: Option<Outcome>) {
    let bridge = EventBridge::start().await;
    let app = app(&bridge);
    let behind =
        [record("before", 1, "api_key.create"), bad.clone(), record("after", 9, "api_key.create")];
    bridge.next(refused.clone().map(|_| Entry(1, "MalformedDetail")));
    assert_eq!(publish(&app, &behind).await, Some(sequence(number)), "{why}");
    assert_eq!(accepted(&bridge)[0], id(1), "{why}");
    bridge.next(refused);
    let failed = handle(&app, batch(&[bad])).await.expect_err(why);
    assert_eq!(failed.error_type, "Unpublishable");
    assert!(failed.error_message.contains(why), "{}", failed.error_message);
}

#[tokio::test]
async fn an_event_that_can_never_be_published_fails_alone() {
    let spoiled = |attribute: &str, value: Value| {
        let mut bad = record("acme", 5, "api_key.revoke");
        bad["dynamodb"]["NewImage"][attribute] = value;
        bad
    };
    for (attribute, value) in [
        ("action", json!({ "N": "1" })),
        ("actor_type", json!(null)),
        ("sk", json!({ "S": "soon" })),
        ("digest", json!({ "B": "AAA=" })),
        ("digest", json!({ "S": "e3b0c442" })),
        ("pk", json!({ "S": "AUDIT#" })),
        ("resource", json!({ "X": "RESOURCE1" })),
        ("changes", json!({ "S": "{}" })),
        ("changes", json!({ "M": { "name": { "S": "a" } } })),
        ("changes", json!({ "M": { "name": { "M": { "new": { "B": "AAA=" } } } } })),
        ("user_agent", json!({ "L": [] })),
    ] {
        let why = format!("attribute `{attribute}` is missing or malformed");
        assert_unpublishable(spoiled(attribute, value), 5, &why, None).await;
    }
    let unknown = spoiled("action", json!({ "S": "api_key.polish" }));
    assert_unpublishable(unknown, 5, "the action is unknown", None).await;
    let mut empty = record("acme", 5, "api_key.revoke");
    empty["dynamodb"]["NewImage"] = Value::Null;
    assert_unpublishable(empty, 5, "the record has no new image", None).await;
    let new = json!({ "M": { "new": { "S": "x".repeat(300_000) } } });
    let large = spoiled("changes", json!({ "M": { "name": new } }));
    assert_unpublishable(large, 5, "more than 262144 bytes", None).await;
}

#[tokio::test]
async fn an_event_that_eventbridge_always_rejects_fails_alone() {
    let event = || record("acme", 5, "api_key.revoke");
    let rejected = Entry(0, "MalformedDetail");
    assert_unpublishable(event(), 5, "MalformedDetail: as asked for", Some(rejected)).await;
    let rejected = Refuse(400, "ValidationException");
    assert_unpublishable(event(), 5, "ValidationException", Some(rejected)).await;
}

#[tokio::test]
async fn a_record_without_a_number_fails_the_whole_batch() {
    let bridge = EventBridge::start().await;
    bridge.always(Refuse(500, "InternalException"));
    let mut record = record("acme", 1, "api_key.create");
    record["dynamodb"]["SequenceNumber"] = Value::Null;
    // Lambda takes an empty identifier for a failure of the batch.
    assert_eq!(publish(&hasty(&bridge), &[record]).await, Some(String::new()));
}
