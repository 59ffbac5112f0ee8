//! A table that remembers no write, so that every input meets the same one.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Value, json};

/// The table's name.
pub const NAME: &str = "table";

/// The samples, as a released version stored them.
const STORED: &str = include_str!("../../../shared/core/tests/integration/stored/0.2.0.json");

/// Items by partition key and sort key.
#[derive(Clone, Debug)]
pub struct Table(BTreeMap<(String, String), Item>);

/// An item, and its text, which most requests ask for.
#[derive(Clone, Debug)]
struct Item {
    value: Value,
    text: String,
}

impl Item {
    fn new(value: Value) -> Self {
        Self { text: value.to_string(), value }
    }
}

impl Default for Table {
    /// The table of the samples.
    fn default() -> Self {
        let mut stored: Value = serde_json::from_str(STORED).expect("a table");
        let Value::Array(items) = stored["items"].take() else { panic!("a table has items") };
        Self(items.into_iter().map(|item| (primary_key(&item), Item::new(item))).collect())
    }
}

impl Table {
    /// The item with this primary key.
    pub fn item(&self, partition: &str, sort: &str) -> Option<&Value> {
        Some(&self.0.get(&(partition.to_owned(), sort.to_owned()))?.value)
    }

    /// Stores an item, and replaces the one with the same primary key.
    pub fn put(&mut self, item: Value) {
        self.0.insert(primary_key(&item), Item::new(item));
    }

    /// Replies to a request as DynamoDB does, for the requests that the service sends. Of conditions, checks
    /// only that the item exists and that it is of the right organization.
    pub fn answer(&self, operation: &str, body: &[u8]) -> (u16, String) {
        let request: Value = serde_json::from_slice(body).expect("a request in JSON");
        let answer = match operation {
            "BatchGetItem" => self.batch(&request["RequestItems"][NAME]["Keys"]),
            "GetItem" => match self.find(&request["Key"]) {
                Some(item) => format!(r#"{{"Item":{}}}"#, item.text),
                None => "{}".to_owned(),
            },
            "Query" => self.query(&request),
            // Every change is a transaction, even a change of one item.
            "TransactWriteItems" => match self.canceled(&request["TransactItems"]) {
                None => "{}".to_owned(),
                Some(reasons) => {
                    let kind = "TransactionCanceledException";
                    let body = json!({ "__type": kind, "CancellationReasons": reasons });
                    return (400, body.to_string());
                }
            },
            other => panic!("no answer to {other}"),
        };
        (200, answer)
    }

    fn find(&self, key: &Value) -> Option<&Item> {
        self.0.get(&primary_key(key))
    }

    fn batch(&self, keys: &Value) -> String {
        let keys = keys.as_array().expect("keys").iter();
        let found = list(keys.filter_map(|key| self.find(key)));
        format!(r#"{{"Responses":{{"{NAME}":{found}}}}}"#)
    }

    fn query(&self, request: &Value) -> String {
        // A deletion asks for the keys that are left, and would ask again for those that stay.
        if request["ProjectionExpression"] == "pk, sk" {
            return r#"{"Items":[]}"#.to_owned();
        }
        let values = &request["ExpressionAttributeValues"];
        let partition = values[":pk"]["S"].as_str().expect("a partition");
        let prefix = values[":prefix"]["S"].as_str().unwrap_or_default();
        let hidden = request["FilterExpression"].as_str().unwrap_or_default();
        let hidden = hidden.trim_start_matches("attribute_not_exists(").trim_end_matches(')');
        let limit = request["Limit"].as_u64().unwrap_or(u64::MAX);
        let start = match &request["ExclusiveStartKey"] {
            Value::Null => Bound::Included((partition.to_owned(), String::new())),
            start => Bound::Excluded(primary_key(start)),
        };
        let items = self.0.range::<(String, String), _>((start, Bound::Unbounded));
        let items = items.take_while(|((of, _), _)| of == partition);
        let mut items =
            items.filter(|((_, sort), _)| sort.starts_with(prefix)).map(|(_, item)| item);
        let page: Vec<&Item> =
            items.by_ref().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let shown = list(page.iter().copied().filter(|item| item.value.get(hidden).is_none()));
        match page.last().filter(|_| items.next().is_some()) {
            Some(Item { value, .. }) => {
                let last = json!({ "pk": value["pk"], "sk": value["sk"] });
                format!(r#"{{"Items":{shown},"LastEvaluatedKey":{last}}}"#)
            }
            None => format!(r#"{{"Items":{shown}}}"#),
        }
    }

    /// The reasons for which a transaction is canceled.
    fn canceled(&self, parts: &Value) -> Option<Vec<Value>> {
        let reason = |part: &Value| {
            let write = part.as_object().and_then(|part| part.iter().next()).expect("a write");
            let free = write.0 == "Put" || write.1["ConditionExpression"].is_null();
            let refused = if free { None } else { self.refused(write.1) };
            match refused {
                None => json!({ "Code": "None" }),
                Some(item) => {
                    let shown = write.1["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
                    let item = item.filter(|_| shown);
                    json!({ "Code": "ConditionalCheckFailed", "Item": item })
                }
            }
        };
        let reasons: Vec<Value> = parts.as_array().expect("parts").iter().map(reason).collect();
        reasons.iter().any(|reason| reason["Code"] != "None").then_some(reasons)
    }

    /// The item that a write's condition refuses, if it does.
    fn refused(&self, write: &Value) -> Option<Option<&Value>> {
        let found = self.find(&write["Key"]).map(|item| &item.value);
        let organization = &write["ExpressionAttributeValues"][":organization"];
        let met = found
            .is_some_and(|item| organization.is_null() || item["organization"] == *organization);
        (!met).then_some(found)
    }
}

/// The items as a list in JSON.
fn list<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let texts: Vec<&str> = items.map(|item| item.text.as_str()).collect();
    format!("[{}]", texts.join(","))
}

fn primary_key(item: &Value) -> (String, String) {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (text("pk"), text("sk"))
}
