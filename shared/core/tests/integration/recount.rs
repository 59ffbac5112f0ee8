//! The count of live keys: never too low, corrected when it reaches the limit, and at a bounded cost.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::error::Error;
use latchkey::id::ServiceAccountId;
use latchkey::key::{Key, KeySpec, Rotation};
use latchkey::policy::KeyPolicy;
use latchkey::scope::Scopes;
use latchkey::store::KeyStore;
use latchkey::time::Timestamp;
use latchkey::token::Prefix;
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Tenant, TestTable};
use rand::rngs::SysRng;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn limit(limit: u32) -> KeyPolicy {
    KeyPolicy { key_limit: NonZeroU32::new(limit), ..KeyPolicy::default() }
}

/// Mints a key of the other account, which already has one key without an expiry.
async fn mint(
    table: &TestTable,
    policy: &KeyPolicy,
    now: Timestamp,
    lifetime: Option<Duration>,
) -> Result<Key, Error> {
    let spec = KeySpec {
        account: sample::OTHER_ACCOUNT.parse().expect("an id"),
        name: None,
        scopes: Scopes::full_access(),
        expires_at: lifetime.map(|lifetime| now.saturating_add(lifetime)),
        created_by: None,
    };
    let minted = Key::mint(&mut SysRng, now, &Prefix::default(), spec);
    let key = minted.expect("random numbers").0;
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    table.store().insert_key(&key, &organization, policy, now, None).await?;
    Ok(key)
}

async fn bound(table: &TestTable) -> i64 {
    let account = AttributeValue::S(format!("ACCOUNT#{}", sample::OTHER_ACCOUNT));
    let items = table.items().await;
    let own = items.iter().filter(|item| item["pk"] == account);
    let mut bounds = own.filter_map(|item| item.get("live_keys")?.as_n().ok()?.parse().ok());
    bounds.next().expect("an account")
}

/// Returns the units read since the last call.
fn read(table: &TestTable) -> f64 {
    let units = table.meter.take().units;
    ["Query", "BatchGetItem"].iter().filter_map(|operation| units.get(operation)).sum()
}

#[tokio::test]
async fn a_recount_never_looks_at_the_same_dead_keys_again() {
    let table = TestTable::start().await;
    for _ in 0..400 {
        mint(&table, &limit(0), sample::now(), Some(HOUR)).await.expect("no limit");
    }
    read(&table);
    let mut costs = Vec::new();
    for round in 1..=4 {
        // By now, all keys except the very first one have expired.
        let now = sample::after_hours(3 * round);
        for _ in 0..2 {
            mint(&table, &limit(3), now, Some(HOUR)).await.expect("room");
        }
        let full = mint(&table, &limit(3), now, None).await.expect_err("full");
        assert!(matches!(full, Error::KeyLimitReached { limit: 3, .. }), "{full:?}");
        costs.push(read(&table));
    }
    let (first, later) = (costs[0], &costs[1..]);
    assert!(first > 20.0, "{costs:?}");
    assert!(later.iter().all(|cost| *cost <= 4.0), "{costs:?}");
}

#[tokio::test]
async fn a_full_account_is_not_read_again_from_the_beginning_for_each_refusal() {
    let table = TestTable::start().await;
    for _ in 0..400 {
        mint(&table, &limit(0), sample::now(), Some(HOUR)).await.expect("no limit");
    }
    let now = sample::after_hours(3);
    for _ in 0..2 {
        mint(&table, &limit(0), now, None).await.expect("no limit");
    }
    read(&table);
    let mut costs = Vec::new();
    for _ in 0..3 {
        let full = mint(&table, &limit(3), now, None).await.expect_err("full");
        assert!(matches!(full, Error::KeyLimitReached { limit: 3, .. }), "{full:?}");
        costs.push(read(&table));
    }
    assert!(costs[0] > 20.0 && costs[1] <= 4.0 && costs[2] <= 4.0, "{costs:?}");
    // It stays full until one of the three keys is revoked.
    assert_eq!(bound(&table).await, 403);
    let first = SampleKey::Other.mint().0;
    let revoked =
        table.store().revoke_key(None, &first.spec.account, &first.id, &limit(3), now).await;
    revoked.expect("revoked");
    mint(&table, &limit(3), now, None).await.expect("room for one");
    mint(&table, &limit(3), now, None).await.expect_err("full again");
    assert_eq!(bound(&table).await, 3);
}

