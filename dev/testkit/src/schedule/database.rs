//! All items of the embedded DynamoDB: reading them, and putting them back.

use std::collections::BTreeMap;

use latchkey_database::InProcess;
use serde_json::{Value, json};

use super::stage::TABLE;

/// Items by partition key and sort key, in DynamoDB's JSON.
pub(super) type Items = BTreeMap<(String, String), Value>;

/// Every item of the table.
pub(super) fn items(database: &InProcess) -> Items {
    let mut items = Items::new();
    let mut start = Value::Null;
    loop {
        let mut scan = json!({ "TableName": TABLE, "ConsistentRead": true });
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let mut page = call(database, "Scan", &scan);
        for item in page["Items"].as_array_mut().expect("items").drain(..) {
            let text = |name: &str| item[name]["S"].as_str().expect("a text").to_owned();
            items.insert((text("pk"), text("sk")), item);
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            return items;
        }
    }
}

/// Makes the table hold exactly `wanted`.
pub(super) fn restore(database: &InProcess, wanted: &Items) {
    let found = items(database);
    for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
        delete(database, key);
    }
    for (_, item) in wanted.iter().filter(|(key, item)| found.get(*key) != Some(*item)) {
        call(database, "PutItem", &json!({ "TableName": TABLE, "Item": item }));
    }
}

/// Deletes one item.
pub(super) fn delete(database: &InProcess, (pk, sk): &(String, String)) {
    let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    call(database, "DeleteItem", &json!({ "TableName": TABLE, "Key": key }));
}

fn call(database: &InProcess, operation: &str, body: &Value) -> Value {
    let (status, body) = database.serve(operation, &body.to_string());
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}
