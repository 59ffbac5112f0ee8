//! `/v1/audit/events`: who changed what in the caller's organization.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::{Clock, operator};
use latchkey_testkit::secrets::Secrets;
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::{Answer, NO_CACHE, Tenant, TestTable, event_tests, sample};
use serde_json::{Value, json};

use crate::cases;
use crate::common::{Chaser, Function};

const PATH: &str = "/v1/audit/events";

event_tests!(Chaser, cases::audit::successes(), cases::audit::refusals());

/// The values of `field` in every event of a list.
fn all<'a>(listed: &'a Answer, field: &str) -> Vec<&'a str> {
    listed.entries().iter().map(|event| event[field].as_str().expect("a string")).collect()
}

/// Creates, renames, rotates, and revokes keys of a new account, and disables, enables, and deletes it. Returns
/// the account, its first key, the successor, and the tokens of both.
async fn life_of_an_account(function: &Function, token: &str) -> [String; 5] {
    let made = function.post(token, Chaser::ACCOUNTS, r#"{"name":"robot"}"#).await;
    let account = made.id().to_owned();
    let keys = Chaser::keys_path(&account);
    let first = function.post(token, &keys, r#"{"name":"ci","scopes":["files.read"]}"#).await;
    let key = Chaser::key_path(&account, first.string("/id"));
    let body = r#"{"name":"renamed","scopes":["files.read","files.write"]}"#;
    assert_eq!(function.patch(token, &key, body).await.status, 200);
    let next = function.post(token, &format!("{key}/rotate"), "{}").await;
    assert_eq!(function.delete(token, &key).await.status, 204);
    for body in [r#"{"disabled":true}"#, r#"{"disabled":false}"#, r#"{"name":"machine"}"#] {
        let path = Chaser::account_path(&account);
        assert_eq!(function.patch(token, &path, body).await.status, 200, "{body}");
    }
    assert_eq!(function.delete(token, &Chaser::account_path(&account)).await.status, 204);
    let [(first, first_key), (next, next_key)] =
        [first, next].map(|made| (made.string("/id").to_owned(), made.string("/key").to_owned()));
    [account, first, next, first_key, next_key]
}

#[tokio::test]
async fn every_change_is_listed_with_who_and_what() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let [account, first, next, first_token, next_token] =
        life_of_an_account(&function, &tenant.token).await;
    let listed = function.get(&tenant.token, PATH).await;
    let mut newest = all(&listed, "action");
    newest.reverse();
    let expected = [
        "service_account.create",
        "api_key.create",
        "api_key.update",
        "api_key.rotate",
        "api_key.create",
        "api_key.revoke",
        "service_account.disable",
        "service_account.enable",
        "service_account.update",
        "service_account.delete",
    ];
    // Before them are the events of the tenant itself, by an operator without a known identity.
    assert_eq!(newest[newest.len() - expected.len()..], expected);
    let oldest = listed.entries().last().expect("an event");
    assert_eq!((&oldest["actor_type"], &oldest["actor_id"]), (&json!("operator"), &json!("")));
    assert_eq!(oldest["metadata"]["key_id"], Value::Null);

    let updated = function.get(&tenant.token, &format!("{PATH}?action=api_key.update")).await;
    let [updated] = updated.entries() else { panic!("{}", updated.text) };
    let expected = json!({
        "id": updated["id"],
        "actor_type": "service_account",
        "actor_id": tenant.account.as_ref(),
        "action": "api_key.update",
        "resource_type": "api_key",
        "resource_id": first,
        "status": "success",
        "summary": format!("Updated API key {first}"),
        "created_at": updated["created_at"],
        "metadata": {
            "organization_id": "tenant",
            "key_id": tenant.key,
            "service_account_id": account,
            "request_id": "8d3f5a0e-0000-4000-8000-000000000000",
            "changes": {
                "name": { "old": "ci", "new": "renamed" },
                "scopes": { "old": ["files.read"], "new": ["files.read", "files.write"] },
            },
        },
    });
    assert_eq!(*updated, expected);

    let of_key = function.get(&tenant.token, &format!("{PATH}?resource_id={first}")).await;
    let expected = ["api_key.revoke", "api_key.rotate", "api_key.update", "api_key.create"];
    assert_eq!(all(&of_key, "action"), expected);
    assert_eq!(of_key.string("/events/1/metadata/changes/rotated_to/new"), next);
    let filter = format!("{PATH}?resource_id={next}&resource_type=api_key&status=success&limit=1");
    let successor = function.get(&tenant.token, &filter).await;
    assert_eq!(all(&successor, "summary"), [format!("Created API key {next}")]);
    assert_eq!(successor.string("/events/0/metadata/changes/rotated_from/new"), first);

    let mut secrets = Secrets::of_samples();
    for token in [&tenant.token, &first_token, &next_token] {
        secrets.add(token);
    }
    secrets.check(&listed.text, "the list of events");
    secrets.check_items(&table).await;
}

/// Requests pages of `limit` events that meet `filter`, each before the last event of the page before.
async fn pages(function: &Function, token: &str, filter: &str, limit: usize) -> Vec<Value> {
    let (mut events, mut before) = (Vec::new(), String::new());
    loop {
        let page = function.get(token, &format!("{PATH}?limit={limit}{filter}{before}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let Some(last) = page.entries().last() else { return events };
        before = format!("&before={}", last["created_at"].as_str().expect("a time"));
        events.extend_from_slice(page.entries());
        assert!(page.entries().len() == limit || limit > 1, "a page of one");
    }
}

#[tokio::test]
async fn pages_of_any_size_have_every_event_once() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    // All at the same millisecond.
    for _ in 0..3 {
        life_of_an_account(&function, &tenant.token).await;
    }
    let whole = function.get(&tenant.token, &format!("{PATH}?limit=500")).await;
    let whole = whole.entries();
    assert!(whole.len() > 30, "{}", whole.len());
    for filter in ["", "&action=api_key.create", "&resource_type=service_account"] {
        let wanted = filter.split_once('=').map(|(_, value)| Value::from(value));
        let meets = |event: &&Value| match &wanted {
            Some(wanted) => [&event["action"], &event["resource_type"]].contains(&wanted),
            None => true,
        };
        let expected: Vec<Value> = whole.iter().filter(meets).cloned().collect();
        for limit in [1, 2, 7, 500] {
            let found = pages(&function, &tenant.token, filter, limit).await;
            assert_eq!(found, expected, "{filter}, {limit}");
        }
    }
}

/// A page without a filter reads only its own events. The documents say what that costs.
#[tokio::test]
async fn a_page_costs_what_it_reads() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    for _ in 0..12 {
        life_of_an_account(&function, &tenant.token).await;
    }
    for (query, found, requests, units) in [
        ("limit=0", 0, None, None),
        ("status=failure", 0, None, None),
        ("limit=1", 1, Some(1), Some(1.0)),
        ("limit=100", 100, Some(1), Some(11.0)),
        // The first read shows that the search needs larger ones.
        ("limit=100&resource_type=organization", 1, Some(2), Some(14.0)),
    ] {
        table.meter.take();
        let listed = function.get(&tenant.token, &format!("{PATH}?{query}")).await;
        let used = table.meter.take();
        let used = (used.requests.get("Query").copied(), used.units.get("Query").copied());
        assert_eq!((listed.entries().len(), used), (found, (requests, units)), "{query}");
    }
}

#[tokio::test]
async fn a_key_needs_the_scope_and_sees_only_its_organization() {
    let table = TestTable::start().await;
    let [left, right] =
        [Tenant::create(&table, "left").await, Tenant::create(&table, "right").await];
    let function = Function::over(&table);
    life_of_an_account(&function, &left.token).await;
    let body = r#"{"scopes":["audit.read"]}"#;
    for tenant in [&left, &right] {
        let made = function.post(&tenant.token, "/v1/keys", body).await;
        let listed = function.get(made.string("/key"), PATH).await;
        assert_eq!(listed.status, 200, "{}", listed.text);
        for event in listed.entries() {
            let organization = &event["metadata"]["organization_id"];
            assert_eq!(organization, tenant.organization.as_ref(), "{event}");
        }
        assert!(all(&listed, "resource_id").contains(&made.string("/id")), "{}", listed.text);
        // Not even by the ID of the other's account.
        let other = if tenant.key == left.key { &right } else { &left };
        let path = format!("{PATH}?resource_id={}", other.account);
        assert_eq!(function.get(made.string("/key"), &path).await.text, r#"{"events":[]}"#);
    }
}

#[tokio::test]
async fn an_organization_does_not_see_the_events_of_a_deleted_one_with_its_id() {
    let table = TestTable::start().await;
    let former = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let [account, ..] = life_of_an_account(&function, &former.token).await;
    let store = table.store();
    let id = &former.organization;
    operator::delete_organization(&store, sample::now(), id).await.expect("deleted");
    let tenant = Tenant::create(&table, "tenant").await;
    let listed = function.get(&tenant.token, PATH).await;
    let created = ["organization.create", "service_account.create", "api_key.create"];
    let mut found = all(&listed, "action");
    found.sort_unstable();
    let mut expected = created;
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", listed.text);
    for id in [account.as_str(), former.account.as_ref(), &former.key] {
        assert!(!listed.text.contains(id), "{}", listed.text);
        let found = function.get(&tenant.token, &format!("{PATH}?resource_id={id}")).await;
        assert_eq!(found.text, r#"{"events":[]}"#);
    }
}

/// Each look at the clock is three seconds later, so that a search ends after its second read.
fn hurried(table: &TestTable) -> Function {
    let seconds = Arc::new(AtomicU64::new(0));
    let clock = Clock::new(move || {
        let passed = Duration::from_secs(3 * seconds.fetch_add(1, Ordering::Relaxed));
        sample::now().saturating_add(passed)
    });
    Function::new(Latchkey::new(table.store(), KeyPolicy::default(), &NO_CACHE, clock))
}

/// A client that does what the messages of rejected requests say finds everything.
#[tokio::test]
async fn a_search_that_takes_too_long_is_rejected_and_says_how_to_go_on() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let [_, first, ..] = life_of_an_account(&function, &tenant.token).await;
    // Behind these are the events of the account.
    copy_newest_event(&table, 1..2501, |_| ()).await;
    let path = format!("{PATH}?resource_id={first}");
    let expected = function.get(&tenant.token, &path).await;
    assert_eq!(expected.entries().len(), 4);

    let hurried = hurried(&table);
    let (mut found, mut limit, mut before) = (Vec::new(), 3, String::new());
    let mut rejected = Vec::new();
    loop {
        let page = hurried.get(&tenant.token, &format!("{path}&limit={limit}{before}")).await;
        if page.status == 200 {
            found.extend_from_slice(page.entries());
            if page.entries().len() < limit {
                break;
            }
            limit = 3;
            let last = page.entries().last().expect("an event");
            before = format!("&before={}", last["created_at"].as_str().expect("a time"));
            continue;
        }
        assert_eq!(page.status, 400, "{}", page.text);
        let message = page.string("/message");
        let value = message.split_whitespace().nth(3).expect("a value").trim_matches('`');
        rejected.push(message.split_once(' ').expect("a parameter").0.to_owned());
        assert!(rejected.len() < 100, "{message}");
        if message.starts_with("`limit` must be at most ") {
            limit = message.split_whitespace().nth(5).expect("a number").parse().expect("a number");
            assert!((1..3).contains(&limit), "{message}");
            assert!(message.ends_with("takes too long; continue with `before`"), "{message}");
        } else {
            assert!(message.ends_with(", which found no event since then"), "{message}");
            before = format!("&before={value}");
        }
    }
    assert_eq!(found, expected.entries());
    assert!(rejected.contains(&"`before`".to_owned()), "{rejected:?}");
}

/// Some of the wanted events are found in time, and the rest is not.
#[tokio::test]
async fn a_page_with_fewer_events_than_wanted_is_the_last() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    copy_newest_event(&table, -12_500..-10_000, |_| ()).await;
    let [_, first, ..] = life_of_an_account(&function, &tenant.token).await;
    let path = format!("{PATH}?resource_id={first}");
    let expected = function.get(&tenant.token, &path).await;
    let hurried = hurried(&table);
    let page = hurried.get(&tenant.token, &path).await;
    let message = "`limit` must be at most 4 here, because the search for more takes too long; \
                   continue with `before`";
    assert_eq!((page.status, page.body), (400, Chaser::refusal(400, message)));
    let page = hurried.get(&tenant.token, &format!("{path}&limit=4")).await;
    assert_eq!((page.status, page.body), (200, expected.body));
}

/// The largest response of Lambda. Source:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LAMBDA_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Events with names in which each character takes four bytes in the response, and many scopes.
#[tokio::test]
async fn more_events_than_a_response_can_have_are_rejected_with_the_number_that_fits() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let text = |text: String| AttributeValue::S(text);
    let heavy = |item: &mut HashMap<_, _>| {
        let list = (0..90).map(|n| text(format!("{n:064}"))).collect();
        let change = |value: AttributeValue| {
            let sides = [("old".to_owned(), value.clone()), ("new".to_owned(), value)];
            AttributeValue::M(sides.into())
        };
        let changes = [
            ("name".to_owned(), change(text("\"".repeat(128)))),
            ("scopes".to_owned(), change(AttributeValue::L(list))),
        ];
        item.insert("changes".to_owned(), AttributeValue::M(changes.into()));
    };
    copy_newest_event(&table, 1..501, heavy).await;
    let refused = function.get(&tenant.token, &format!("{PATH}?limit=500")).await;
    assert_eq!(refused.status, 400, "{}", refused.status);
    let message = refused.string("/message");
    let fits =
        message.strip_prefix("`limit` must be at most ").and_then(|rest| rest.split_once(' '));
    let (fits, reason) = fits.expect("a number");
    let expected =
        "here, because more of these events exceed the size of a response; continue with `before`";
    assert_eq!(reason, expected);
    let page = function.get(&tenant.token, &format!("{PATH}?limit={fits}")).await;
    let weight = serde_json::to_string(&page.text).expect("JSON").len();
    assert!((5_900_000..LAMBDA_BYTES_MAX).contains(&weight), "{weight} bytes");
    let rest = pages(&function, &tenant.token, "", fits.parse().expect("a number")).await;
    assert_eq!(rest.len(), 503);
    let default = function.get(&tenant.token, PATH).await;
    assert_eq!((default.status, default.entries().len()), (200, 100));
}

/// Adds copies of the newest event of the tenant, each `change`d, `micros` later than that.
async fn copy_newest_event(
    table: &TestTable,
    micros: Range<i64>,
    change: impl Fn(&mut HashMap<String, AttributeValue>),
) {
    let items = table.items().await;
    let of_tenant =
        |item: &&HashMap<_, AttributeValue>| item["pk"].as_s().is_ok_and(|pk| pk == "AUDIT#tenant");
    let newest = items.iter().filter(of_tenant).max_by_key(|item| item["sk"].as_s().ok().cloned());
    let newest = newest.expect("an event");
    let time: i64 = newest["sk"].as_s().expect("a text").parse().expect("a number");
    let copies: Vec<_> = micros
        .map(|later| {
            let mut item = newest.clone();
            item.insert("sk".to_owned(), AttributeValue::S(format!("{:018}", time + later)));
            change(&mut item);
            let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    // The maximum of a batch.
    for copies in copies.chunks(25) {
        let batch = table.client.batch_write_item().request_items(table.name(), copies.to_vec());
        batch.send().await.expect("a batch");
    }
}
