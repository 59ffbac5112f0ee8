//! The embedded DynamoDB behind a connection that takes virtual time, lets transactions conflict, and counts.
//!
//! The embedded database serves one request after the other, so that its transactions never conflict. Here,
//! a transaction holds its items for as long as it takes, as DynamoDB's do, and another write to one of them is
//! rejected.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use latchkey_database::{ACCESS_KEY, InProcess, REGION, SECRET_KEY, table};
use serde_json::{Value, json};
use tokio::time::sleep;

/// The table's name.
pub(crate) const TABLE: &str = "latchkey-scale";

/// How long a read, a single write, and a rejection take.
const CALL: Duration = Duration::from_millis(5);

/// How long a transaction takes and holds its items.
const TRANSACTION: Duration = Duration::from_millis(10);

/// How much longer a query takes for each item that it reads: 50 ms for 1000 keys, which are 400 KB.
const ITEM: Duration = Duration::from_micros(50);

/// The largest batch of writes that DynamoDB accepts.
const MAX_BATCH: usize = 25;

/// What requests of the client cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Requests to DynamoDB, with each attempt counted.
    pub(crate) calls: u32,
    /// Read units.
    pub(crate) read: f64,
    /// Write units. A rejected write reports none.
    pub(crate) write: f64,
    /// Writes that were rejected because a transaction was writing the same item.
    pub(crate) conflicts: u32,
}

/// The database, shared by all of its clients.
#[derive(Clone)]
pub(crate) struct Database {
    embedded: InProcess,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    usage: Usage,
    /// The primary keys that transactions are writing.
    held: BTreeSet<String>,
}

impl Database {
    /// Creates a database with an empty table.
    pub(crate) async fn start() -> Self {
        let database = Self { embedded: InProcess::in_memory(), state: Arc::default() };
        table::create(&database.client(), TABLE).await.expect("a table");
        database
    }

    /// A client with the shipped configuration.
    pub(crate) fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let http_client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
        let config = latchkey::store::client::config(http_client)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"));
        Client::from_conf(config.build())
    }

    /// Returns the usage since the last call.
    pub(crate) fn take(&self) -> Usage {
        std::mem::take(&mut self.state().usage)
    }

    /// Reads an item past the client.
    pub(crate) fn item(&self, pk: &str, sk: &str) -> Value {
        self.serve("GetItem", &json!({ "TableName": TABLE, "Key": key(pk, sk) }))["Item"].take()
    }

    /// Deletes an item past the client.
    pub(crate) fn delete(&self, pk: &str, sk: &str) {
        self.serve("DeleteItem", &json!({ "TableName": TABLE, "Key": key(pk, sk) }));
    }

    /// Writes items past the client.
    pub(crate) fn put(&self, items: impl Iterator<Item = Value>) {
        let mut puts = items.map(|item| json!({ "PutRequest": { "Item": item } }));
        loop {
            let batch: Vec<Value> = puts.by_ref().take(MAX_BATCH).collect();
            if batch.is_empty() {
                return;
            }
            self.serve("BatchWriteItem", &json!({ "RequestItems": { TABLE: batch } }));
        }
    }

    fn serve(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.embedded.serve(operation, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a request of a client; returns the status and body of the response.
    async fn respond(&self, operation: &str, mut body: Value) -> (u16, String) {
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        self.state().usage.calls += 1;
        let is_transaction = operation == "TransactWriteItems";
        let written = written(operation, &body);
        let conflicts: Vec<bool> =
            written.iter().map(|key| self.state().held.contains(key)).collect();
        if conflicts.contains(&true) {
            self.state().usage.conflicts += 1;
            sleep(CALL).await;
            return conflict(is_transaction, &conflicts);
        }
        let held = Held { database: self, keys: if is_transaction { written } else { vec![] } };
        self.state().held.extend(held.keys.iter().cloned());
        sleep(if is_transaction { TRANSACTION } else { CALL }).await;
        let (status, text) = self.embedded.serve(operation, &body.to_string());
        drop(held);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        self.count(operation, &answer["ConsumedCapacity"]);
        if let Some(items) = answer["ScannedCount"].as_u64() {
            sleep(ITEM.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX))).await;
        }
        (status, text)
    }

    fn count(&self, operation: &str, consumed: &Value) {
        let parts = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let units: f64 = parts.iter().filter_map(|part| part["CapacityUnits"].as_f64()).sum();
        let usage = &mut self.state().usage;
        match operation {
            "BatchGetItem" | "GetItem" | "Query" | "Scan" => usage.read += units,
            _ => usage.write += units,
        }
    }
}

/// The items of a transaction, until it ends or its client gives up.
struct Held<'a> {
    database: &'a Database,
    keys: Vec<String>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let held = &mut self.database.state().held;
        held.retain(|key| !self.keys.contains(key));
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl HttpConnector for Database {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let body = serde_json::from_slice(body).expect("JSON");
        let database = self.clone();
        HttpConnectorFuture::new(async move {
            let (status, body) = database.respond(&operation, body).await;
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}

fn key(pk: &str, sk: &str) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": sk } })
}

/// The primary keys of the items that a request writes, in its order.
fn written(operation: &str, body: &Value) -> Vec<String> {
    let id = |key: &Value| format!("{} {}", key["pk"]["S"], key["sk"]["S"]);
    match operation {
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let actions = items.filter_map(|item| item.as_object()?.iter().next());
            let key = |(action, part): (&String, &Value)| match action.as_str() {
                "Put" => id(&part["Item"]),
                _ => id(&part["Key"]),
            };
            actions.map(key).collect()
        }
        "UpdateItem" | "DeleteItem" => vec![id(&body["Key"])],
        "PutItem" => vec![id(&body["Item"])],
        _ => Vec::new(),
    }
}

/// DynamoDB's response to a write of items of which some are being written.
fn conflict(is_transaction: bool, conflicts: &[bool]) -> (u16, String) {
    let error = if is_transaction { "TransactionCanceled" } else { "TransactionConflict" };
    let code = |conflicts| if conflicts { "TransactionConflict" } else { "None" };
    let reasons: Vec<Value> =
        conflicts.iter().map(|conflicts| json!({ "Code": code(*conflicts) })).collect();
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{error}Exception"),
        "message": "another transaction is writing an item",
        "CancellationReasons": reasons,
    });
    (400, body.to_string())
}