/// A caller whose clock is far behind tries to mint a key that no recount would ever read.
#[tokio::test]
async fn no_key_is_added_behind_a_recount() {
    let table = TestTable::start().await;
    let now = sample::after_hours(3);
    mint(&table, &limit(2), now, Some(HOUR)).await.expect("room");
    mint(&table, &limit(2), now, None).await.expect_err("full");
    let later = sample::after_hours(6);
    mint(&table, &limit(2), later, Some(HOUR)).await.expect("room, by a recount");

    let behind = sample::after_hours(4);
    let refused = mint(&table, &limit(0), behind, None).await.expect_err("behind");
    assert!(matches!(refused, Error::Busy), "{refused:?}");
    // A clock may be half an hour behind.
    let slow = sample::after_hours(6).saturating_sub(HOUR / 2);
    mint(&table, &limit(0), slow, None).await.expect("close enough");
    assert_eq!(bound(&table).await, 3);
}

/// After a write is planned but before it reaches the table, the key expires and another writer subtracts it
/// from the count.
#[tokio::test]
async fn a_key_about_to_expire_is_not_subtracted() {
    let table = TestTable::start().await;
    let (store, policy) = (table.store(), limit(2));
    let key = mint(&table, &policy, sample::now(), Some(HOUR)).await.expect("room");
    let end = key.spec.expires_at.expect("an end");
    let planned = end.saturating_sub(Duration::from_secs(299));
    let revoked = store.revoke_key(None, &key.spec.account, &key.id, &policy, planned).await;
    revoked.expect("revoked");
    assert_eq!(bound(&table).await, 2, "counting it out is for the next recount");
    mint(&table, &policy, planned, None).await.expect("room, by a recount");
    assert_eq!(bound(&table).await, 2);
}

#[tokio::test]
async fn a_key_about_to_expire_gives_its_place_to_no_other() {
    let table = TestTable::start().await;
    let (store, policy) = (table.store(), limit(2));
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let key = mint(&table, &policy, sample::now(), Some(HOUR)).await.expect("room");
    let end = key.spec.expires_at.expect("an end");
    let rotate = async |now: Timestamp| {
        let grace = Duration::ZERO;
        let planned = Rotation::plan(&mut SysRng, now, &policy, key.clone(), grace, None);
        let rotation = planned.expect("random numbers").0;
        store.rotate_key(&rotation, &organization, &policy, now, None).await
    };
    let late = rotate(end.saturating_sub(Duration::from_secs(299))).await.expect_err("full");
    assert!(matches!(late, Error::KeyLimitReached { .. }), "{late:?}");
    rotate(end.saturating_sub(Duration::from_secs(301))).await.expect("one for one");
    assert_eq!(bound(&table).await, 2);
}

/// Checks the cost of a rejected mint, and whether the next ones read anything.
#[tokio::test]
async fn a_full_account_is_refused_at_a_bounded_price() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    // Six hundred live keys.
    tenant.copy_key(&table, 1..600, |_| ()).await;
    let (store, account, now) = (table.store(), &tenant.account, sample::after_hours(5));
    set(&table, account, "live_keys", 600).await;
    let mint =
        async |now: Timestamp, limit_of| insert(&store, &tenant, &limit(limit_of), now, None).await;
    read(&table);
    let mut costs = Vec::new();
    for _ in 0..3 {
        let full = mint(now, 10).await.expect_err("full");
        assert!(matches!(full, Error::KeyLimitReached { limit: 10, .. }), "{full:?}");
        costs.push(read(&table));
    }
    assert!(costs.iter().all(|cost| *cost <= 4.0), "{costs:?}");
    // If more keys must be read, they are read only once.
    costs.clear();
    for _ in 0..3 {
        mint(now, 300).await.expect_err("full");
        costs.push(read(&table));
    }
    assert!(costs[0] > 10.0, "{costs:?}");
    assert_eq!(costs[1..], [0.0, 0.0]);
    // A higher limit requires a new count.
    mint(now, 10_000).await.expect("room");
}

