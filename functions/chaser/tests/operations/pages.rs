//! Lists in pages: every entry exactly once, oldest first, whatever happens between two pages.

use std::collections::BTreeSet;

use lambda_http::Request;
use latchkey::page::PageRequest;
use latchkey_local::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey};
use latchkey_local::{Answer, Tenant, TestTable, event, sample};

use crate::common::{Function, account_path, after_hours, full_access, ids, keys_path};

const ACCOUNTS: &str = "/v1/accounts/current/service-accounts";

const NO_CURSOR: &str = "`cursor` is not one that this list gave out to this key within the last \
                         24 hours; start again without it";

/// Every page of a list from `cursor` on, the last one without a cursor.
async fn follow(
    function: &Function,
    token: &str,
    path: &str,
    limit: usize,
    mut cursor: Option<String>,
) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let query = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = function.get(token, &format!("{path}?limit={limit}{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        pages.push(ids(&page));
        assert!(pages.len() < 300, "the pages do not end");
        cursor = page.body["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return pages;
        }
    }
}

fn cursor_of(page: &Answer) -> String {
    page.string("/next_cursor").to_owned()
}

/// Entries and limits: around one page, around a full batch of reads, and one entry a page.
const SIZES: &[(usize, usize)] =
    &[(1, 1), (1, 100), (2, 1), (2, 2), (3, 2), (99, 100), (100, 100), (101, 100), (101, 2)];

/// The pages that `entries` make.
fn paged(entries: &[String], limit: usize) -> Vec<Vec<String>> {
    entries.chunks(limit).map(<[String]>::to_vec).collect()
}

#[tokio::test]
async fn keys_come_exactly_once_and_oldest_first() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let mut keys = vec![tenant.key.clone()];
    for (count, limit) in SIZES {
        while keys.len() < *count {
            keys.push(tenant.add_key(keys.len() as u64).await.0);
        }
        let path = keys_path(tenant.account.as_ref());
        let pages = follow(&function, &tenant.token, &path, *limit, None).await;
        assert_eq!(pages, paged(&keys, *limit), "{count} keys, {limit} a page");
    }
    // Without a limit it is 100.
    let page = function.get(&tenant.token, &keys_path(tenant.account.as_ref())).await;
    assert_eq!((ids(&page).len(), page.body["next_cursor"].is_string()), (100, true));
}

#[tokio::test]
async fn accounts_come_exactly_once_and_oldest_first() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let mut accounts = vec![tenant.account.to_string()];
    for (count, limit) in SIZES {
        while accounts.len() < *count {
            accounts.push(tenant.add_account(accounts.len() as u64).await);
        }
        let pages = follow(&function, &tenant.token, ACCOUNTS, *limit, None).await;
        assert_eq!(pages, paged(&accounts, *limit), "{count} accounts, {limit} a page");
    }
}

#[tokio::test]
async fn keys_that_come_and_go_between_pages_neither_repeat_nor_hide_another() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let path = keys_path(tenant.account.as_ref());
    let mut keys = vec![tenant.key.clone()];
    for millis in 1..=6 {
        keys.push(tenant.add_key(millis).await.0);
    }
    let first = function.get(&tenant.token, &format!("{path}?limit=2")).await;
    assert_eq!(ids(&first), keys[..2]);

    // Revoked, which this dialect still lists: where the cursor stands, and one to come. New: the last.
    for gone in [1, 3] {
        let deleted = function.delete(&tenant.token, &format!("{path}/{}", keys[gone])).await;
        assert_eq!(deleted.status, 204);
    }
    keys.push(tenant.add_key(7).await.0);
    let rest = follow(&function, &tenant.token, &path, 2, Some(cursor_of(&first))).await;
    assert_eq!(rest.concat(), keys[2..]);
}

#[tokio::test]
async fn accounts_that_come_and_go_between_pages_neither_repeat_nor_hide_another() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let mut accounts = vec![tenant.account.to_string()];
    for millis in 1..=6 {
        accounts.push(tenant.add_account(millis).await);
    }
    let first = function.get(&tenant.token, &format!("{ACCOUNTS}?limit=2")).await;
    assert_eq!(ids(&first), accounts[..2]);

    for gone in [1, 3] {
        let deleted = function.delete(&tenant.token, &account_path(&accounts[gone])).await;
        assert_eq!(deleted.status, 204);
    }
    accounts.push(tenant.add_account(7).await);
    let rest = follow(&function, &tenant.token, ACCOUNTS, 2, Some(cursor_of(&first))).await;
    assert_eq!(rest.concat(), [2, 4, 5, 6, 7].map(|index| accounts[index].clone()));
}

