//! Changes and ends of keys and accounts take effect at once where they are made, and can be finished after
//! any interruption.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::account::{AccountChange, ServiceAccount};
use latchkey::error::Error;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::key::{Key, KeyChange, KeySpec, Minted};
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::scope::{Scope, Scopes};
use latchkey::service::{Clock, Freshness, RotateRequest};
use latchkey::store::Revocation;
use latchkey::token::Prefix;
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Response, TestTable, text_response};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A service that caches verdicts for an hour.
fn caching(table: &TestTable) -> Latchkey {
    let cache = CachePolicy { ttl: Duration::from_secs(3600), entries: 100 };
    Latchkey::new(table.store(), KeyPolicy::default(), &cache, Clock::new(sample::now))
}

async fn caller(latchkey: &Latchkey, key: SampleKey) -> AccountPrincipal {
    let principal = latchkey.verify(&key.token(), Freshness::Cached).await.expect("valid");
    principal.service_account().expect("an account").clone()
}

fn account(id: &str) -> ServiceAccountId {
    id.parse().expect("an id")
}

fn respond(_: &Minted, _: &ServiceAccount) -> Response {
    text_response("")
}

#[tokio::test]
async fn whoever_ends_a_key_refuses_it_at_once() {
    let minter = SampleKey::Minter.mint().0;
    let (own, key) = (minter.spec.account.clone(), minter.id.clone());
    for way in ["revoke", "rotate", "disable", "delete"] {
        let table = TestTable::start().await;
        let latchkey = caching(&table);
        // Another account of the same organization, which may end the first one.
        let admin = AccountPrincipal {
            account: account(sample::FULL_ACCOUNT),
            ..caller(&latchkey, SampleKey::FullAccess).await
        };
        caller(&latchkey, SampleKey::Minter).await;
        match way {
            "revoke" => drop(latchkey.revoke_key(&admin, &own, &key).await.expect("revoked")),
            "rotate" => {
                let request =
                    RotateRequest { account: own.clone(), key: key.clone(), grace: Duration::ZERO };
                latchkey.rotate(&admin, &request, None, respond).await.expect("rotated");
            }
            "disable" => {
                let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
                latchkey.update_account(&admin, &own, &change).await.expect("disabled");
            }
            _ => latchkey.delete_account(&admin, &own).await.expect("deleted"),
        }
        let refused = latchkey.verify(&SampleKey::Minter.token(), Freshness::Cached).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{way}: {refused:?}");
        if way == "disable" {
            let change = AccountChange { disabled: Some(false), ..AccountChange::default() };
            latchkey.update_account(&admin, &own, &change).await.expect("enabled");
            latchkey.verify(&SampleKey::Minter.token(), Freshness::Cached).await.expect("restored");
            latchkey
                .verify(&SampleKey::Revoked.token(), Freshness::Cached)
                .await
                .expect_err("still revoked");
        }
    }
}

/// A thief can read with a revoked key until its cached verdict expires, but cannot mint another key with it.
#[tokio::test]
async fn nobody_writes_with_a_key_that_was_ended_elsewhere() {
    let minter = SampleKey::Minter.mint().0;
    for way in ["revoke", "disable"] {
        let table = TestTable::start().await;
        let (here, elsewhere) = (caching(&table), caching(&table));
        let token = SampleKey::Minter.token();
        here.authenticate(&token, Freshness::Cached).await.expect("valid");
        let admin = AccountPrincipal {
            account: account(sample::FULL_ACCOUNT),
            ..caller(&elsewhere, SampleKey::FullAccess).await
        };
        if way == "revoke" {
            elsewhere.revoke_key(&admin, &minter.spec.account, &minter.id).await.expect("revoked");
        } else {
            let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
            let own = &minter.spec.account;
            elsewhere.update_account(&admin, own, &change).await.expect("disabled");
        }
        here.authenticate(&token, Freshness::Cached).await.expect("kept for an hour");
        for _ in 0..2 {
            let refused = here.authenticate(&token, Freshness::ForChange).await;
            assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{way}: {refused:?}");
        }
        // Once rejected, the key stays rejected.
        let refused = here.authenticate(&token, Freshness::Cached).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{way}: {refused:?}");
    }
}

#[tokio::test]
async fn whoever_hears_that_a_key_was_revoked_before_refuses_it_too() {
    for way in ["revoke", "present", "gone"] {
        let table = TestTable::start().await;
        let (here, elsewhere) = (caching(&table), caching(&table));
        let other = SampleKey::Other.mint().0;
        let token = SampleKey::Other.token();
        here.verify(&token, Freshness::Cached).await.expect("valid");
        elsewhere.revoke_presented(&token).await.expect("revoked");
        here.verify(&token, Freshness::Cached).await.expect("kept for an hour");
        match way {
            "revoke" => {
                let admin = caller(&here, SampleKey::Other).await;
                let before = here.revoke_key(&admin, &other.spec.account, &other.id).await;
                assert!(matches!(before, Ok(Revocation::AlreadyRevoked(_))), "{before:?}");
            }
            "present" => here.revoke_presented(&token).await.expect("revoked before"),
            _ => {
                let delete = table.client.delete_item().table_name(table.name());
                let pk = AttributeValue::S(format!("ACCOUNT#{}", other.spec.account));
                let sk = AttributeValue::S(format!("KEY#{}", other.id));
                delete.key("pk", pk).key("sk", sk).send().await.expect("deleted");
                here.revoke_presented(&token).await.expect("gone before");
            }
        }
        let refused = here.verify(&token, Freshness::Cached).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{way}: {refused:?}");
    }
}

