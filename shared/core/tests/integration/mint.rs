//! Minting: the key limit, the transaction, and the cost of both.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::account::ServiceAccount;
use latchkey::error::Error;
use latchkey::key::Minted;
use latchkey::policy::{CachePolicy, KeyPolicy};
use latchkey::service::{CallerSecret, Clock, Freshness, IdempotentRequest, MintRequest};
use latchkey::text::Description;
use latchkey::time::Timestamp;
use latchkey::token::Token;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{HttpError, Response, TestTable, text_response};

fn request(account: &str, expires_at: Option<Timestamp>) -> MintRequest {
    MintRequest { account: account.parse().expect("an id"), name: None, scopes: None, expires_at }
}

async fn mint(latchkey: &Latchkey, request: MintRequest) -> Result<Response, Error> {
    let principal = latchkey.verify(&SampleKey::Other.token(), Freshness::Cached).await?;
    latchkey.mint(principal.service_account()?, request, None, respond).await
}

fn respond(minted: &Minted) -> Response {
    text_response(minted.token.expose())
}

fn limit(limit: u32) -> KeyPolicy {
    KeyPolicy { key_limit: NonZeroU32::new(limit), ..KeyPolicy::default() }
}

/// Returns the account's own count of live keys, and the number of keys in its partition.
async fn counts(table: &TestTable) -> (u32, usize) {
    let items = table.items().await;
    let partition = AttributeValue::S(format!("ACCOUNT#{}", sample::OTHER_ACCOUNT));
    let own = || items.iter().filter(|item| item["pk"] == partition);
    let bound = own().find_map(|item| item.get("live_keys")?.as_n().ok()?.parse().ok());
    (bound.expect("an account"), own().filter(|item| item.contains_key("digest")).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_mints_never_exceed_the_limit() {
    let table = TestTable::start().await;
    // One of the ten is the key that mints the others.
    let mints = (0..32).map(|_| {
        let latchkey = table.latchkey(limit(10));
        tokio::spawn(async move { mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await })
    });
    let mut minted = 1;
    for outcome in futures(mints).await {
        match outcome {
            Ok(_) => minted += 1,
            Err(Error::KeyLimitReached { limit: 10, .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(minted, 10);
    assert_eq!(counts(&table).await, (10, 10));
}

async fn futures<T>(tasks: impl Iterator<Item = tokio::task::JoinHandle<T>>) -> Vec<T> {
    let tasks: Vec<_> = tasks.collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a task that ends"));
    }
    outcomes
}

#[tokio::test]
async fn expired_keys_do_not_use_up_the_limit() {
    let table = TestTable::start().await;
    let now = sample::now();
    let soon = now.saturating_add(Duration::from_secs(60));
    let latchkey = table.latchkey_at(limit(3), now);
    for _ in 0..2 {
        mint(&latchkey, request(sample::OTHER_ACCOUNT, Some(soon))).await.expect("room");
    }
    let full = mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await.expect_err("full");
    assert!(matches!(full, Error::KeyLimitReached { limit: 3, .. }), "{full:?}");

    // As soon as the two expire, there is room for exactly two more.
    let later = table.latchkey_at(limit(3), soon);
    for _ in 0..2 {
        mint(&later, request(sample::OTHER_ACCOUNT, None)).await.expect("room again");
    }
    assert_eq!(counts(&table).await, (3, 5));
    let full = mint(&later, request(sample::OTHER_ACCOUNT, None)).await.expect_err("full again");
    assert!(matches!(full, Error::KeyLimitReached { .. }), "{full:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recount_during_mints_never_forgets_one() {
    let table = TestTable::start().await;
    let now = sample::now();
    let soon = now.saturating_add(Duration::from_secs(60));
    for _ in 0..4 {
        let latchkey = table.latchkey_at(limit(5), now);
        mint(&latchkey, request(sample::OTHER_ACCOUNT, Some(soon))).await.expect("room");
    }
    // All mints find the account full by its bound, recount, and mint concurrently.
    let mints = (0..24).map(|_| {
        let latchkey = table.latchkey_at(limit(5), soon);
        tokio::spawn(async move { mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await })
    });
    let minted = futures(mints).await.into_iter().filter(Result::is_ok).count();
    assert!(minted <= 4, "{minted} keys beside the first one, where 4 fit");
    let (bound, keys) = counts(&table).await;
    assert_eq!(keys, 1 + 4 + minted);
    assert_eq!(usize::try_from(bound), Ok(1 + minted));
    let latchkey = table.latchkey_at(limit(5), soon);
    for _ in minted..4 {
        mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await.expect("room that was left");
    }
    let full = mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await.expect_err("full");
    assert!(matches!(full, Error::KeyLimitReached { .. }), "{full:?}");
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(limit(0));
    for _ in 0..12 {
        mint(&latchkey, request(sample::OTHER_ACCOUNT, None)).await.expect("room");
    }
    assert_eq!(counts(&table).await, (13, 13));
}

#[tokio::test]
async fn another_organizations_account_is_indistinguishable_from_none() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let mut texts = Vec::new();
    for account in [sample::ACCOUNT, sample::FULL_ACCOUNT, sample::DISABLED_ACCOUNT, "NONE"] {
        let error = mint(&latchkey, request(account, None)).await.expect_err(account);
        let error = HttpError::from(error);
        texts.push((error.status(), error.to_string().replace(account, "?")));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn a_mint_is_two_round_trips_and_a_known_number_of_units() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let principal =
        latchkey.verify(&SampleKey::Other.token(), Freshness::ForChange).await.expect("valid");
    let caller = principal.service_account().expect("an account");
    let verified = table.meter.take();
    assert_eq!(verified.requests, [("BatchGetItem", 1)].into());
    // The key, its account, and the deployment.
    assert_eq!(verified.units, [("BatchGetItem", 3.0)].into());

    let request = || request(sample::OTHER_ACCOUNT, None);
    latchkey.mint(caller, request(), None, respond).await.expect("room");
    let minted = table.meter.take();
    assert_eq!(minted.requests, [("TransactWriteItems", 1)].into());
    // The account, the key, and the event.
    assert_eq!(minted.units, [("TransactWriteItems", 6.0)].into());

    // Describing the account costs one more read, unless it is the caller's, which is known.
    let describe = |minted: &Minted, _: &ServiceAccount| respond(minted);
    let described = latchkey.mint_and_describe(caller, None, request(), None, describe).await;
    described.expect("room");
    let described = table.meter.take();
    assert_eq!(described.requests, [("GetItem", 1), ("TransactWriteItems", 1)].into());
    assert_eq!(described.units, [("GetItem", 1.0), ("TransactWriteItems", 6.0)].into());
    let authenticated = latchkey
        .authenticate(&SampleKey::Other.token(), Freshness::ForChange)
        .await
        .expect("valid");
    let own = authenticated.account.as_ref();
    table.meter.take();
    let described = latchkey.mint_and_describe(caller, own, request(), None, describe).await;
    described.expect("room");
    assert_eq!(table.meter.take().requests, [("TransactWriteItems", 1)].into());

    // The stored response adds one item.
    let secret = CallerSecret::of(&SampleKey::Other.token());
    let key = "cost".parse().expect("an idempotency key");
    let sent = IdempotentRequest::new(&caller.key, &secret, &key, "mint", &[], b"{}");
    latchkey.mint(caller, request(), Some(sent), respond).await.expect("room");
    let repeatable = table.meter.take();
    assert_eq!(repeatable.units, [("TransactWriteItems", 8.0)].into());
}

/// A consistent read verifies the caller of each request that changes something.
#[tokio::test]
async fn whoever_writes_is_verified_for_two_units_each_time() {
    let table = TestTable::start().await;
    let cache = CachePolicy { ttl: Duration::from_secs(60), entries: 10 };
    let (policy, clock) = (KeyPolicy::default(), Clock::new(sample::now));
    let latchkey = Latchkey::new(table.store(), policy, &cache, clock);
    for (freshness, units) in [
        (Freshness::Cached, Some(1.5)),
        (Freshness::Cached, None),
        (Freshness::ForChange, Some(2.0)),
        (Freshness::ForChange, Some(2.0)),
    ] {
        latchkey.authenticate(&SampleKey::Other.token(), freshness).await.expect("valid");
        assert_eq!(table.meter.take().units.get("BatchGetItem").copied(), units, "{freshness:?}");
    }
}

#[tokio::test]
async fn a_refused_mint_writes_nothing() {
    let table = TestTable::start().await;
    let before = table.items().await.len();
    let latchkey = table.latchkey(KeyPolicy::default());
    let past = Some(sample::now());
    for request in [request(sample::OTHER_ACCOUNT, past), request(sample::ACCOUNT, None)] {
        mint(&latchkey, request).await.expect_err("refused");
    }
    assert_eq!(table.items().await.len(), before);
    assert_eq!(counts(&table).await, (1, 1));
}

#[tokio::test]
async fn an_id_that_is_taken_is_never_overwritten() {
    let table = TestTable::start().await;
    let (key, _) = SampleKey::Other.mint();
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    let policy = KeyPolicy::default();
    let inserted =
        table.store().insert_key(&key, &organization, &policy, sample::now(), None).await;
    assert!(matches!(inserted, Err(Error::Busy)), "{inserted:?}");
    assert_eq!(counts(&table).await, (1, 1));
}

#[tokio::test]
async fn revoking_an_expired_key_never_lowers_the_count_below_the_truth() {
    let table = TestTable::start().await;
    let soon = sample::now().saturating_add(Duration::from_secs(60));
    let latchkey = table.latchkey(KeyPolicy::default());
    let minted = mint(&latchkey, request(sample::OTHER_ACCOUNT, Some(soon))).await.expect("room");
    let token: Token = minted.body.parse().expect("a token");
    assert_eq!(counts(&table).await, (2, 2));
    let (store, policy) = (table.store(), KeyPolicy::default());
    let expired = store.revoke_key(None, token.account(), token.key(), &policy, soon).await;
    assert_eq!(expired.expect("revoked").into_key().revoked_at, Some(soon));
    assert_eq!(counts(&table).await, (2, 2), "counting it out is for the next recount");

    let other = SampleKey::Other.mint().0;
    store.revoke_key(None, &other.spec.account, &other.id, &policy, soon).await.expect("revoked");
    assert_eq!(counts(&table).await, (1, 2));
}

/// Accounts follow the same rule as mints: the response is composed before anything is written.
#[tokio::test]
async fn an_account_or_a_key_whose_answer_cannot_be_composed_is_not_made() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let before = table.items().await;
    let principal =
        latchkey.verify(&SampleKey::Other.token(), Freshness::Cached).await.expect("valid");
    let caller = principal.service_account().expect("an account").clone();
    for way in ["account", "key"] {
        let (latchkey, caller) = (latchkey.clone(), caller.clone());
        let made = tokio::spawn(async move {
            match way {
                "account" => {
                    let name = "nightly report".parse().expect("a name");
                    let respond =
                        |_: &ServiceAccount| -> Response { panic!("no answer, as asked for") };
                    latchkey
                        .create_account(&caller, name, Description::empty(), None, respond)
                        .await
                }
                _ => {
                    let request = request(sample::OTHER_ACCOUNT, None);
                    let respond = |_: &Minted| -> Response { panic!("no answer, as asked for") };
                    latchkey.mint(&caller, request, None, respond).await
                }
            }
        });
        assert!(made.await.is_err_and(|error| error.is_panic()), "{way}");
        assert!(table.items().await == before, "{way} left something");
    }
}
