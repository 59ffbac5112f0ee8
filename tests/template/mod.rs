//! The template matches the code.

mod api;
mod deployments;
mod permissions;
mod table;

use std::collections::BTreeSet;

use latchkey_testkit::project;
use serde_json::{Value, json};

pub(crate) use permissions::webhook_secret;

/// The strings in a list, or the single string.
pub(crate) fn texts(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// An `Fn::If`, without its tag.
pub(crate) fn either(
    condition: &str,
    then: impl Into<Value>,
    otherwise: impl Into<Value>,
) -> Value {
    json!([condition, then.into(), otherwise.into()])
}

/// `value` if the condition holds, and otherwise nothing.
pub(crate) fn only_if(condition: &str, value: impl Into<Value>) -> Value {
    either(condition, value, "AWS::NoValue")
}

pub(crate) fn condition(name: &str) -> Value {
    project::yaml("template.yaml")["Conditions"][name].clone()
}

/// The table's name: the new one's, or the existing one's.
pub(crate) fn table_name() -> Value {
    either("CreatesTable", "Table", "ExistingTableName")
}

pub(crate) fn table_arn() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}";
    either("CreatesTable", "Table.Arn", existing)
}

pub(crate) fn stream_arns() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}/stream/*";
    either("CreatesTable", "${Table.Arn}/stream/*", existing)
}

pub(crate) fn index_arn() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}/index/reviews";
    either("CreatesTable", "${Table.Arn}/index/reviews", existing)
}
