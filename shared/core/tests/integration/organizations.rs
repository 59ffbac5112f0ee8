//! The end of organizations: disabled with one write, enabled again, and deleted despite interruptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::error::{Error, Refusal};
use latchkey::id::OrganizationId;
use latchkey::operator::{self, OperatorError, OrganizationStatus};
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::principal::Principal;
use latchkey::service::{Clock, Freshness};
use latchkey::store::{KeyStore, client};
use latchkey::time::Timestamp;
use latchkey_testkit::interruption::Interruption;
use latchkey_testkit::meter::Usage;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{HttpError, TestTable, text_response};

/// The sample keys of the organization `sample` that work.
const LIVE: [SampleKey; 3] = [SampleKey::FullAccess, SampleKey::Minter, SampleKey::Reader];

fn sample_organization() -> OrganizationId {
    sample::ORGANIZATION.parse().expect("an id")
}

fn refusal(outcome: Result<Principal, Error>) -> Refusal {
    match outcome {
        Err(Error::Unauthenticated(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Creates a service with a 10-second cache, and its clock in milliseconds.
fn caching(table: &TestTable) -> (Latchkey, Arc<AtomicI64>) {
    let millis = Arc::new(AtomicI64::new(sample::now().as_millis()));
    let told = Arc::clone(&millis);
    let clock =
        Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed)).expect("in range"));
    let cache = CachePolicy { ttl: Duration::from_secs(10), entries: 100 };
    (Latchkey::new(table.store(), KeyPolicy::default(), &cache, clock), millis)
}

async fn verify(latchkey: &Latchkey, key: SampleKey) -> Result<Principal, Error> {
    latchkey.verify(&key.token(), Freshness::Cached).await
}

async fn disable(table: &TestTable, disabled: bool) {
    let id = sample_organization();
    operator::set_organization_disabled(&table.store(), sample::now(), &id, disabled)
        .await
        .expect("written");
}

/// Returns the read units of a verification.
async fn units(table: &TestTable, latchkey: &Latchkey, key: SampleKey) -> f64 {
    table.meter.take();
    verify(latchkey, key).await.expect("valid");
    table.meter.take().units.get("BatchGetItem").copied().unwrap_or_default()
}

#[tokio::test]
async fn one_write_stops_every_key_and_one_restores_those_that_worked() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let others = [SampleKey::Other, SampleKey::Root];
    let before = table.records().await;
    table.meter.take();
    disable(&table, true).await;
    assert_eq!(table.meter.take().requests.get("TransactWriteItems"), Some(&1));
    for key in LIVE {
        assert_eq!(refusal(verify(&latchkey, key).await), Refusal::OrganizationDisabled);
        let now = latchkey.verify(&key.token(), Freshness::Now).await;
        assert_eq!(refusal(now), Refusal::OrganizationDisabled);
    }
    for key in others {
        verify(&latchkey, key).await.expect("another organization's");
    }
    let (store, id) = (table.store(), sample_organization());
    let found = operator::organization(&store, &id).await.expect("found");
    assert_eq!(found.status, OrganizationStatus::Disabled);
    let account = sample::ACCOUNT.parse().expect("an id");
    let (policy, now) = (KeyPolicy::default(), sample::now());
    let minted = operator::mint_key(&store, &policy, now, &account, operator::MintSpec::default());
    assert!(matches!(minted.await, Err(OperatorError::OrganizationDisabled(_))));
    let (name, nothing) = ("ci".parse().expect("a name"), "".parse().expect("a description"));
    let made = operator::create_account(&store, &policy, now, id.clone(), name, nothing).await;
    assert!(matches!(made, Err(OperatorError::OrganizationDisabled(_))), "{made:?}");
    // Repeating it changes nothing.
    disable(&table, true).await;
    disable(&table, false).await;
    disable(&table, false).await;
    assert_eq!(table.records().await, before);
    for key in LIVE {
        verify(&latchkey, key).await.expect("works again");
    }
    for (key, expected) in [
        (SampleKey::Expired, Refusal::Expired),
        (SampleKey::Revoked, Refusal::Revoked),
        (SampleKey::Disabled, Refusal::AccountDisabled),
    ] {
        assert_eq!(refusal(verify(&latchkey, key).await), expected);
    }
}

