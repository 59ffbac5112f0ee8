//! The table's items, read without any code of the product.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_testkit::TestTable;
use serde_json::Value;

/// How long before its expiry a key may no longer be counted, and clocks that differ, in milliseconds.
const UNCOUNTED: i64 = 6 * 60 * 1000;

/// An item.
#[derive(Clone, Debug)]
pub(crate) struct Item(HashMap<String, AttributeValue>);

/// All items.
#[derive(Debug)]
pub(crate) struct Stored(Vec<Item>);

impl Stored {
    pub(crate) async fn read(table: &TestTable) -> Self {
        Self(table.items().await.into_iter().map(Item).collect())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// The keys of an account.
    pub(crate) fn keys(&self, account: &str) -> impl Iterator<Item = &Item> {
        let partition = format!("ACCOUNT#{account}");
        let own = self.0.iter().filter(move |item| item.text("pk") == Some(&partition));
        own.filter(|item| item.text("sk").is_some_and(|sk| sk.starts_with("KEY#")))
    }

    pub(crate) fn key(&self, account: &str, key: &str) -> Option<&Item> {
        self.keys(account).find(|item| item.id() == key)
    }

    pub(crate) fn account(&self, account: &str) -> Option<&Item> {
        self.find(&format!("ACCOUNT#{account}"), "ACCOUNT")
    }

    pub(crate) fn organization(&self, organization: &str) -> Option<&Item> {
        self.find(&format!("ORG#{organization}"), "ORG")
    }

    /// The IDs of the accounts that an organization lists.
    pub(crate) fn directory(&self, organization: &str) -> impl Iterator<Item = &str> {
        let partition = format!("ORG#{organization}");
        let own = self.0.iter().filter(move |item| item.text("pk") == Some(&partition));
        own.filter_map(|item| item.text("sk")?.strip_prefix("ACCOUNT#"))
    }

    fn find(&self, pk: &str, sk: &str) -> Option<&Item> {
        self.0.iter().find(|item| item.text("pk") == Some(pk) && item.text("sk") == Some(sk))
    }
}

impl Item {
    pub(crate) fn text(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn number(&self, attribute: &str) -> Option<i64> {
        self.0.get(attribute)?.as_n().ok()?.parse().ok()
    }

    pub(crate) fn bool(&self, attribute: &str) -> bool {
        self.0.get(attribute).and_then(|value| value.as_bool().ok().copied()).unwrap_or_default()
    }

    /// A list of texts, which is empty without the attribute.
    pub(crate) fn texts(&self, attribute: &str) -> Value {
        let list = self.0.get(attribute).and_then(|value| value.as_l().ok());
        let texts = list.into_iter().flatten().filter_map(|value| value.as_s().ok());
        texts.map(|text| Value::from(text.as_str())).collect()
    }

    /// Whether an account's count may still contain this revoked key: a key that had expired, or soon would, is
    /// not subtracted when it is revoked.
    pub(crate) fn stays_counted(&self) -> bool {
        let ends = self.number("revoked_at").zip(self.number("expires_at"));
        ends.is_some_and(|(revoked, expiry)| expiry < revoked + UNCOUNTED)
    }

    /// The key's ID.
    pub(crate) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }
}
