//! The schemas for consumers, and what can be published at all.

use std::collections::BTreeSet;

use events::{Detail, Kind, Record};
use latchkey_testkit::contract::validate;
use latchkey_testkit::project;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::records::record;

const FOLDER: &str = "schemas/events/v1";

fn read(record: &Value) -> Option<(Kind, Value)> {
    let record: Record = serde_json::from_value(record.clone()).expect("any JSON");
    let (kind, detail) = Detail::read(&record).ok()?;
    Some((kind, serde_json::to_value(detail).expect("JSON")))
}

fn assert_promised(kind: Kind, detail: &Value) {
    let schema = project::json(&format!("{FOLDER}/{}.json", kind.detail_type));
    validate(&schema, detail, kind.detail_type);
}

#[test]
fn every_kind_has_a_schema_that_its_events_match_and_that_has_its_name() {
    for kind in Kind::ALL {
        let full = record("acme", 1, kind.action);
        let mut bare = full.clone();
        let item = bare["dynamodb"]["NewImage"].as_object_mut().expect("an item");
        for optional in ["actor", "actor_key", "request", "source_ip", "user_agent", "changes"] {
            item.remove(optional);
        }
        for record in [full, bare] {
            let (found, detail) = read(&record).expect("an event");
            assert_eq!(found, kind);
            assert_promised(kind, &detail);
        }
        let schema = project::json(&format!("{FOLDER}/{}.json", kind.detail_type));
        assert_eq!(schema["title"], kind.detail_type);
    }
    let files = project::files(FOLDER, "json");
    let expected: BTreeSet<String> =
        Kind::ALL.iter().map(|kind| format!("{FOLDER}/{}.json", kind.detail_type)).collect();
    assert_eq!(files.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_schema_rejects_the_events_of_another_kind() {
    for kind in Kind::ALL {
        let schema = project::json(&format!("{FOLDER}/{}.json", kind.detail_type));
        let properties = &schema["properties"];
        assert_eq!(properties["action"]["const"], kind.action);
        assert_eq!(properties["resource"]["properties"]["type"]["const"], kind.resource_type);
        assert_eq!(properties["version"]["const"], 1);
        let required: BTreeSet<&str> = schema["required"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let of_deployment = kind.resource_type == "root_key";
        assert_eq!(required.contains("organization"), !of_deployment, "{}", kind.detail_type);
        assert_eq!(
            schema["not"],
            if of_deployment { json!({ "required": ["organization"] }) } else { Value::Null }
        );
        // What a consumer finds in each event.
        for always in ["version", "id", "time", "action", "actor", "resource", "request", "changes"]
        {
            assert!(required.contains(always), "{always}");
        }
    }
}

#[test]
fn the_sample_is_of_events() {
    let sample = latchkey_testkit::event::json("events", "stream");
    for record in sample["Records"].as_array().expect("records") {
        let (kind, detail) = read(record).expect("an event");
        assert_promised(kind, &detail);
    }
}

/// Any JSON value that is not too deep.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[SNBLM]|pk|sk|Keys|NewImage|dynamodb", inner), 0..4)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A value of an attribute, often of the right type.
fn attribute() -> impl Strategy<Value = Value> {
    prop_oneof![
        json_value(),
        ".{0,40}".prop_map(|text| json!({ "S": text })),
        "[0-9]{14,18}".prop_map(|text| json!({ "S": text })),
        "[A-Za-z0-9+/]{4,12}={0,2}".prop_map(|text| json!({ "B": text })),
    ]
}

const ATTRIBUTES: [&str; 15] = [
    "pk",
    "sk",
    "digest",
    "action",
    "actor_type",
    "actor",
    "actor_key",
    "resource_type",
    "resource",
    "account",
    "request",
    "source_ip",
    "user_agent",
    "changes",
    "later",
];

proptest! {
    #[test]
    fn no_record_panics(value in json_value()) {
        let record: Record = serde_json::from_value(value).expect("any JSON");
        let _ = (record.is_audit_event(), record.sequence_number().len(), Detail::read(&record));
    }

    #[test]
    fn an_item_with_other_attributes_is_published_as_promised_or_not_at_all(
        kind in 0..Kind::ALL.len(),
        others in prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), attribute()), 0..4),
    ) {
        let mut record = record("acme", 1, Kind::ALL[kind].action);
        for (name, value) in others {
            record["dynamodb"]["NewImage"][name] = value;
        }
        if let Some((_, detail)) = read(&record) {
            prop_assert_eq!(&detail["version"], 1);
            prop_assert!(detail["changes"].is_object());
            prop_assert!(detail["id"].as_str().is_some_and(|id| id.len() == 25));
        }
    }
}
