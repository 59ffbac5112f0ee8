//! The embedded DynamoDB, called in the process.

use std::collections::BTreeMap;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::stage::TABLE;

/// Items by partition key and sort key, in DynamoDB's JSON.
pub(super) type Items = BTreeMap<(String, String), Value>;

/// Answers a request with a status and a body.
///
/// # Panics
///
/// For an operation that Latchkey does not use.
pub(super) fn answer(database: &Database, operation: &str, body: &str) -> (u16, String) {
    match dispatch(database, operation, body) {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

fn dispatch(database: &Database, operation: &str, body: &str) -> Result<String, DynoxideError> {
    match operation {
        "BatchGetItem" => database.batch_get_item(read(body)).map(write),
        "BatchWriteItem" => database.batch_write_item(read(body)).map(write),
        "CreateTable" => database.create_table(read(body)).map(write),
        "DeleteItem" => database.delete_item(read(body)).map(write),
        "GetItem" => database.get_item(read(body)).map(write),
        "PutItem" => database.put_item(read(body)).map(write),
        "Query" => database.query(read(body)).map(write),
        "Scan" => database.scan(read(body)).map(write),
        "TransactWriteItems" => database.transact_write_items(read(body)).map(write),
        "UpdateItem" => database.update_item(read(body)).map(write),
        "UpdateTimeToLive" => database.update_time_to_live(read(body)).map(write),
        other => panic!("{other} is not an operation that Latchkey uses"),
    }
}

fn read<T: DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).expect("a request")
}

fn write(response: impl Serialize) -> String {
    serde_json::to_string(&response).expect("a response")
}

/// Every item of the table.
pub(super) fn items(database: &Database) -> Items {
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
pub(super) fn restore(database: &Database, wanted: &Items) {
    let found = items(database);
    for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
        delete(database, key);
    }
    for (_, item) in wanted.iter().filter(|(key, item)| found.get(*key) != Some(*item)) {
        call(database, "PutItem", &json!({ "TableName": TABLE, "Item": item }));
    }
}

/// Deletes one item.
pub(super) fn delete(database: &Database, (pk, sk): &(String, String)) {
    let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    call(database, "DeleteItem", &json!({ "TableName": TABLE, "Key": key }));
}

fn call(database: &Database, operation: &str, body: &Value) -> Value {
    let (status, body) = answer(database, operation, &body.to_string());
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}