/// This dialect lists revoked keys, so they fill pages like all others.
#[tokio::test]
async fn revoked_keys_are_listed_in_their_place() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let path = keys_path(tenant.account.as_ref());
    let mut keys = vec![tenant.key.clone()];
    for millis in 1..=10 {
        let (key, _) = tenant.add_key(millis).await;
        assert_eq!(function.delete(&tenant.token, &format!("{path}/{key}")).await.status, 204);
        keys.push(key);
    }
    for limit in [1, 3, 100] {
        let pages = follow(&function, &tenant.token, &path, limit, None).await;
        assert_eq!(pages, paged(&keys, limit), "{limit} a page");
    }
}

async fn check_refused(function: &Function, token: &str, path: &str, cursor: &str) {
    let refused = function.get(token, &format!("{path}?cursor={cursor}")).await;
    assert_eq!(refused.status, 400, "{path}: {}", refused.text);
    assert_eq!(refused.string("/error/message"), NO_CURSOR);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_key_and_its_list_only() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let (token, path) = (full_access(), keys_path(ACCOUNT));
    let cursor = cursor_of(&function.get(&token, &format!("{path}?limit=2")).await);
    let accounts = cursor_of(&function.get(&token, &format!("{ACCOUNTS}?limit=2")).await);
    assert_eq!(function.get(&token, &format!("{path}?cursor={cursor}")).await.status, 200);

    // Another key of the same account, whose list it is, too.
    check_refused(&function, &SampleKey::Reader.token(), &path, &cursor).await;
    // Another account's keys, and another kind of list.
    check_refused(&function, &token, &keys_path(FULL_ACCOUNT), &cursor).await;
    check_refused(&function, &token, ACCOUNTS, &cursor).await;
    check_refused(&function, &token, &path, &accounts).await;
    // The same list in another dialect.
    let request: Request = event::parse(event::call("GET", &path, &token));
    let other = PageRequest::of(&request, "marker", &["keys", ACCOUNT], sample::now());
    let latchkey = function.latchkey();
    let other = latchkey.marker(&other.expect("a page"), Some("018HULLP3HG1YG7U"));
    check_refused(&function, &token, &path, &other.expect("random").expect("a cursor")).await;
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let (token, path) = (full_access(), keys_path(ACCOUNT));
    let cursor = cursor_of(&function.get(&token, &format!("{path}?limit=1")).await);
    let mut tampered = BTreeSet::from([
        String::new(),
        "018HULLP3HG1YG7U".to_owned(),
        cursor[1..].to_owned(),
        cursor[..cursor.len() - 4].to_owned(),
        format!("{cursor}AAAA"),
        format!("{cursor}="),
    ]);
    for at in (0..cursor.len()).step_by(7) {
        let other = if &cursor[at..=at] == "A" { "B" } else { "A" };
        tampered.insert(format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]));
    }
    for cursor in tampered {
        check_refused(&function, &token, &path, &cursor).await;
    }
    let twice = function.get(&token, &format!("{path}?cursor={cursor}&cursor={cursor}")).await;
    assert_eq!(
        (twice.status, twice.string("/error/message")),
        (400, "the parameter `cursor` must be given once")
    );
}

#[tokio::test]
async fn a_cursor_is_good_for_a_day() {
    let table = TestTable::start().await;
    let (token, path) = (full_access(), keys_path(ACCOUNT));
    let page = Function::over(&table).get(&token, &format!("{path}?limit=1")).await;
    let path_on = format!("{path}?cursor={}", cursor_of(&page));
    let day = Function::at(&table, after_hours(24));
    assert_eq!(day.get(&token, &path_on).await.status, 200);
    let late = Function::at(&table, after_hours(25));
    check_refused(&late, &token, &path, &cursor_of(&page)).await;
}
