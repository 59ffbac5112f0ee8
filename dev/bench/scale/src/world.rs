//! A table that is filled past the service.

use std::time::Duration;

use latchkey::account::{Organization, ServiceAccount};
use latchkey::id::{KeyId, ServiceAccountId};
use latchkey::key::{Key, KeySpec};
use latchkey::policy::KeyPolicy;
use latchkey::scope::Scopes;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey::token::Prefix;
use latchkey_testkit::sample;
use rand::rngs::SysRng;
use serde_json::{Value, json};

use crate::database::{Database, TABLE};

/// The default limit of live keys per account, which the filled accounts have reached.
pub(crate) const KEY_LIMIT: u64 = 10;

/// The accounts of each organization of a filled table.
const ACCOUNTS: u64 = 100;

/// The age of the oldest keys that are written past the service: a day.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A table with the caller's organization.
pub(crate) struct World {
    /// The database.
    pub(crate) database: Database,
    /// The caller.
    pub(crate) caller: Caller,
    account_item: Value,
    key_item: Value,
}

/// An organization's first account, with one key that has full access.
pub(crate) struct Caller {
    /// The organization.
    pub(crate) organization: String,
    /// The account.
    pub(crate) account: String,
    /// The key's ID.
    pub(crate) key: String,
    /// The key's token.
    pub(crate) token: String,
}

impl World {
    /// Creates a table with one key, the caller's.
    pub(crate) async fn start() -> Self {
        let database = Database::start().await;
        let caller = Caller::create(&database, "scale").await;
        let partition = format!("ACCOUNT#{}", caller.account);
        let account_item = database.item(&partition, "ACCOUNT");
        let key_item = database.item(&partition, &format!("KEY#{}", caller.key));
        Self { database, caller, account_item, key_item }
    }

    /// Adds `keys` keys in full accounts: first of the caller's organization, then of others.
    pub(crate) async fn fill(&self, keys: u64) {
        let (mut left, mut accounts) = (keys, 0);
        let mut organization = self.caller.organization.clone();
        while left > 0 {
            if accounts == ACCOUNTS {
                organization =
                    Caller::create(&self.database, &format!("filler-{left}")).await.organization;
                (left, accounts) = (left - 1, 0);
            }
            let keys = left.min(KEY_LIMIT);
            let account = self.add_account_of(&organization, keys);
            self.add_keys(&account, 0..keys, |_| ());
            (left, accounts) = (left - keys, accounts + 1);
        }
    }

    /// Adds an account of the caller's organization that counts `live_keys`; returns its ID.
    pub(crate) fn add_account(&self, live_keys: u64) -> String {
        self.add_account_of(&self.caller.organization, live_keys)
    }

    fn add_account_of(&self, organization: &str, live_keys: u64) -> String {
        let id = ServiceAccountId::mint(&mut SysRng, sample::now()).expect("random").to_string();
        let mut account = self.account_item.clone();
        let pk = format!("ACCOUNT#{id}");
        set(&mut account, &[("pk", &pk), ("id", &id), ("organization", organization)]);
        account["live_keys"] = json!({ "N": live_keys.to_string() });
        let organization = format!("ORG#{organization}");
        let entry = json!({ "pk": { "S": organization }, "sk": { "S": pk } });
        self.database.put([account, entry].into_iter());
        id
    }

    /// Adds copies of the caller's key, `change`d and created a day ago plus each of `millis`. Returns their IDs.
    pub(crate) fn add_keys(
        &self,
        account: &str,
        millis: std::ops::Range<u64>,
        change: impl Fn(&mut Value),
    ) -> Vec<String> {
        let mut ids = Vec::new();
        let start = sample::now().saturating_sub(AGE);
        let items = millis.map(|millis| {
            let at = start.saturating_add(Duration::from_millis(millis));
            let id = KeyId::mint(&mut SysRng, at).expect("random").to_string();
            let mut key = self.key_item.clone();
            let (pk, sk) = (format!("ACCOUNT#{account}"), format!("KEY#{id}"));
            let prefix = format!("sk_{account}_{id}_");
            let texts = [("pk", &*pk), ("sk", &sk), ("id", &id), ("account", account)];
            set(&mut key, &texts);
            set(&mut key, &[("key_prefix", &prefix)]);
            change(&mut key);
            ids.push(id);
            key
        });
        self.database.put(items);
        ids
    }

    /// Deletes keys of an account, and does not count them.
    pub(crate) fn remove_keys(&self, account: &str, ids: impl Iterator<Item = String>) {
        let partition = format!("ACCOUNT#{account}");
        ids.for_each(|id| self.database.delete(&partition, &format!("KEY#{id}")));
    }

    /// The item of an account.
    pub(crate) fn account(&self, id: &str) -> Value {
        self.database.item(&format!("ACCOUNT#{id}"), "ACCOUNT")
    }

    /// The number of keys that an account counts.
    pub(crate) fn live_keys(&self, account: &str) -> u64 {
        let item = self.account(account);
        let count = item["live_keys"]["N"].as_str().and_then(|count| count.parse().ok());
        count.expect("a count")
    }
}

/// Sets an attribute of a key to the sample time minus an hour: the time when it was revoked, or expired.
pub(crate) fn ended(attribute: &'static str) -> impl Fn(&mut Value) {
    move |item| {
        let at = sample::now().saturating_sub(Duration::from_secs(60 * 60)).as_millis();
        item[attribute] = json!({ "N": at.to_string() });
    }
}

fn set(item: &mut Value, texts: &[(&str, &str)]) {
    for (attribute, text) in texts {
        item[*attribute] = json!({ "S": text });
    }
}

impl Caller {
    /// Creates an organization.
    async fn create(database: &Database, id: &str) -> Self {
        let now = before(sample::now());
        let name = || id.parse().expect("a name");
        let organization =
            Organization { id: id.parse().expect("an id"), name: name(), created_at: now };
        let (owner, description) = (organization.id.clone(), "".parse().expect("a description"));
        let creator = ServiceAccountId::root();
        let account = ServiceAccount::create(&mut SysRng, now, owner, name(), description, creator);
        let account = account.expect("random numbers");
        let spec = KeySpec {
            account: account.id.clone(),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: None,
            created_by: None,
        };
        let minted = Key::mint(&mut SysRng, now, &Prefix::default(), spec);
        let (key, token) = minted.expect("random numbers");
        let store = KeyStore::new(database.client(), TABLE);
        let policy = KeyPolicy::default();
        let created =
            store.create_organization(&organization, &account, &key, &policy, sample::now()).await;
        created.expect("an organization");
        Self {
            organization: id.to_owned(),
            account: account.id.to_string(),
            key: key.id.to_string(),
            token: token.expose().to_owned(),
        }
    }
}

fn before(now: Timestamp) -> Timestamp {
    now.saturating_sub(Duration::from_secs(2 * 60 * 60))
}