/// The bound in `docs/keys.md` also holds for a verdict that was just cached.
#[tokio::test]
async fn a_disabled_organization_is_refused_within_the_bound() {
    let table = TestTable::start().await;
    let (latchkey, millis) = caching(&table);
    verify(&latchkey, SampleKey::FullAccess).await.expect("valid");
    disable(&table, true).await;
    millis.fetch_add(9_999, Ordering::Relaxed);
    verify(&latchkey, SampleKey::FullAccess).await.expect("still kept");
    verify(&latchkey, SampleKey::Reader).await.expect("by the deployment as it is still known");
    millis.fetch_add(1, Ordering::Relaxed);
    for _ in 0..4 {
        for key in [SampleKey::Reader, SampleKey::FullAccess, SampleKey::Minter] {
            assert_eq!(refusal(verify(&latchkey, key).await), Refusal::OrganizationDisabled);
        }
        verify(&latchkey, SampleKey::Other).await.expect("another organization's");
        millis.fetch_add(5_000, Ordering::Relaxed);
    }
    disable(&table, false).await;
    millis.fetch_add(10_000, Ordering::Relaxed);
    verify(&latchkey, SampleKey::Reader).await.expect("works again");
}

#[tokio::test]
async fn knowing_the_deployment_costs_half_a_unit_once_in_a_while() {
    let table = TestTable::start().await;
    let (latchkey, millis) = caching(&table);
    assert_eq!(units(&table, &latchkey, SampleKey::FullAccess).await.to_bits(), 1.5_f64.to_bits());
    assert_eq!(units(&table, &latchkey, SampleKey::Reader).await.to_bits(), 1_f64.to_bits());
    millis.fetch_add(9_000, Ordering::Relaxed);
    assert_eq!(units(&table, &latchkey, SampleKey::Minter).await.to_bits(), 1_f64.to_bits());
    table.meter.take();
    verify(&latchkey, SampleKey::Minter).await.expect("valid");
    assert_eq!(table.meter.take(), Usage::default(), "a verification from the cache reads nothing");
    // The minter's verdict is cached for 9 s more, but the deployment is not.
    millis.fetch_add(1_000, Ordering::Relaxed);
    assert_eq!(units(&table, &latchkey, SampleKey::Minter).await.to_bits(), 1.5_f64.to_bits());
    assert_eq!(units(&table, &latchkey, SampleKey::Reader).await.to_bits(), 1_f64.to_bits());
    verify(&latchkey, SampleKey::Minter).await.expect("valid");
    assert_eq!(table.meter.take(), Usage::default());

    // Without a cache, nothing is known. With one, the first verification can use the deployment that the
    // function read at its start.
    let uncached = table.latchkey(KeyPolicy::default());
    for _ in 0..2 {
        let read = units(&table, &uncached, SampleKey::FullAccess).await;
        assert_eq!(read.to_bits(), 1.5_f64.to_bits());
    }
    let (started, _) = caching(&table);
    let read = client::prewarm(&table.client, table.name()).await.expect("read");
    started.observe_deployment(read, sample::now());
    assert_eq!(units(&table, &started, SampleKey::FullAccess).await.to_bits(), 1_f64.to_bits());
}

#[tokio::test]
async fn a_change_is_refused_within_the_bound_as_well() {
    let table = TestTable::start().await;
    let (latchkey, millis) = caching(&table);
    let token = SampleKey::FullAccess.token();
    latchkey.authenticate(&token, Freshness::Cached).await.expect("valid");
    disable(&table, true).await;
    millis.fetch_add(9_999, Ordering::Relaxed);
    // Anything that it creates is rejected with it.
    let known = latchkey.authenticate(&token, Freshness::ForChange).await;
    known.expect("by the deployment as it is still known");
    millis.fetch_add(1, Ordering::Relaxed);
    let refused = latchkey.authenticate(&token, Freshness::ForChange).await;
    let refused = refused.map(|authenticated| authenticated.principal);
    assert_eq!(refusal(refused), Refusal::OrganizationDisabled);
}

async fn delete(store: &KeyStore) -> Result<usize, OperatorError> {
    operator::delete_organization(store, sample::now(), &sample_organization()).await
}

#[tokio::test]
async fn a_caller_whose_organization_was_just_deleted_is_refused() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal = verify(&latchkey, SampleKey::FullAccess).await.expect("valid");
    let caller = principal.service_account().expect("an account");
    delete(&table.store()).await.expect("deleted");
    let refused = latchkey.organization(caller).await.expect_err("deleted");
    assert!(
        matches!(refused, Error::Unauthenticated(Refusal::OrganizationDisabled)),
        "{refused:?}"
    );
}

