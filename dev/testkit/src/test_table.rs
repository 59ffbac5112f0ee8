//! A test's own table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Intercept;
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_database::LocalDatabase;

use crate::interruption::Interruption;
use crate::meter::Meter;
use crate::{sample, table};

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
        sample::write(&test.client, NAME).await.expect("sample data");
        test
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

    /// The service of this table at [`sample::now`].
    pub fn latchkey(&self, policy: KeyPolicy) -> Latchkey {
        self.latchkey_at(policy, sample::now())
    }

    /// The service of this table at `now`.
    pub fn latchkey_at(&self, policy: KeyPolicy, now: Timestamp) -> Latchkey {
        Latchkey::new(self.store(), policy, &NO_CACHE, Clock::new(move || now))
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
    pub async fn items(&self) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let pages = self.client.scan().table_name(NAME).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.expect("a scan")
    }
}
