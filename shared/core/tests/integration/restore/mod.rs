//! A table that was restored from a backup accepts nothing that the current table rejects.

mod cases;
mod random;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::operator::OperatorError;
use latchkey::operator::restore::{self, Comparison, ComparisonScope};
use latchkey::policy::KeyPolicy;
use latchkey::principal::Principal;
use latchkey::scope::Scopes;
use latchkey::service::{Clock, Freshness};
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey_testkit::{NO_CACHE, TestTable, sample, wire};

/// An item by the names of its attributes.
type Item = std::collections::HashMap<String, AttributeValue>;

/// Items by partition key and sort key.
type Items = BTreeMap<(String, String), Item>;

fn text<'a>(item: &'a Item, attribute: &str) -> &'a str {
    item[attribute].as_s().expect("a text")
}

fn number(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute).map(|value| value.as_n().expect("a number").parse().expect("a number"))
}

/// Every item by its primary key.
async fn items(table: &TestTable) -> Items {
    let place = |item: &Item| (text(item, "pk").to_owned(), text(item, "sk").to_owned());
    table.items().await.into_iter().map(|item| (place(&item), item)).collect()
}

/// The items of a table without its audit trail.
async fn records(table: &TestTable) -> Items {
    let place = |item: &Item| (text(item, "pk").to_owned(), text(item, "sk").to_owned());
    table.records().await.into_iter().map(|item| (place(&item), item)).collect()
}

/// A new table with the items of `source`, as a restore makes one.
async fn backup(source: &TestTable) -> TestTable {
    let restored = TestTable::start().await;
    overwrite(&restored, &wire::client(&restored), &items(source).await).await;
    restored
}

/// Makes a table have exactly the items `wanted`.
async fn overwrite(table: &TestTable, client: &Client, wanted: &Items) {
    let found = items(table).await;
    for (_, item) in found.iter().filter(|(place, _)| !wanted.contains_key(*place)) {
        delete(table, client, item).await;
    }
    for (_, item) in wanted.iter().filter(|(place, item)| found.get(*place) != Some(*item)) {
        let put = client.put_item().table_name(table.name()).set_item(Some(item.clone()));
        put.send().await.expect("an item");
    }
}

/// Deletes an item, bypassing the store.
async fn delete(table: &TestTable, client: &Client, item: &Item) {
    let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
    let delete = client.delete_item().table_name(table.name()).set_key(Some(Item::from(key)));
    delete.send().await.expect("no item");
}

/// The store without a connection, which is faster.
fn store_of(table: &TestTable) -> KeyStore {
    KeyStore::new(wire::client(table), table.name())
}

async fn compared(restored: &TestTable, current: &TestTable) -> Comparison {
    compared_within(restored, current, &ComparisonScope::default()).await
}

async fn compared_within(
    restored: &TestTable,
    current: &TestTable,
    scope: &ComparisonScope,
) -> Comparison {
    let (restored, current) = (store_of(restored), store_of(current));
    compared_stores(&restored, &current, scope).await
}

async fn compared_stores(
    restored: &KeyStore,
    current: &KeyStore,
    scope: &ComparisonScope,
) -> Comparison {
    let compared = restore::compare(restored, current, scope, sample::now()).await;
    compared.expect("a comparison")
}

/// Applies `found`, as far as the store lets it.
async fn apply(store: &KeyStore, found: &Comparison) -> Result<(), OperatorError> {
    for difference in &found.differences {
        restore::apply(store, &policy(), sample::now(), difference).await?;
    }
    Ok(())
}

fn policy() -> KeyPolicy {
    KeyPolicy { account_limit: None, ..KeyPolicy::default() }
}

/// The scopes of a key that `store` accepts at a time.
async fn accepted(store: &KeyStore, token: &str, now: Timestamp) -> Option<Scopes> {
    let clock = Clock::new(move || now);
    let latchkey = Latchkey::new(store.clone(), policy(), &NO_CACHE, clock);
    match latchkey.verify(token, Freshness::Now).await {
        Ok(Principal::ServiceAccount(principal)) => Some(principal.scopes),
        Ok(Principal::Root { .. }) => Some(Scopes::full_access()),
        Err(_) => None,
    }
}

/// Checks that counts and directories agree with the records.
async fn check_consistent(table: &TestTable) {
    let items = items(table).await;
    let live = |partition: &str| {
        let own = items.iter().filter(|((pk, sk), _)| pk == partition && sk.starts_with("KEY#"));
        let live = own.filter(|(_, key)| {
            number(key, "revoked_at").is_none()
                && number(key, "expires_at").is_none_or(|end| end > sample::now().as_millis())
        });
        i64::try_from(live.count()).expect("a count")
    };
    for ((pk, sk), item) in &items {
        match sk.as_str() {
            "ACCOUNT" => {
                assert!(number(item, "live_keys").expect("a count") >= live(pk), "{pk}");
                let entry = (format!("ORG#{}", text(item, "organization")), pk.clone());
                assert!(items.contains_key(&entry), "{pk} is not in its directory");
            }
            "ORG" => {
                let entries =
                    items.keys().filter(|(of, sk)| of == pk && sk.starts_with("ACCOUNT#"));
                let entries = i64::try_from(entries.count()).expect("a count");
                assert_eq!(number(item, "accounts"), Some(entries), "{pk}");
            }
            "DEPLOYMENT" => {
                let found = items.keys().filter(|(_, sk)| sk == "ORG").count();
                assert_eq!(number(item, "organizations"), i64::try_from(found).ok());
            }
            entry if entry.starts_with("ACCOUNT#") => {
                assert!(!item.contains_key("deleting"), "{entry} is left half deleted");
                let account = (entry.to_owned(), "ACCOUNT".to_owned());
                assert!(items.contains_key(&account), "{entry} has no account");
            }
            key if key.starts_with("KEY#") && pk != "ACCOUNT#ROOT" => {
                let account = (pk.clone(), "ACCOUNT".to_owned());
                assert!(items.contains_key(&account), "{key} has no account");
            }
            _ => {}
        }
    }
}
