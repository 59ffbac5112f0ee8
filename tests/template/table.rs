//! The table: the one of tests, what guards it, and an existing one instead.

use aws_sdk_dynamodb::types::{KeySchemaElement, TimeToLiveStatus};
use latchkey_testkit::TestTable;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use super::{condition, either, index_arn, only_if, stream_arns, table_arn, table_name};

fn key_schema(keys: &[KeySchemaElement]) -> Value {
    keys.iter()
        .map(|key| json!({ "AttributeName": key.attribute_name, "KeyType": key.key_type.as_str() }))
        .collect()
}

/// The table of tests and of `cargo dev`, in the template's format.
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
    let indexes = described.global_secondary_indexes().iter().map(|index| {
        let projection = index.projection.as_ref().and_then(|it| it.projection_type.clone());
        json!({
            "IndexName": index.index_name,
            "KeySchema": key_schema(index.key_schema()),
            "Projection": { "ProjectionType": projection.map(|it| it.as_str().to_owned()) },
        })
    });
    let billing = described.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert!(described.local_secondary_indexes().is_empty());
    json!({
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": key_schema(described.key_schema()),
        "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
        "BillingMode": billing.map(|mode| mode.as_str().to_owned()),
        "TimeToLiveSpecification": {
            "AttributeName": ttl.attribute_name,
            "Enabled": ttl.time_to_live_status == Some(TimeToLiveStatus::Enabled),
        },
    })
}

#[tokio::test]
async fn the_local_table_is_the_templates_attribute_by_attribute() {
    let mut deployed = resources("AWS::DynamoDB::Table")["Table"]["Properties"].clone();
    let properties = deployed.as_object_mut().expect("properties");
    // Settings that protect the data in AWS and mean nothing to an embedded database.
    for guard in [
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        // `cargo dev` turns it on itself; tests need none.
        "StreamSpecification",
    ] {
        assert!(properties.remove(guard).is_some(), "the template's table has no {guard}");
    }
    assert_eq!(local_table().await, deployed);
}

#[test]
fn the_table_outlives_the_stack_by_default_and_is_guarded() {
    let parameters = project::yaml("template.yaml")["Parameters"].clone();
    assert_eq!(parameters["TableDeletionPolicy"]["Default"], "Retain");
    let table = &resources("AWS::DynamoDB::Table")["Table"];
    let policy = either("RetainsTable", "Retain", "Delete");
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&policy, &policy));
    assert_eq!(condition("RetainsTable"), json!(["TableDeletionPolicy", "Retain"]));
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], either("RetainsTable", true, false));
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    let recovery = &properties["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn the_tables_cost_can_be_bounded() {
    let table = &resources("AWS::DynamoDB::Table")["Table"]["Properties"];
    let maxima = json!({
        "MaxReadRequestUnits": only_if("HasReadMaximum", "TableMaxReadUnits"),
        "MaxWriteRequestUnits": only_if("HasWriteMaximum", "TableMaxWriteUnits"),
    });
    assert_eq!(table["OnDemandThroughput"], only_if("HasMaximum", maxima));
    assert_eq!(condition("HasMaximum"), json!(["HasReadMaximum", "HasWriteMaximum"]));
}

#[test]
fn an_existing_table_takes_the_place_of_a_new_one_everywhere() {
    let template = project::yaml("template.yaml");
    assert_eq!(condition("CreatesTable"), json!(["ExistingTableName", ""]));
    let table = &template["Resources"]["Table"];
    assert_eq!(table["Condition"], "CreatesTable");
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["LATCHKEY_TABLE"], table_name());
    assert_eq!(template["Outputs"]["TableName"]["Value"], table_name());
    assert_eq!(template["Outputs"]["TableArn"]["Value"], table_arn());
    let monitored = &template["Resources"]["MonitoringStack"]["Properties"]["Parameters"];
    assert_eq!(monitored["Table"], table_name());
    // Nothing refers to the new table without a condition.
    let mut without = template.clone();
    without["Resources"].as_object_mut().expect("resources").remove("Table");
    assert_no_reference(&without, &["Table", "Table.Arn"]);
}

/// Asserts that no text in `value` is one of `names`, except where [`table_name`] and [`table_arn`] have it.
fn assert_no_reference(value: &Value, names: &[&str]) {
    if *value == table_name() || *value == table_arn() {
        return;
    }
    match value {
        _ if *value == stream_arns() || *value == index_arn() => {}
        Value::String(text) => {
            assert!(!names.contains(&text.as_str()), "{text} without a condition");
            assert!(!text.contains("${Table"), "{text}");
        }
        // The console's groups have a list with the title Table.
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "Metadata")
            .for_each(|(_, value)| assert_no_reference(value, names)),
        Value::Array(values) => values.iter().for_each(|value| assert_no_reference(value, names)),
        _ => {}
    }
}
