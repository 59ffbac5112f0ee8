//! Records of the table's stream, and the function with an `EventBridge` of the test.

use std::time::Duration;

use events::{App, Batch, BatchResponse, Patience, handle};
use latchkey::store::environment::Environment;
use latchkey_testkit::event_bridge::EventBridge;
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z in microseconds.
pub(crate) const START: u64 = 1_767_225_600_000_000;

/// The function, which publishes to `bridge` and hardly waits between attempts.
pub(crate) fn app(bridge: &EventBridge) -> App {
    let environment = Environment::from_iter([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", &bridge.url),
        ("LATCHKEY_EVENT_BUS", "audit"),
    ]);
    let app = App::from_environment(&environment).expect("the settings");
    app.with_patience(patience(Duration::from_secs(30)))
}

/// The shortest waits, until `total` is over.
pub(crate) fn patience(total: Duration) -> Patience {
    let wait = Duration::from_millis(1);
    Patience { total, first_wait: wait, longest_wait: wait }
}

/// The insertion of an event of `organization`, number `number` of all events.
pub(crate) fn record(organization: &str, number: u64, action: &str) -> Value {
    let kind = action.split_once('.').expect("a resource and a verb").0;
    let mut item = json!({
        "pk": { "S": format!("AUDIT#{organization}") },
        "sk": { "S": format!("{:018}", START + number) },
        "chain": { "S": "organization" },
        "sequence": { "N": number.to_string() },
        "previous": { "B": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        "digest": { "B": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
        "action": { "S": action },
        "actor_type": { "S": "service_account" },
        "actor": { "S": "ACCOUNT1" },
        "actor_key": { "S": "KEY1" },
        "resource_type": { "S": kind },
        "resource": { "S": "RESOURCE1" },
        "request": { "S": "request-1" },
        "source_ip": { "S": "203.0.113.10" },
        "user_agent": { "S": "a client" },
        "changes": { "M": { "name": { "M": { "old": { "S": "a" }, "new": { "S": "b" } } } } },
        "ttl": { "N": "1798761600" },
    });
    if action.ends_with(".expiring") || action.ends_with(".unused") {
        item["changes"] = json!({ "M": {
            "days": { "M": { "new": { "S": "7" } } },
            "expires_at": { "M": { "new": { "S": "2026-01-08T00:00:00.000Z" } } },
        } });
    }
    if kind == "api_key" {
        item["account"] = json!({ "S": "ACCOUNT1" });
    }
    if kind == "root_key" {
        item["pk"] = json!({ "S": "AUDIT" });
    }
    inserted(number, item)
}

/// The insertion of `item`.
pub(crate) fn inserted(number: u64, item: Value) -> Value {
    json!({
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": { "pk": item["pk"], "sk": item["sk"] },
            "NewImage": item,
            "SequenceNumber": sequence(number),
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

/// The sequence number of a record.
pub(crate) fn sequence(number: u64) -> String {
    format!("{:024}", 1_000_000 + number)
}

/// The ID of the event of a record.
pub(crate) fn id(number: u64) -> String {
    format!("{:016}-e3b0c442", START + number)
}

pub(crate) fn batch(records: &[Value]) -> Batch {
    serde_json::from_value(json!({ "Records": records })).expect("a batch")
}

/// The response to `records`, which must not fail the invocation: the record to continue at, if any.
pub(crate) async fn publish(app: &App, records: &[Value]) -> Option<String> {
    let BatchResponse { failures } = handle(app, batch(records)).await.expect("a response");
    assert!(failures.len() <= 1, "{failures:?}");
    failures.into_iter().next().map(|failure| failure.identifier)
}

/// The IDs of the accepted events, in order.
pub(crate) fn accepted(bridge: &EventBridge) -> Vec<String> {
    let ids = bridge.accepted().into_iter().map(|entry| entry.detail["id"].clone());
    ids.map(|id| id.as_str().expect("an ID").to_owned()).collect()
}

/// The IDs of the events of these records.
pub(crate) fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(id).collect()
}
