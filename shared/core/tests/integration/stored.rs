//! Data stored by a released version stays valid: the keys of a table outlive every upgrade.
//!
//! Each file in `stored/` is a whole table as a version left it. It holds the samples at their time, after a
//! repeatable mint, a rotation with a day's grace period, a recorded use, a recount, and an interrupted
//! deletion. From 0.2.0 on, it also holds counts and an organization whose deletion was interrupted. A
//! version that stores anything differently adds a file, and the old ones stay. `0.2.0-trail.json` is another table,
//! with a change of each kind in its trails, and with keys that are still to be announced.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::error::{Error, Refusal};
use latchkey::id::OrganizationId;
use latchkey::key::Minted;
use latchkey::policy::KeyPolicy;
use latchkey::principal::{AccountPrincipal, Principal};
use latchkey::service::{CallerSecret, Freshness, IdempotentRequest, MintRequest, RotateRequest};
use latchkey::store::Listed;
use latchkey::warning::WarningPolicy;
use latchkey::{Latchkey, operator, warnings};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Response, TestTable, text_response};
use serde_json::Value;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A table as a version left it, and its output.
struct Stored {
    version: &'static str,
    table: TestTable,
    /// The token of the key that replaced [`SampleKey::Minter`].
    rotated: String,
    /// The response to [`repeated`].
    answer: String,
}

async fn stored() -> Vec<Stored> {
    let mut tables = Vec::new();
    let files = [
        ("0.1.0", include_str!("stored/0.1.0.json")),
        ("0.2.0", include_str!("stored/0.2.0.json")),
    ];
    for (version, file) in files {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let table = table_of(&file).await;
        let text = |name: &str| file[name].as_str().expect("a text").to_owned();
        let (rotated, answer) = (text("rotated"), text("answer"));
        tables.push(Stored { version, table, rotated, answer });
    }
    tables
}

/// A table with exactly the items of a file.
async fn table_of(file: &Value) -> TestTable {
    let table = TestTable::start().await;
    let items = file["items"].as_array().expect("items").iter().map(map);
    table.reset(&items.collect::<Vec<_>>()).await;
    table
}

/// The attributes of an item or a map.
fn map(json: &Value) -> HashMap<String, AttributeValue> {
    let attributes = json.as_object().expect("attributes").iter();
    attributes.map(|(name, attribute)| (name.clone(), value(attribute))).collect()
}

/// An attribute in DynamoDB's own JSON.
fn value(json: &Value) -> AttributeValue {
    let (kind, json) = json.as_object().and_then(|json| json.iter().next()).expect("a kind");
    let text = || json.as_str().expect("a text").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).expect("Base64"))),
        "BOOL" => AttributeValue::Bool(json.as_bool().expect("a Boolean")),
        "SS" => {
            let texts = json.as_array().expect("a set").iter();
            AttributeValue::Ss(
                texts.map(|text| text.as_str().expect("a text").to_owned()).collect(),
            )
        }
        "M" => AttributeValue::M(map(json)),
        "L" => AttributeValue::L(json.as_array().expect("a list").iter().map(value).collect()),
        other => panic!("{other}"),
    }
}

/// The request that every version has served, storing its response.
fn repeated() -> IdempotentRequest {
    let caller = SampleKey::FullAccess.mint().0.id;
    let secret = CallerSecret::of(&SampleKey::FullAccess.token());
    let key = "stored".parse().expect("an idempotency key");
    IdempotentRequest::new(&caller, &secret, &key, "mint", &[], b"{}")
}

fn mint(account: &str) -> MintRequest {
    MintRequest {
        account: account.parse().expect("an id"),
        name: Some("stored".parse().expect("a name")),
        scopes: None,
        expires_at: None,
    }
}

fn respond(minted: &Minted) -> Response {
    text_response(minted.token.expose())
}

async fn caller(latchkey: &Latchkey, key: SampleKey) -> AccountPrincipal {
    let principal = latchkey.verify(&key.token(), Freshness::Cached).await.expect("valid");
    principal.service_account().expect("an account").clone()
}

#[tokio::test]
async fn every_key_is_what_it_was() {
    for Stored { version, table, rotated, .. } in stored().await {
        let latchkey = table.latchkey(KeyPolicy::default());
        let old = SampleKey::Minter.mint().0;
        for key in [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader, SampleKey::Other] {
            let minted = key.mint().0;
            let held = caller(&latchkey, key).await;
            assert_eq!((&held.account, &held.key), (&minted.spec.account, &minted.id), "{version}");
            assert_eq!(held.scopes, minted.spec.scopes, "{version}: {key:?}");
        }
        let root = latchkey.verify(&SampleKey::Root.token(), Freshness::Cached).await;
        assert!(matches!(root, Ok(Principal::Root { .. })), "{version}: {root:?}");
        let new = latchkey
            .verify(&rotated, Freshness::Cached)
            .await
            .expect("the rotated key's successor");
        let new = new.service_account().expect("an account");
        assert_eq!((&new.scopes, new.expires_at), (&old.spec.scopes, None), "{version}");

        for (key, expected) in [
            (SampleKey::Expired, Refusal::Expired),
            (SampleKey::Revoked, Refusal::Revoked),
            (SampleKey::Disabled, Refusal::AccountDisabled),
            (SampleKey::Unknown, Refusal::Unknown),
        ] {
            let refused =
                latchkey.verify(&key.token(), Freshness::Cached).await.expect_err("refused");
            let Error::Unauthenticated(refusal) = refused else {
                panic!("{version}: {refused:?}");
            };
            assert_eq!(refusal, expected, "{version}: {key:?}");
        }
        let after_grace = table.latchkey_at(KeyPolicy::default(), sample::after_hours(24));
        after_grace
            .verify(&SampleKey::Minter.token(), Freshness::Cached)
            .await
            .expect_err("the grace is over");
        after_grace.verify(&rotated, Freshness::Cached).await.expect("no end");
    }
}

