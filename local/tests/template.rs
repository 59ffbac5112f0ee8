//! The template against the code: the table, and what each function may do to it.

use aws_sdk_dynamodb::types::TimeToLiveStatus;
use latchkey_local::{TestTable, project};
use serde_json::{Value, json};

/// The table of tests and of `cargo dev`, as the template would say it.
async fn local_table() -> Value {
    let table = TestTable::start().await;
    let client = &table.client;
    let described = client.describe_table().table_name(table.name()).send().await;
    let described = described.expect("a table").table.expect("a description");
    let ttl = client.describe_time_to_live().table_name(table.name()).send().await;
    let ttl = ttl.expect("a table").time_to_live_description.expect("a description");
    let attributes = described.attribute_definitions().iter().map(|attribute| {
        json!({
            "AttributeName": attribute.attribute_name,
            "AttributeType": attribute.attribute_type.as_str(),
        })
    });
    let keys = described.key_schema().iter().map(
        |key| json!({ "AttributeName": key.attribute_name, "KeyType": key.key_type.as_str() }),
    );
    let billing = described.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert!(described.global_secondary_indexes().is_empty());
    assert!(described.local_secondary_indexes().is_empty());
    json!({
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": keys.collect::<Vec<_>>(),
        "BillingMode": billing.map(|mode| mode.as_str().to_owned()),
        "TimeToLiveSpecification": {
            "AttributeName": ttl.attribute_name,
            "Enabled": ttl.time_to_live_status == Some(TimeToLiveStatus::Enabled),
        },
    })
}

#[tokio::test]
async fn the_local_table_is_the_templates_attribute_by_attribute() {
    let template = project::yaml("template.yaml");
    let mut deployed = template["Resources"]["Table"]["Properties"].clone();
    let properties = deployed.as_object_mut().expect("properties");
    // What guards the data in AWS and has no meaning for an embedded database.
    for guard in
        ["DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification"]
    {
        assert!(properties.remove(guard).is_some(), "the template's table has no {guard}");
    }
    assert_eq!(local_table().await, deployed);
}

#[test]
fn the_table_outlives_the_stack_and_is_guarded() {
    let template = project::yaml("template.yaml");
    let table = &template["Resources"]["Table"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    let recovery = &properties["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn every_function_is_allowed_named_actions_on_this_table_only() {
    let template = project::yaml("template.yaml");
    let resources = template["Resources"].as_object().expect("resources");
    let functions = resources.values().filter(|item| item["Type"] == "AWS::Serverless::Function");
    let mut seen = 0;
    for function in functions {
        for policy in function["Properties"]["Policies"].as_array().expect("policies") {
            for statement in policy["Statement"].as_array().expect("statements") {
                assert_eq!(statement["Effect"], "Allow");
                assert_eq!(statement["Resource"], "Table.Arn");
                for action in statement["Action"].as_array().expect("actions") {
                    let action = action.as_str().expect("a text");
                    assert!(action.starts_with("dynamodb:") && !action.contains('*'), "{action}");
                }
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}
