//! A test's own table.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_database::{InProcess, LocalDatabase, Stream};

use crate::interruption::Interruption;
use crate::meter::Meter;
use crate::{sample, table, wire};

/// A fresh table with the sample data, in its own embedded DynamoDB that stops with the test.
pub struct TestTable {
    /// Reads and writes the table directly, bypassing the store.
    pub client: Client,
    /// Counts the requests through [`TestTable::store`].
    pub meter: Meter,
    database: LocalDatabase,
}

/// Without a cache, so that every verification reads the table.
pub const NO_CACHE: CachePolicy = CachePolicy::off();

const NAME: &str = "latchkey-test";

/// The largest batch of writes that DynamoDB accepts.
const MAX_BATCH: usize = 25;

/// An item of the table, by the names of its attributes.
type Item = HashMap<String, AttributeValue>;

impl TestTable {
    /// Starts a table.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start() -> Self {
        let database = LocalDatabase::start(None).await.expect("an embedded DynamoDB");
        let client = database.client();
        table::create(&client, NAME).await.expect("a table");
        let test = Self { client, meter: Meter::default(), database };
        test.write_sample().await;
        test
    }

    /// Writes the sample data: the first table of a process as `cargo dev` does, the others as a copy of it,
    /// which takes a tenth of the requests and no connection.
    async fn write_sample(&self) {
        static SAMPLE: OnceLock<Vec<Item>> = OnceLock::new();
        let Some(items) = SAMPLE.get() else {
            sample::write(&self.client, NAME).await.expect("sample data");
            // Another test may have been first.
            let _ = SAMPLE.set(self.items().await);
            return;
        };
        let client = wire::client(self);
        for batch in items.chunks(MAX_BATCH) {
            let puts = batch.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build();
                WriteRequest::builder().put_request(put.expect("an item")).build()
            });
            let written = client.batch_write_item().request_items(NAME, puts.collect());
            let written = written.send().await.expect("a batch");
            assert!(written.unprocessed_items().is_none_or(HashMap::is_empty));
        }
    }

    /// The store of this table, with a client that has the shipped configuration.
    pub fn store(&self) -> KeyStore {
        KeyStore::new(self.client_with(self.meter.clone()), NAME)
    }

    /// The store of this table, for a process that is interrupted.
    pub fn interrupted_store(&self, interruption: Interruption) -> KeyStore {
        KeyStore::new(self.client_with(interruption), NAME)
    }

    /// A client with the shipped configuration and an interceptor.
    pub fn client_with(&self, interceptor: impl Intercept + 'static) -> Client {
        let config = self.database.client_config().interceptor(interceptor);
        Client::from_conf(config.build())
    }

    /// The table's database without the connection.
    pub(crate) fn in_process(&self) -> InProcess {
        self.database.in_process()
    }

    /// The service of this table at [`sample::now`].
    pub fn latchkey(&self, policy: KeyPolicy) -> Latchkey {
        self.latchkey_at(policy, sample::now())
    }

    /// The service of this table at `now`.
    pub fn latchkey_at(&self, policy: KeyPolicy, now: Timestamp) -> Latchkey {
        Latchkey::new(self.store(), policy, &NO_CACHE, Clock::new(move || now))
    }

    /// The stream of the table's changes from now on.
    ///
    /// # Panics
    ///
    /// If the database fails.
    pub async fn stream(&self) -> Stream {
        self.database.stream(NAME).await.expect("a stream")
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The URL that the embedded DynamoDB listens on.
    pub fn endpoint(&self) -> String {
        self.database.endpoint()
    }

    /// Every item of the table.
    ///
    /// # Panics
    ///
    /// If the table cannot be read.
    pub async fn items(&self) -> Vec<Item> {
        let pages = self.client.scan().table_name(NAME).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.expect("a scan")
    }

    /// Makes the table have exactly `items`.
    ///
    /// # Panics
    ///
    /// If the table cannot be read or written.
    pub async fn reset(&self, items: &[Item]) {
        for item in self.items().await.iter().filter(|item| !items.contains(item)) {
            let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
            let delete = self.client.delete_item().table_name(NAME);
            delete.set_key(Some(HashMap::from(key))).send().await.expect("deleted");
        }
        for item in items {
            let put = self.client.put_item().table_name(NAME);
            put.set_item(Some(item.clone())).send().await.expect("as it was");
        }
    }

    /// Returns all items but the audit trail, which grows with every change: neither events nor heads.
    ///
    /// # Panics
    ///
    /// If the table cannot be read.
    pub async fn records(&self) -> Vec<Item> {
        let mut items = self.items().await;
        items.retain(|item| !item["pk"].as_s().is_ok_and(|pk| pk.starts_with("AUDIT")));
        for item in &mut items {
            item.remove("audit_head");
        }
        items
    }
}
