//! A test's own organization, with as many keys and accounts as the test needs.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use latchkey::account::{Organization, ServiceAccount};
use latchkey::id::{KeyId, OrganizationId, ServiceAccountId};
use latchkey::key::{Key, KeySpec};
use latchkey::policy::KeyPolicy;
use latchkey::scope::Scopes;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey::token::{Prefix, Token};
use rand::rngs::SysRng;

use crate::{TestTable, sample};

/// An organization with one account and one key, created a millisecond before [`sample::now`].
#[derive(Debug)]
pub struct Tenant {
    /// The organization.
    pub organization: OrganizationId,
    /// Its first account.
    pub account: ServiceAccountId,
    /// The ID of that account's first key.
    pub key: String,
    /// The first key's token: full access and no expiry.
    pub token: String,
    store: KeyStore,
}

impl Tenant {
    /// Creates an organization.
    ///
    /// # Panics
    ///
    /// If the organization already exists or the table fails.
    pub async fn create(table: &TestTable, id: &str) -> Self {
        let organization = Organization {
            id: id.parse().expect("an id"),
            name: id.parse().expect("a name"),
            created_at: sample::now(),
        };
        let start = Timestamp::from_millis(sample::now().as_millis() - 1).expect("in range");
        let account = account(&organization.id, start);
        let (key, token) = key(&account.id, start);
        let store = table.store();
        let created = store
            .create_organization(&organization, &account, &key, &policy(), sample::earlier())
            .await;
        created.expect("an organization");
        let (key, token) = (key.id.to_string(), token.expose().to_owned());
        Self { organization: organization.id, account: account.id, key, token, store }
    }

    /// Adds a key to the first account, created `millis` after [`sample::now`].
    ///
    /// Returns its ID and its token.
    ///
    /// # Panics
    ///
    /// If the table fails.
    pub async fn add_key(&self, millis: u64) -> (String, String) {
        let now = after(millis);
        let (key, token) = key(&self.account, now);
        let inserted = self.store.insert_key(&key, &self.organization, &policy(), now, None).await;
        inserted.expect("a key");
        (key.id.to_string(), token.expose().to_owned())
    }

    /// Adds an account, created `millis` after [`sample::now`]. Returns its ID.
    ///
    /// # Panics
    ///
    /// If the table fails.
    pub async fn add_account(&self, millis: u64) -> String {
        let now = after(millis);
        let account = account(&self.organization, now);
        self.store.create_account(&account, &policy(), now, None).await.expect("an account");
        account.id.to_string()
    }

    /// Adds copies of the first key, `change`d and created a millisecond apart.
    ///
    /// The first one is created `millis` after [`sample::now`]. Returns their IDs. They are live but not
    /// counted, and their tokens are unknown.
    ///
    /// # Panics
    ///
    /// If the table fails.
    pub async fn copy_key(
        &self,
        table: &TestTable,
        millis: std::ops::Range<u64>,
        change: impl Fn(&mut HashMap<String, AttributeValue>),
    ) -> Vec<String> {
        let partition = AttributeValue::S(format!("ACCOUNT#{}", self.account));
        let items = table.items().await;
        let original = items.iter().find(|item| {
            item["pk"] == partition && item["sk"] == AttributeValue::S(format!("KEY#{}", self.key))
        });
        let mut original = original.expect("the first key").clone();
        change(&mut original);
        let ids: Vec<String> = millis
            .map(|millis| KeyId::mint(&mut SysRng, after(millis)).expect("random").to_string())
            .collect();
        // The maximum of a batch.
        for ids in ids.chunks(25) {
            let puts = ids.iter().map(|id| {
                let mut item = original.clone();
                item.insert("sk".to_owned(), AttributeValue::S(format!("KEY#{id}")));
                item.insert("id".to_owned(), AttributeValue::S(id.clone()));
                let prefix = format!("sk_{}_{id}_", self.account);
                item.insert("key_prefix".to_owned(), AttributeValue::S(prefix));
                let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
                WriteRequest::builder().put_request(put).build()
            });
            let batch = table.client.batch_write_item().request_items(table.name(), puts.collect());
            batch.send().await.expect("a batch");
        }
        ids
    }
}

fn after(millis: u64) -> Timestamp {
    sample::now().saturating_add(Duration::from_millis(millis))
}

fn policy() -> KeyPolicy {
    KeyPolicy { key_limit: None, account_limit: None, ..KeyPolicy::default() }
}

fn account(organization: &OrganizationId, now: Timestamp) -> ServiceAccount {
    let name = "tenant's account".parse().expect("a name");
    let (description, creator) = ("".parse().expect("a description"), ServiceAccountId::root());
    let rng = &mut SysRng;
    ServiceAccount::create(rng, now, organization.clone(), name, description, creator)
        .expect("the system's generator")
}

fn key(account: &ServiceAccountId, now: Timestamp) -> (Key, Token) {
    let spec = KeySpec {
        account: account.clone(),
        name: None,
        scopes: Scopes::full_access(),
        expires_at: None,
        created_by: None,
    };
    Key::mint(&mut SysRng, now, &Prefix::default(), spec).expect("the system's generator")
}
