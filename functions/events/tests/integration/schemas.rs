//! The schemas for consumers, and what can be published at all.

use std::collections::BTreeSet;

use events::{Record, read};
use latchkey::audit::Action;
use latchkey::audit::detail::{Detail, detail_type};
use latchkey_testkit::contract::validate;
use latchkey_testkit::project;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::records::record;

const FOLDER: &str = "schemas/events/v1";

/// The action of a record and its detail, if it can be read.
fn published(record: &Value) -> Option<(Action, Value)> {
    let record: Record = serde_json::from_value(record.clone()).expect("any JSON");
    let (action, event) = read(&record).ok()?;
    Some((action, serde_json::to_value(Detail::from(&event)).expect("JSON")))
}

fn schema(action: Action) -> Value {
    project::json(&format!("{FOLDER}/{}.json", detail_type(action)))
}

#[test]
fn every_action_has_a_schema_that_its_events_match() {
    for action in Action::ALL {
        let full = record("acme", 1, action.name());
        let mut bare = full.clone();
        let item = bare["dynamodb"]["NewImage"].as_object_mut().expect("an item");
        for optional in ["actor", "actor_key", "request", "source_ip", "user_agent"] {
            item.remove(optional);
        }
        // A warning always says of how many days.
        if schema(*action)["properties"]["changes"]["required"].is_null() {
            item.remove("changes");
        }
        for record in [full, bare] {
            let (found, detail) = published(&record).expect("an event");
            assert_eq!(found, *action);
            validate(&schema(*action), &detail, action.name());
        }
    }
    let files = project::files(FOLDER, "json");
    let expected: BTreeSet<String> = Action::ALL
        .iter()
        .map(|action| format!("{FOLDER}/{}.json", detail_type(*action)))
        .collect();
    assert_eq!(expected.len(), Action::ALL.len());
    assert_eq!(files.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_schema_is_for_one_action_and_requires_what_consumers_rely_on() {
    for action in Action::ALL {
        let (schema, kind) = (schema(*action), action.name().split_once('.').expect("a name").0);
        assert_eq!(schema["title"], detail_type(*action));
        let properties = &schema["properties"];
        assert_eq!(properties["action"]["const"], action.name());
        assert_eq!(properties["resource"]["properties"]["type"]["const"], kind);
        assert_eq!(properties["version"]["const"], 1);
        let required = schema["required"].as_array().expect("a list").iter();
        let mut required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
        let of_deployment = kind == "root_key";
        assert_eq!(required.remove("organization"), !of_deployment, "{action}");
        assert_eq!(schema["not"].is_null(), !of_deployment, "{action}");
        let always = ["action", "actor", "changes", "id", "request", "resource", "time", "version"];
        assert!(required.into_iter().eq(always), "{action}");
    }
}

#[test]
fn the_sample_is_of_events() {
    let sample = latchkey_testkit::event::json("events", "stream");
    for record in sample["Records"].as_array().expect("records") {
        let (action, detail) = published(record).expect("an event");
        validate(&schema(action), &detail, action.name());
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
        let _ = (record.is_audit_event(), record.sequence_number().len(), read(&record).is_ok());
    }

    #[test]
    fn an_item_with_other_attributes_is_published_as_promised_or_not_at_all(
        action in prop::sample::select(Action::ALL),
        others in prop::collection::vec((prop::sample::select(&ATTRIBUTES[..]), attribute()), 0..4),
    ) {
        let mut record = record("acme", 1, action.name());
        for (name, value) in others {
            record["dynamodb"]["NewImage"][name] = value;
        }
        if let Some((_, detail)) = published(&record) {
            prop_assert_eq!(&detail["version"], 1);
            prop_assert!(detail["changes"].is_object());
            prop_assert!(detail["id"].as_str().is_some_and(|id| id.len() >= 25));
        }
    }
}