fn of_organization(item: &std::collections::HashMap<String, AttributeValue>) -> bool {
    let accounts = [sample::ACCOUNT, sample::FULL_ACCOUNT, sample::DISABLED_ACCOUNT];
    let partition = item["pk"].as_s().expect("a text");
    let own = ["ORG#sample", "WEBHOOKS#sample"].contains(&partition.as_str());
    own || accounts.iter().any(|id| *partition == format!("ACCOUNT#{id}"))
}

async fn count(table: &TestTable) -> Option<u64> {
    operator::count_organizations(&table.store()).await.expect("a read")
}

async fn create(table: &TestTable) -> Result<operator::Bootstrap, OperatorError> {
    let name = || "Sample".parse().expect("a name");
    let (store, policy, now) = (table.store(), KeyPolicy::default(), sample::now());
    operator::bootstrap(&store, &policy, now, sample_organization(), name(), name()).await
}

/// Wherever a deletion is interrupted, either nothing has happened, or no key works and none can be created.
/// In that case, the list shows the deletion, the ID is not free, and the same call finishes the work.
#[tokio::test]
async fn deleting_an_organization_can_be_interrupted_anywhere_and_finished() {
    let table = TestTable::start().await;
    let items = table.items().await;
    let records = table.records().await;
    let others = records.iter().filter(|item| !of_organization(item)).count();
    let mut interrupted = 0;
    for last_is_sent in [false, true] {
        for requests in 0.. {
            table.reset(&items).await;
            let store = table.interrupted_store(Interruption::after(requests, last_is_sent));
            let outcome = delete(&store).await;
            let latchkey = table.latchkey(KeyPolicy::default());
            let left = table.items().await.iter().any(of_organization);
            let works = verify(&latchkey, SampleKey::FullAccess).await.is_ok();
            let listed = operator::organizations(&table.store()).await.expect("a list");
            let found = listed.iter().find(|found| found.organization.id == sample_organization());
            match found.map(|found| found.status) {
                Some(OrganizationStatus::Live) => assert!(works && outcome.is_err()),
                Some(OrganizationStatus::Disabled | OrganizationStatus::Deleting) => {
                    assert!(!works && left);
                    create(&table).await.expect_err("the id is not free");
                }
                None => assert!(!works && !left),
            }
            match delete(&table.store()).await {
                Ok(_) => assert!(found.is_some()),
                Err(OperatorError::OrganizationNotFound(_)) => assert!(found.is_none()),
                Err(error) => panic!("{error:?}"),
            }
            let rest = table.records().await;
            assert!(!rest.iter().any(of_organization), "something is left");
            assert_eq!(rest.len(), others);
            assert_eq!(count(&table).await, Some(1));
            verify(&latchkey, SampleKey::Other).await.expect("others are untouched");
            if outcome.is_ok() {
                break;
            }
            interrupted += 1;
        }
    }
    assert!(interrupted > 30, "{interrupted}");
    create(&table).await.expect("the id is free");
    assert_eq!(count(&table).await, Some(2));
    let found = operator::organization(&table.store(), &sample_organization()).await;
    assert_eq!(found.expect("found").status, OrganizationStatus::Live);
}

#[tokio::test]
async fn nothing_is_created_in_an_organization_that_is_being_deleted() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal = verify(&latchkey, SampleKey::FullAccess).await.expect("valid");
    let caller = principal.service_account().expect("an account");
    // Another process begins the deletion after the caller was verified.
    table
        .store()
        .begin_deleting_organization(&sample_organization(), sample::now())
        .await
        .expect("begun");
    let (name, nothing) = ("ci".parse().expect("a name"), "".parse().expect("a description"));
    let respond = |_: &_| text_response("");
    let made = latchkey.create_account(caller, name, nothing, None, respond).await;
    assert!(matches!(made, Err(Error::OrganizationDisabled(_))), "{made:?}");
    assert_eq!(HttpError::from(made.expect_err("refused")).status(), 409);
    let enabled = operator::set_organization_disabled(
        &table.store(),
        sample::now(),
        &sample_organization(),
        false,
    )
    .await;
    assert!(matches!(enabled, Err(OperatorError::OrganizationDeleting(_))), "{enabled:?}");
}

