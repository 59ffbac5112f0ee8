//! What is published of a batch, in which order, and how often.

use latchkey_testkit::event_bridge::EventBridge;
use serde_json::json;

use crate::records::{accepted, app, id, ids, publish, record};

#[tokio::test]
async fn an_event_has_its_source_its_type_and_its_detail() {
    let bridge = EventBridge::start().await;
    let revoked = record("acme", 42, "api_key.revoke");
    assert_eq!(publish(&app(&bridge), &[revoked]).await, None);
    let [entry] = bridge.accepted().try_into().expect("one event");
    assert_eq!((entry.bus.as_str(), entry.source.as_str()), ("audit", "latchkey"));
    assert_eq!(entry.detail_type, "key.revoked");
    let detail = json!({
        "version": 1,
        "id": "1767225600000042-e3b0c442",
        "time": "2026-01-01T00:00:00.000042Z",
        "organization": "acme",
        "action": "api_key.revoke",
        "actor": { "type": "service_account", "id": "ACCOUNT1", "key_id": "KEY1" },
        "resource": { "type": "api_key", "id": "RESOURCE1", "account_id": "ACCOUNT1" },
        "request": { "id": "request-1", "source_ip": "203.0.113.10", "user_agent": "a client" },
        "changes": { "name": { "old": "a", "new": "b" } },
    });
    assert_eq!(entry.detail, detail);
}

#[tokio::test]
async fn a_request_has_up_to_ten_events_but_one_of_each_organization() {
    let bridge = EventBridge::start().await;
    let records: Vec<_> = (0..25)
        .map(|number| record(&format!("organization-{number}"), number, "api_key.create"))
        .chain((25..28).map(|number| record("acme", number, "api_key.create")))
        .chain((28..30).map(|number| record("acme", number, "root_key.create")))
        .collect();
    assert_eq!(publish(&app(&bridge), &records).await, None);
    assert_eq!(bridge.requests(), [10, 10, 6, 1, 2, 1]);
    assert_eq!(accepted(&bridge), ids(0..30));
}

#[tokio::test]
async fn only_insertions_into_the_trail_are_published() {
    let bridge = EventBridge::start().await;
    let mut removed = record("acme", 1, "api_key.create");
    removed["eventName"] = "REMOVE".into();
    let mut changed = record("acme", 2, "api_key.create");
    changed["eventName"] = "MODIFY".into();
    let mut other = record("acme", 3, "api_key.create");
    other["dynamodb"]["Keys"]["pk"]["S"] = "AUDITOR#acme".into();
    let records = [removed, changed, other, json!({ "eventName": "INSERT" }), json!(7)];
    assert_eq!(publish(&app(&bridge), &records).await, None);
    assert_eq!(bridge.requests().len(), 0);
}

#[tokio::test]
async fn an_event_is_published_once_even_if_its_record_comes_twice() {
    let bridge = EventBridge::start().await;
    let app = app(&bridge);
    let twice = record("acme", 1, "api_key.create");
    assert_eq!(publish(&app, &[twice.clone(), twice.clone()]).await, None);
    assert_eq!(publish(&app, &[twice]).await, None);
    assert_eq!(accepted(&bridge), [id(1)]);
}

#[tokio::test]
async fn attributes_that_this_version_does_not_know_are_ignored() {
    let bridge = EventBridge::start().await;
    let mut later = record("acme", 1, "api_key.create");
    later["dynamodb"]["NewImage"]["shape"] = json!({ "M": { "a": { "NULL": true } } });
    later["userIdentity"] = json!({ "type": "Service" });
    assert_eq!(publish(&app(&bridge), &[later]).await, None);
    assert_eq!(accepted(&bridge), [id(1)]);
    assert_eq!(bridge.accepted()[0].detail.get("shape"), None);
}

#[tokio::test]
async fn large_events_do_not_share_a_request() {
    let bridge = EventBridge::start().await;
    let large = |number: u64| {
        let mut large = record(&format!("organization-{number}"), number, "api_key.update");
        let new = json!({ "M": { "new": { "S": "x".repeat(150_000) } } });
        large["dynamodb"]["NewImage"]["changes"]["M"]["description"] = new;
        large
    };
    assert_eq!(publish(&app(&bridge), &[large(1), large(2)]).await, None);
    assert_eq!(bridge.requests(), [1, 1]);
}
