//! A table of a test's own.

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

/// A fresh table with the sample data, in an embedded DynamoDB of its own that stops with the test.
pub struct TestTable {
    /// Reads and writes the table past the store.
    pub client: Client,
    /// Counts what goes through [`TestTable::store`].
    pub meter: Meter,
    database: LocalDatabase,
}

/// Every verification reads the table.
pub const NO_CACHE: CachePolicy = CachePolicy::off();

const NAME: &str = "latchkey-test";

impl TestTable {
    /// Starts one.
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

    /// The store over this table, with a client wired as the shipped one.
    pub fn store(&self) -> KeyStore {
        KeyStore::new(self.client_with(self.meter.clone()), NAME)
    }

    /// The store over this table, for a process that is interrupted.
    pub fn interrupted_store(&self, interruption: Interruption) -> KeyStore {
        KeyStore::new(self.client_with(interruption), NAME)
    }

    /// A client, wired as the shipped one, with an interceptor.
    pub fn client_with(&self, interceptor: impl Intercept + 'static) -> Client {
        let config = self.database.client_config().interceptor(interceptor);
        Client::from_conf(config.build())
    }

    /// The service over this table at [`sample::now`].
    pub fn latchkey(&self, policy: KeyPolicy) -> Latchkey {
        self.latchkey_at(policy, sample::now())
    }

    /// The service over this table, at `now`.
    pub fn latchkey_at(&self, policy: KeyPolicy, now: Timestamp) -> Latchkey {
        Latchkey::new(self.store(), policy, &NO_CACHE, Clock::new(move || now))
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// Where the embedded DynamoDB listens.
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