#[tokio::test]
async fn what_was_begun_goes_on() {
    for Stored { version, table, rotated, answer } in stored().await {
        let latchkey = table.latchkey(KeyPolicy::default());
        let admin = caller(&latchkey, SampleKey::FullAccess).await;
        let again = latchkey.mint(&admin, mint(sample::ACCOUNT), Some(repeated()), respond).await;
        assert_eq!(again.expect("the first answer").body, answer);

        let store = table.store();
        let listed = store.keys(&admin.account, Listed::All, 100, None).await.expect("a list");
        assert_eq!(listed.items.len(), 7, "{version}");
        let used = listed.items.iter().find(|key| key.id == admin.key).expect("listed");
        assert_eq!(used.last_used_at, Some(sample::now()), "{version}");

        let new = latchkey.verify(&rotated, Freshness::Cached).await.expect("valid");
        let new = new.service_account().expect("an account");
        let grace = Duration::from_secs(60);
        let request = RotateRequest { account: new.account.clone(), key: new.key.clone(), grace };
        latchkey.rotate(&admin, &request, None, |minted, _| respond(minted)).await.expect("again");

        let organization = sample::ORGANIZATION.parse().expect("an id");
        let deleting = sample::FULL_ACCOUNT.parse().expect("an id");
        store.delete_account(&organization, &deleting, sample::now()).await.expect("finished");
        let accounts = store.accounts(&organization, 100, None).await.expect("a list");
        assert_eq!(accounts.items.len(), 2, "{version}");

        // Of four counted keys, two have ended, and a third has expired by then.
        let limit = KeyPolicy { key_limit: std::num::NonZeroU32::new(3), ..KeyPolicy::default() };
        let later = table.latchkey_at(limit, sample::after_hours(4));
        let other = caller(&later, SampleKey::Other).await;
        for _ in 0..2 {
            later.mint(&other, mint(sample::OTHER_ACCOUNT), None, respond).await.expect("room");
        }
        let full = later.mint(&other, mint(sample::OTHER_ACCOUNT), None, respond).await;
        assert!(matches!(full, Err(Error::KeyLimitReached { .. })), "{version}: {full:?}");
    }
}

#[tokio::test]
async fn organizations_are_counted_disabled_and_deleted() {
    for Stored { version, table, .. } in stored().await {
        let (store, policy, now) = (table.store(), KeyPolicy::default(), sample::now());
        let id = |id: &str| id.parse::<OrganizationId>().expect("an id");
        let name = || "New".parse().expect("a name");
        let made = operator::bootstrap(&store, &policy, now, id("new"), name(), name()).await;
        made.expect("an organization");
        if version != "0.1.0" {
            operator::delete_organization(&store, sample::now(), &id("ending"))
                .await
                .expect("finished");
        }
        let count = async || operator::count_organizations(&store).await.expect("a read");
        assert_eq!(count().await, Some(3), "{version}");

        // Two accounts, and one whose deletion was interrupted.
        let full = KeyPolicy { account_limit: std::num::NonZeroU32::new(3), ..policy.clone() };
        let description = || "".parse().expect("a description");
        let create = async || {
            let organization = id(sample::ORGANIZATION);
            operator::create_account(&store, &full, now, organization, name(), description()).await
        };
        create().await.expect("room for a third");
        create().await.expect_err("full");

        let latchkey = table.latchkey(policy);
        for disabled in [true, false] {
            let sample = id(sample::ORGANIZATION);
            operator::set_organization_disabled(&store, sample::now(), &sample, disabled)
                .await
                .expect("set");
            let verified = latchkey.verify(&SampleKey::FullAccess.token(), Freshness::Cached).await;
            assert_eq!(verified.is_err(), disabled, "{version}");
        }
        operator::delete_organization(&store, sample::now(), &id(sample::ORGANIZATION))
            .await
            .expect("deleted");
        latchkey
            .verify(&SampleKey::FullAccess.token(), Freshness::Cached)
            .await
            .expect_err("deleted");
        latchkey.verify(&SampleKey::Other.token(), Freshness::Cached).await.expect("untouched");
        assert_eq!(count().await, Some(2), "{version}");
    }
}

#[tokio::test]
async fn a_trail_stays_whole_and_goes_on() {
    let file = include_str!("stored/0.2.0-trail.json");
    let table = table_of(&serde_json::from_str(file).expect("JSON")).await;
    let store = table.store();
    let day = |days: u32| sample::now().saturating_add(DAY * days);
    let [sample, new] = [sample::ORGANIZATION, "new"].map(|id| id.parse().expect("an id"));
    let verified = async |trail: Option<&OrganizationId>, now| {
        let verified = operator::verify_trail(&store, trail, &[], now).await;
        verified.expect("readable").expect("a whole trail").events
    };
    let counts = [verified(None, day(6)).await, verified(Some(&sample), day(6)).await];
    assert_eq!((counts, verified(Some(&new), day(6)).await), ([1, 32], 5));

    // The successor of a rotated key ends on the tenth day.
    let warnings = WarningPolicy { steps: vec![3, 1], unused: Some(90) };
    let policy = KeyPolicy { warnings, ..KeyPolicy::default() };
    let until = tokio::time::Instant::now() + DAY;
    let told = async |now| {
        let report = warnings::run(&store, &policy, now, until).await.expect("a run");
        report.expiring.into_iter().collect::<Vec<_>>()
    };
    assert_eq!((told(day(8)).await, told(day(9)).await), (vec![], vec![(1, 1)]));
    assert_eq!(verified(Some(&sample), day(9)).await, 33);
}
