//! A table for many schedules, which is put back after each one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::TokenBucket;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_database::{InProcess, table};
use serde_json::Value;

use crate::connector;

use super::database::{self, Items};
use super::gate::{Fate, Gated, Point, SharedGates};

pub(super) const TABLE: &str = "latchkey-test";

/// A table in its own embedded DynamoDB, with a client for each of several concurrent operations.
pub struct Stage {
    database: InProcess,
    pub(super) gates: Arc<SharedGates>,
    direct: Client,
    clients: Vec<Client>,
    start: Items,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}

impl Stage {
    /// Creates an empty table for at most `actors` concurrent operations.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub async fn new(actors: usize) -> Self {
        let database = InProcess::in_memory();
        let gates = Arc::new(SharedGates::default());
        let client = |actor| client(&database, &gates, actor);
        let direct = client(None);
        table::create(&direct, TABLE).await.expect("a table");
        let clients = (0..actors).map(|actor| client(Some(actor))).collect();
        Self { database, gates, direct, clients, start: Items::new() }
    }

    /// The store without gates.
    pub fn store(&self) -> KeyStore {
        KeyStore::new(self.direct.clone(), TABLE)
    }

    /// The store of one of the concurrent operations.
    pub fn gated_store(&self, actor: usize) -> KeyStore {
        KeyStore::new(self.clients[actor].clone(), TABLE)
    }

    /// Every item by partition key and sort key, in DynamoDB's JSON.
    pub fn items(&self) -> BTreeMap<(String, String), Value> {
        database::items(&self.database)
    }

    /// Has every later schedule start from the current items.
    pub fn keep(&mut self) {
        self.start = self.items();
    }

    /// Writes the items that schedules start from.
    pub fn restore(&self) {
        database::restore(&self.database, &self.start);
    }

    /// The items that schedules start from.
    pub fn start(&self) -> &BTreeMap<(String, String), Value> {
        &self.start
    }

    /// Sets an attribute, or removes it with `None`, bypassing the store.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub fn set(&self, pk: &str, sk: &str, attribute: &str, value: Option<Value>) {
        let mut items = self.items();
        let item = items.get_mut(&(pk.to_owned(), sk.to_owned())).expect("an item");
        let item = item.as_object_mut().expect("attributes");
        match value {
            Some(value) => drop(item.insert(attribute.to_owned(), value)),
            None => drop(item.remove(attribute)),
        }
        database::restore(&self.database, &items);
    }

    /// Deletes the items in partitions with this prefix whose time to live has passed at `now`, as DynamoDB
    /// may do at any time.
    ///
    /// # Panics
    ///
    /// If a time to live is not a number.
    pub fn expire(&self, prefix: &str, now: Timestamp) {
        for (key, item) in self.items() {
            let ttl = item["ttl"]["N"].as_str().map(|ttl| ttl.parse::<i64>().expect("a number"));
            if key.0.starts_with(prefix) && ttl.is_some_and(|ttl| ttl * 1000 <= now.as_millis()) {
                database::delete(&self.database, &key);
            }
        }
    }

    /// Waits at a gate of its own, for something that happens between two requests.
    pub async fn pause(&self, actor: usize) {
        assert_eq!(self.gates.wait(actor, Point::Send(String::new())).await, Fate::Go);
    }
}

/// A client with the shipped configuration, but without time limits: a response that is lost is lost at once.
fn client(database: &InProcess, gates: &Arc<SharedGates>, actor: Option<usize>) -> Client {
    let connector = Gated { database: database.clone(), gates: Arc::clone(gates), actor };
    // Otherwise a schedule would depend on the faults of earlier ones.
    let config = connector::config(connector, TokenBucket::unlimited())
        .timeout_config(TimeoutConfig::disabled());
    Client::from_conf(config.build())
}
