//! What Lambda delivers from the table's stream, and what it expects back.
//!
//! Records stay JSON until they are read one by one, so that a malformed one does not fail the others.
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A batch of changes of the table, in the order of its shard.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The changes.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One change of the table.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Record(Value);

/// The item that a record inserted: its attributes, each with its type.
pub(super) type Image = Map<String, Value>;

impl Record {
    /// The position in the shard, or an empty text if the record has none.
    pub fn sequence_number(&self) -> &str {
        self.0["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
    }

    /// Whether this is the insertion of an item.
    pub fn is_insertion(&self) -> bool {
        self.0["eventName"] == "INSERT"
    }

    /// Whether this is the insertion of an item of the audit trail. The filter of the event source mapping lets
    /// only these through; records that an operator sends again may be others.
    pub fn is_audit_event(&self) -> bool {
        let key = self.0["dynamodb"]["Keys"]["pk"]["S"].as_str();
        self.is_insertion() && key.is_some_and(|key| key == "AUDIT" || key.starts_with("AUDIT#"))
    }

    /// The inserted item.
    pub(super) fn image(&self) -> Option<&Image> {
        self.0["dynamodb"]["NewImage"].as_object()
    }

    /// The key of the item, for an operator who must find it in the table.
    pub fn key(&self) -> (&str, &str) {
        let keys = &self.0["dynamodb"]["Keys"];
        let text = |name: &str| keys[name]["S"].as_str().unwrap_or_default();
        (text("pk"), text("sk"))
    }
}

/// A partial batch response: Lambda sends the batch again from the first record that it names.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// The first record that was not processed, or none.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<Failure>,
}

/// A record that was not processed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its sequence number. Lambda takes an empty one for a failure of the whole batch.
    #[serde(rename = "itemIdentifier")]
    pub identifier: String,
}

impl BatchResponse {
    /// The response that makes Lambda continue at `record`.
    pub fn continue_at(record: &Record) -> Self {
        Self { failures: vec![Failure { identifier: record.sequence_number().to_owned() }] }
    }
}