/// Keys that are remembered only as a number are neither read again nor forgotten.
#[tokio::test]
async fn more_live_keys_than_are_remembered_are_not_read_for_each_mint() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let copies = tenant.copy_key(&table, 1..300, |_| ()).await;
    let (store, account) = (table.store(), &tenant.account);
    let mint = async |now: Timestamp, lifetime: Option<Duration>| {
        insert(&store, &tenant, &limit(302), now, lifetime).await
    };
    set(&table, account, "live_keys", 302).await;
    read(&table);
    let mut costs = Vec::new();
    for round in 1..=4 {
        // The keys that the previous round minted have expired, so there is room for exactly two.
        let now = sample::after_hours(3 * round);
        for _ in 0..2 {
            mint(now, Some(HOUR)).await.expect("room");
        }
        mint(now, None).await.expect_err("full");
        costs.push(read(&table));
    }
    // The recount reads the hundred remembered keys at one unit each, and the new keys.
    assert!(costs[1..].iter().all(|cost| *cost <= 215.0), "{costs:?}");

    // Revokes one of the keys behind them. Counted only as a number, it would otherwise keep its place
    // forever.
    let now = sample::after_hours(15);
    let gone = copies[250].parse().expect("an id");
    store.revoke_key(None, account, &gone, &limit(302), now).await.expect("revoked");
    for _ in 0..3 {
        mint(now, None).await.expect("room for three");
    }
    mint(now, None).await.expect_err("full");
    assert_eq!(live(&table, account, now).await, 302);
}

/// `LATCHKEY_ENDED_KEYS` keys of an account have expired. Its mints find that out in parts, and each one
/// skips the keys that the previous ones read. Prints their cost.
#[tokio::test]
async fn a_recount_that_is_cut_off_goes_on_where_it_was() {
    let count = std::env::var("LATCHKEY_ENDED_KEYS").ok();
    let count = count.map_or(12_000, |count| count.parse::<u64>().expect("a number"));
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let expired = AttributeValue::N((sample::now().as_millis() + 1).to_string());
    let end =
        |item: &mut HashMap<_, _>| drop(item.insert("expires_at".to_owned(), expired.clone()));
    tenant.copy_key(&table, 0..count, end).await;
    set(&table, &tenant.account, "live_keys", i64::try_from(count).expect("a count")).await;

    let now = sample::after_hours(5);
    let mint = async |store: KeyStore| insert(&store, &tenant, &limit(3), now, None).await;
    // As in the deployed function, each request has a time limit. Here the first one is cut off after its
    // first save.
    let interruption = Interruption::after(18, false);
    let cut = mint(table.interrupted_store(interruption)).await;
    assert!(cut.is_err(), "cut off");
    table.meter.take();
    let mut spent = Vec::new();
    loop {
        let began = Instant::now();
        let work = tokio::time::timeout(Duration::from_secs(8), mint(table.store()));
        let outcome = work.await;
        let used = table.meter.take();
        println!("{count} ended keys: {:?} {used:?} {outcome:?}", began.elapsed());
        spent.push(used.units.get("Query").copied().unwrap_or_default());
        match outcome {
            Ok(Ok(())) => break,
            Ok(Err(error)) => panic!("{error}"),
            // The function would have returned a 503, and its caller retries.
            Err(_) => assert!(spent.len() < 1000),
        }
    }
    // The keys saved before the interruption are not read again: 10,000 of 12,000.
    if count == 12_000 {
        assert!(spent[0] < 200.0, "{spent:?}");
    }
    mint(table.store()).await.expect("room for the third");
    mint(table.store()).await.expect_err("full");
}

/// Mints a key of a tenant's account.
async fn insert(
    store: &KeyStore,
    tenant: &Tenant,
    policy: &KeyPolicy,
    now: Timestamp,
    lifetime: Option<Duration>,
) -> Result<(), Error> {
    let spec = KeySpec {
        account: tenant.account.clone(),
        name: None,
        scopes: Scopes::full_access(),
        expires_at: lifetime.map(|lifetime| now.saturating_add(lifetime)),
        created_by: None,
    };
    let key = Key::mint(&mut SysRng, now, &Prefix::default(), spec).expect("random numbers").0;
    store.insert_key(&key, &tenant.organization, policy, now, None).await.map(drop)
}

async fn set(table: &TestTable, account: &ServiceAccountId, attribute: &str, value: i64) {
    let update = table
        .client
        .update_item()
        .table_name(table.name())
        .key("pk", AttributeValue::S(format!("ACCOUNT#{account}")))
        .key("sk", AttributeValue::S("ACCOUNT".to_owned()))
        .update_expression("SET #attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", AttributeValue::N(value.to_string()));
    update.send().await.expect("updated");
}

/// Counts the live keys of an account by reading each one.
async fn live(table: &TestTable, account: &ServiceAccountId, now: Timestamp) -> usize {
    let keys = latchkey::operator::keys(&table.store(), account).await.expect("keys");
    keys.iter().filter(|key| key.revoked_at.is_none() && !key.is_expired(now)).count()
}