/// A table of version 0.1.0 has no count.
#[tokio::test]
async fn organizations_are_counted_from_the_first_that_is_made_or_deleted() {
    let table = TestTable::start().await;
    let forget = async || {
        let text = || AttributeValue::S("DEPLOYMENT".to_owned());
        let delete = table.client.delete_item().table_name(table.name());
        delete.key("pk", text()).key("sk", text()).send().await.expect("deleted");
    };
    assert_eq!(count(&table).await, Some(2));
    forget().await;
    assert_eq!(count(&table).await, None);
    delete(&table.store()).await.expect("deleted");
    assert_eq!(count(&table).await, Some(1));
    forget().await;
    create(&table).await.expect("created");
    assert_eq!(count(&table).await, Some(2));
    let again = create(&table).await;
    assert!(matches!(again, Err(OperatorError::OrganizationExists(_))), "{again:?}");
    assert_eq!(count(&table).await, Some(2));
}

#[tokio::test]
async fn a_start_knows_of_several_organizations_at_no_cost() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    assert_eq!(latchkey.several_organizations(), None, "nothing is known");
    let read = client::prewarm(&table.client, table.name()).await.expect("read");
    latchkey.observe_deployment(read, sample::now());
    assert_eq!(latchkey.several_organizations(), Some(2));
    delete(&table.store()).await.expect("deleted");
    let read = client::prewarm(&table.client, table.name()).await.expect("read");
    latchkey.observe_deployment(read, sample::now());
    assert_eq!(latchkey.several_organizations(), None);
}

async fn accounts_counted(table: &TestTable) -> Option<String> {
    let items = table.items().await;
    let organization = items.iter().find(|item| {
        item["pk"] == AttributeValue::S("ORG#sample".to_owned())
            && item["sk"] == AttributeValue::S("ORG".to_owned())
    });
    Some(organization?.get("accounts")?.as_n().expect("a number").clone())
}

async fn create_account(table: &TestTable, limit: u32) -> Result<(), OperatorError> {
    let limit = std::num::NonZeroU32::new(limit);
    let policy = KeyPolicy { account_limit: limit, ..KeyPolicy::default() };
    let (name, nothing) = ("ci".parse().expect("a name"), "".parse().expect("a description"));
    let (store, id, now) = (table.store(), sample_organization(), sample::now());
    operator::create_account(&store, &policy, now, id, name, nothing).await.map(drop)
}

/// Runs in a table with the count and in one of version 0.1.0.
#[tokio::test]
async fn an_organization_has_no_more_accounts_than_the_limit() {
    for is_counted in [true, false] {
        let table = TestTable::start().await;
        let forget = async || {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let update = table.client.update_item().table_name(table.name());
            let update = update.key("pk", text("ORG#sample")).key("sk", text("ORG"));
            update.update_expression("REMOVE accounts").send().await.expect("removed");
        };
        if !is_counted {
            forget().await;
        }
        create_account(&table, 4).await.expect("room for a fourth");
        assert_eq!(accounts_counted(&table).await.as_deref(), Some("4"));
        let full = create_account(&table, 4).await.expect_err("full");
        let OperatorError::Failed(error) = full else { panic!("{full:?}") };
        assert_eq!(
            error.to_string(),
            "organization `sample` already has 4 service accounts (the limit); delete one or raise \
             AccountLimit"
        );
        assert_eq!(HttpError::from(error).status(), 409);
        if !is_counted {
            forget().await;
        }
        let account = sample::FULL_ACCOUNT.parse().expect("an id");
        let (store, id) = (table.store(), sample_organization());
        operator::delete_account(&store, sample::now(), &id, &account).await.expect("deleted");
        assert_eq!(accounts_counted(&table).await.as_deref(), Some("3"));
        create_account(&table, 4).await.expect("room again");
        create_account(&table, 0).await.expect("no limit");
        assert_eq!(accounts_counted(&table).await.as_deref(), Some("5"));
    }
}

#[tokio::test]
async fn accounts_that_are_created_at_once_never_exceed_the_limit() {
    let table = TestTable::start().await;
    let create = || create_account(&table, 5);
    let done = tokio::join!(create(), create(), create(), create(), create());
    let done = [done.0, done.1, done.2, done.3, done.4];
    assert!(done.iter().filter(|made| made.is_ok()).count() <= 2);
    let listed = operator::accounts(&table.store(), &sample_organization()).await;
    assert_eq!(listed.expect("a list").len(), 5);
}
