//! The part of the template that publishes events.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use crate::template::{condition, either, only_if};

/// The resources and outputs that exist only with an event bus.
fn of_events(template: &Value) -> BTreeMap<String, Value> {
    let sections = [&template["Resources"], &template["Outputs"]];
    let all = sections.into_iter().filter_map(Value::as_object).flatten();
    let conditional = all.filter(|(_, part)| part["Condition"] == "HasEvents");
    conditional.map(|(name, part)| (name.clone(), part.clone())).collect()
}

#[test]
fn nothing_depends_on_the_events() {
    let mut template = project::yaml("template.yaml");
    assert_eq!(condition("HasEvents"), json!([["EventBus", "off"]]));
    let own = of_events(&template);
    let expected = [
        "EventsDeadLetterQueueUrl",
        "EventsDeadLetters",
        "EventsFunction",
        "EventsFunctionArn",
        "EventsMapping",
        "EventsRole",
    ];
    assert!(own.keys().eq(&expected), "{:?}", own.keys());
    for section in ["Resources", "Outputs"] {
        template[section]
            .as_object_mut()
            .expect("a section")
            .retain(|name, _| !own.contains_key(name));
    }
    let monitored = &mut template["Resources"]["MonitoringStack"]["Properties"]["Parameters"];
    let monitored = monitored.as_object_mut().expect("parameters");
    for (parameter, value) in
        [("EventsFunction", "EventsFunction"), ("EventsDeadLetters", "EventsDeadLetters.QueueName")]
    {
        assert_eq!(monitored.remove(parameter), Some(json!(["HasEvents", value, "none"])));
    }
    for section in ["Resources", "Outputs"] {
        let left = template[section].to_string();
        for name in expected {
            assert!(
                !left.contains(&format!("\"{name}\"")) && !left.contains(&format!("{name}.")),
                "{name}"
            );
        }
    }
}

#[test]
fn the_stream_feeds_the_function_with_the_trail_and_gives_up_what_cannot_be_published() {
    let table = &resources("AWS::DynamoDB::Table")["Table"]["Properties"];
    let stream = json!({ "StreamViewType": "NEW_IMAGE" });
    assert_eq!(table["StreamSpecification"], only_if("HasStream", stream));
    let mapping = &resources("AWS::Lambda::EventSourceMapping")["EventsMapping"]["Properties"];
    let existing = only_if("HasExistingStream", "ExistingTableStreamArn");
    let source = either("CreatesTable", "Table.StreamArn", existing);
    assert_eq!(mapping["EventSourceArn"], source);
    assert_eq!(mapping["FunctionName"], "EventsFunction.Alias");
    let [filter] = mapping["FilterCriteria"]["Filters"].as_array().expect("filters").as_slice()
    else {
        panic!("one filter");
    };
    let pattern = filter["Pattern"].as_str().expect("a pattern");
    let pattern: Value = serde_json::from_str(pattern).expect("JSON");
    let trail = json!({
        "eventName": ["INSERT"],
        "dynamodb": { "Keys": { "pk": { "S": ["AUDIT", { "prefix": "AUDIT#" }] } } },
    });
    assert_eq!(pattern, trail);
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    let queue = json!({ "OnFailure": { "Destination": "EventsDeadLetters.Arn" } });
    assert_eq!(mapping["DestinationConfig"], queue);
    let queue = &resources("AWS::SQS::Queue")["EventsDeadLetters"]["Properties"];
    assert_eq!(queue["SqsManagedSseEnabled"], true);

    // The function ends before Lambda ends it, and outages of 5 hours lose nothing.
    let function = &resources("AWS::Serverless::Function")["EventsFunction"]["Properties"];
    let timeout = Duration::from_secs(function["Timeout"].as_u64().expect("seconds"));
    let patience = events::Patience::default().total;
    assert!(timeout > patience + latchkey_http::aws::OPERATION_TIMEOUT * 2);
    let attempts = mapping["MaximumRetryAttempts"].as_u64().expect("a number") + 1;
    let hours = attempts * patience.as_secs() / 3600;
    assert!(hours >= 5, "{hours}");
    // The stream keeps a record for 24 hours.
    let age = mapping["MaximumRecordAgeInSeconds"].as_u64().expect("seconds") / 3600;
    assert!((hours + 1..=12).contains(&age), "{age}");
}