#[tokio::test]
async fn new_scopes_count_at_once_where_they_are_set() {
    let table = TestTable::start().await;
    let latchkey = caching(&table);
    let admin = caller(&latchkey, SampleKey::FullAccess).await;
    let minter = SampleKey::Minter.mint().0;
    caller(&latchkey, SampleKey::Minter).await;
    let scope: Scope = "files.read".parse().expect("a scope");
    let scopes = Some([scope.clone()].into_iter().collect());
    let change = KeyChange { scopes, ..KeyChange::default() };
    let changed = latchkey.update_key(&admin, &minter.spec.account, &minter.id, &change).await;
    assert_eq!(changed.expect("changed").spec.name, minter.spec.name);
    assert_eq!(caller(&latchkey, SampleKey::Minter).await.scopes.as_slice(), [scope]);
}

/// Adds many keys to an account and returns one of their tokens.
async fn crowd(table: &TestTable, keys: u64) -> String {
    let policy = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
    let organization: OrganizationId = sample::OTHER_ORGANIZATION.parse().expect("an id");
    for seed in 0..keys {
        let spec = KeySpec {
            account: account(sample::OTHER_ACCOUNT),
            name: None,
            scopes: Scopes::full_access(),
            expires_at: None,
            created_by: None,
        };
        let mut rng = StdRng::seed_from_u64(seed);
        let (key, _) =
            Key::mint(&mut rng, sample::now(), &Prefix::default(), spec).expect("infallible");
        let store = table.store();
        store.insert_key(&key, &organization, &policy, sample::now(), None).await.expect("a key");
    }
    SampleKey::Other.token()
}

fn of_account(item: &HashMap<String, AttributeValue>) -> bool {
    ["pk", "sk"].iter().any(|key| {
        item[*key].as_s().is_ok_and(|text| text == &format!("ACCOUNT#{}", sample::OTHER_ACCOUNT))
    })
}

/// Wherever a deletion of an account is interrupted, either nothing has changed or all of its keys are
/// rejected, and the same call finishes the work.
#[tokio::test]
async fn deleting_an_account_can_be_interrupted_anywhere_and_finished() {
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let other = account(sample::OTHER_ACCOUNT);
    let mut interrupted = 0;
    for last_is_sent in [false, true] {
        for requests in 0.. {
            let table = TestTable::start().await;
            let token = crowd(&table, 30).await;
            let store = table.interrupted_store(Interruption::after(requests, last_is_sent));
            let outcome = store.delete_account(&organization, &other, sample::now()).await;
            let deleting = table.items().await.iter().any(|item| item.contains_key("deleting"));
            let verified =
                table.latchkey(KeyPolicy::default()).verify(&token, Freshness::Cached).await;
            let untouched =
                table.items().await.iter().filter(|item| of_account(item)).count() == 33;
            assert_eq!(verified.is_ok(), untouched, "after {requests} requests");

            let listed = table.store().accounts(&organization, 100, None).await.expect("a list");
            assert_eq!(listed.items.len(), usize::from(untouched));
            let again = table.store().delete_account(&organization, &other, sample::now()).await;
            match again {
                Ok(()) => assert!(deleting || untouched),
                Err(Error::AccountNotFound(_)) => assert!(!deleting && !untouched),
                Err(error) => panic!("{error:?}"),
            }
            assert!(!table.items().await.iter().any(of_account), "something is left");
            if outcome.is_ok() {
                break;
            }
            interrupted += 1;
        }
    }
    // The head of the account's chain, a transaction, pages of 25 and 6 keys, an empty page, and the entry take eight
    // requests, because each page is a query and a batch.
    assert_eq!(interrupted, 16);
}

#[tokio::test]
async fn an_account_with_more_keys_than_a_page_is_deleted_with_all_of_them() {
    let table = TestTable::start().await;
    crowd(&table, 120).await;
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let other = account(sample::OTHER_ACCOUNT);
    table.store().delete_account(&organization, &other, sample::now()).await.expect("deleted");
    assert!(!table.items().await.iter().any(of_account));
    let principal = table
        .latchkey(KeyPolicy::default())
        .verify(&SampleKey::FullAccess.token(), Freshness::Cached)
        .await;
    assert!(matches!(principal, Ok(Principal::ServiceAccount(_))), "others are untouched");
}

#[tokio::test]
async fn a_rotation_is_two_round_trips_and_a_known_number_of_units() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let admin = caller(&latchkey, SampleKey::FullAccess).await;
    let minter = SampleKey::Minter.mint().0;
    let request = RotateRequest {
        account: minter.spec.account.clone(),
        key: minter.id.clone(),
        grace: Duration::from_secs(60),
    };
    table.meter.take();
    latchkey.rotate(&admin, &request, None, respond).await.expect("rotated");
    let usage = table.meter.take();
    // Account and key are read consistently. The account, the old key, the new key,
    // and both events are written together.
    assert_eq!(usage.requests, [("BatchGetItem", 1), ("TransactWriteItems", 1)].into());
    assert_eq!(usage.units["BatchGetItem"].to_bits(), 2_f64.to_bits());
    assert_eq!(usage.units["TransactWriteItems"].to_bits(), 10_f64.to_bits());
}
