//! Lists without a limit: everything in one response, as the vendor's SDK expects, and the bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey_http::event::{EventResponse, Payload};
use latchkey_http::{Response, StatusCode};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::{Answer, NO_CACHE, Tenant, TestTable, sample};

use crate::common::{Chaser, Function};

/// The maximum size of a response that Lambda accepts.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LAMBDA_BYTES_MAX: usize = 6 * 1024 * 1024;

#[tokio::test]
async fn one_live_key_behind_a_hundred_revoked_ones_is_listed() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let path = Chaser::keys_path(tenant.account.as_ref());
    let revoke = |item: &mut std::collections::HashMap<_, _>| {
        let at = AttributeValue::N(sample::now().as_millis().to_string());
        item.insert("revoked_at".to_owned(), at);
    };
    tenant.copy_key(&table, 0..101, revoke).await;
    let live = tenant.copy_key(&table, 200..201, |_| ()).await;

    let listed = function.get(&tenant.token, &path).await;
    assert_eq!((listed.ids().len(), listed.body["next_cursor"].is_null()), (103, true));
    let found = listed.entries().iter().filter(|key| key["revoked"].is_null());
    let found: Vec<&str> = found.filter_map(|key| key["id"].as_str()).collect();
    assert_eq!(found, [tenant.key.as_str(), &live[0]]);
}

/// More keys than one read returns; `LATCHKEY_LISTED_KEYS` sets how many. Prints what the list costs.
#[tokio::test]
async fn thousands_of_keys_are_one_list() {
    let count = std::env::var("LATCHKEY_LISTED_KEYS").ok();
    let count = count.map_or(2500, |count| count.parse::<u64>().expect("a number"));
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let mut keys = vec![tenant.key.clone()];
    keys.extend(tenant.copy_key(&table, 1..count, |_| ()).await);
    let function = Function::over(&table);
    table.meter.take();
    let began = Instant::now();
    let listed = function.get(&tenant.token, &Chaser::keys_path(tenant.account.as_ref())).await;
    let (took, used) = (began.elapsed(), table.meter.take());
    println!("{count} keys: {took:?}, {} bytes, {used:?}", weight(&listed));
    assert_eq!((listed.ids(), listed.body["next_cursor"].is_null()), (keys, true));
    assert_eq!(u64::from(used.requests["Query"]), count.div_ceil(1000));
}

/// Names in which each character takes four bytes in the response, and many scopes.
#[tokio::test]
async fn a_list_that_is_too_heavy_is_cut_and_goes_on_at_its_cursor() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let heavy = |item: &mut std::collections::HashMap<_, _>| {
        let scopes = (0..90).map(|n| AttributeValue::S(format!("{n:064}"))).collect();
        item.insert("scopes".to_owned(), AttributeValue::L(scopes));
        item.insert("name".to_owned(), AttributeValue::S("\"".repeat(128)));
    };
    let mut keys = vec![tenant.key.clone()];
    keys.extend(tenant.copy_key(&table, 0..1100, heavy).await);
    let function = Function::over(&table);
    let path = Chaser::keys_path(tenant.account.as_ref());

    let first = function.get(&tenant.token, &path).await;
    let weight = weight(&first);
    assert!(weight < LAMBDA_BYTES_MAX, "{weight} bytes");
    assert!(weight > 5_900_000, "{weight} bytes");
    let cursor = first.string("/next_cursor");
    let rest = function.get(&tenant.token, &format!("{path}?cursor={cursor}")).await;
    assert!(rest.body["next_cursor"].is_null(), "{}", rest.ids().len());
    assert_eq!([first.ids(), rest.ids()].concat(), keys);
}

#[tokio::test]
async fn a_list_that_takes_too_long_is_cut_and_goes_on_at_its_cursor() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let mut keys = vec![tenant.key.clone()];
    keys.extend(tenant.copy_key(&table, 0..2100, |_| ()).await);
    // The clock advances three seconds per reading, so the second thousand is read after six.
    let seconds = Arc::new(AtomicU64::new(0));
    let clock = Clock::new(move || {
        let passed = Duration::from_secs(3 * seconds.fetch_add(1, Ordering::Relaxed));
        sample::now().saturating_add(passed)
    });
    let latchkey = Latchkey::new(table.store(), KeyPolicy::default(), &NO_CACHE, clock);
    let function = Function::new(latchkey);
    let path = Chaser::keys_path(tenant.account.as_ref());
    let first = function.get(&tenant.token, &path).await;
    assert_eq!(first.ids(), keys[..2000]);
    let cursor = first.string("/next_cursor");
    let rest = function.get(&tenant.token, &format!("{path}?cursor={cursor}")).await;
    assert_eq!((rest.ids().as_slice(), rest.body["next_cursor"].is_null()), (&keys[2000..], true));
}

#[tokio::test]
async fn two_hundred_and_fifty_accounts_are_one_list() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let mut accounts = vec![tenant.account.to_string()];
    for millis in 1..250 {
        accounts.push(tenant.add_account(millis).await);
    }
    let listed = Function::over(&table).get(&tenant.token, Chaser::ACCOUNTS).await;
    assert_eq!((listed.ids(), listed.body["next_cursor"].is_null()), (accounts, true));
}

/// The bytes of the response that Lambda receives.
fn weight(answer: &Answer) -> usize {
    let (headers, body) = (answer.headers.clone(), answer.text.clone());
    let response = Response { status: StatusCode::OK, headers, body };
    let event = EventResponse::new(response, Payload::V2);
    serde_json::to_vec(&event).expect("JSON").len()
}
