//! `/v1/webhooks`: webhooks of the caller's organization, and their deliveries.

use std::time::Duration;

use chaser::{AllowedScopes, App, ROUTES, handle};
use latchkey::id::OrganizationId;
use latchkey::policy::KeyPolicy;
use latchkey::webhook::{Delivery, DeliveryStatus};
use latchkey_testkit::{Answer, Tenant, TestTable, event, event_tests, sample};
use serde_json::{Value, json};

use crate::cases;
use crate::common::{Chaser, Function};

const PATH: &str = "/v1/webhooks";
const DELIVERIES: &str = "/v1/webhooks/deliveries";

event_tests!(Chaser, cases::webhooks::successes(), cases::webhooks::refusals());

fn ids(listed: &Answer, list: &str) -> Vec<String> {
    let entries = listed.body[list].as_array().unwrap_or_else(|| panic!("{}", listed.text));
    entries.iter().map(|entry| entry["id"].as_str().expect("an ID").to_owned()).collect()
}

async fn create(function: &Function, token: &str, path: &str) -> Answer {
    let body = json!({ "url": format!("https://hooks.example.com/{path}") }).to_string();
    function.post(token, PATH, &body).await
}

/// A pending delivery like the sample's, `number` seconds after it.
async fn insert(table: &TestTable, number: u64, status: DeliveryStatus) -> String {
    let organization: OrganizationId = sample::ORGANIZATION.parse().expect("an id");
    let store = table.store();
    let id = sample::FAILED_DELIVERY.parse().expect("an id");
    let found = store.delivery(&organization, &id).await.expect("read").expect("a delivery");
    let at = sample::now().saturating_add(Duration::from_secs(number));
    let id = format!("SAMPLEDELIVERY1{number:03}");
    let delivery = Delivery {
        id: id.parse().expect("an id"),
        status,
        created_at: at,
        updated_at: at,
        next_attempt_at: (status == DeliveryStatus::Pending).then_some(at),
        ..found
    };
    assert!(store.create_delivery(&delivery).await.expect("written"));
    id
}

#[tokio::test]
async fn only_the_creation_shows_the_secret_which_no_item_has() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let made = create(&function, &tenant.token, "a").await;
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = made.string("/signing_secret");
    let preview = made.string("/webhook/signing_secret_preview");
    assert_eq!(preview, format!("{}…", &secret[..10]));
    // It is the one that signs deliveries.
    let deployment: latchkey::webhook::DeploymentSecret =
        sample::WEBHOOK_SECRET.parse().expect("a secret");
    let id = made.string("/webhook/id").parse().expect("an id");
    assert_eq!(*deployment.signing_secret(&tenant.organization, &id).expose(), secret);
    let listed = function.get(&tenant.token, PATH).await;
    assert_eq!(listed.body["webhooks"], json!([made.body["webhook"]]));
    let items = format!("{:?}", table.items().await);
    for secret in [&secret["whsec_".len()..], sample::WEBHOOK_SECRET] {
        assert!(!listed.text.contains(secret) && !items.contains(secret));
    }
}

#[tokio::test]
async fn an_organization_has_ten_webhooks_and_no_other_sees_them() {
    let table = TestTable::start().await;
    let [left, right] =
        [Tenant::create(&table, "left").await, Tenant::create(&table, "right").await];
    let function = Function::over(&table);
    let mut made = Vec::new();
    for number in 0..10 {
        let answer = create(&function, &left.token, &number.to_string()).await;
        made.push(answer.string("/webhook/id").to_owned());
    }
    // All at the same millisecond.
    made.sort_unstable();
    let refused = create(&function, &left.token, "more").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.string("/message").contains("already has 10 webhooks (the limit)"));
    assert_eq!(ids(&function.get(&left.token, PATH).await, "webhooks"), made);
    assert_eq!(function.get(&right.token, PATH).await.text, r#"{"webhooks":[]}"#);
    let first = format!("{PATH}/{}", made[0]);
    assert_eq!(function.delete(&right.token, &first).await.status, 404);
    assert_eq!(function.delete(&left.token, &first).await.status, 204);
    assert_eq!(function.delete(&left.token, &first).await.status, 404);
    assert_eq!(create(&function, &left.token, "more").await.status, 200);
}

#[tokio::test]
async fn a_key_needs_the_scope() {
    let table = TestTable::start().await;
    let tenant = Tenant::create(&table, "tenant").await;
    let function = Function::over(&table);
    let mut keys = Vec::new();
    for scope in ["webhooks.read", "webhooks.write"] {
        let body = json!({ "scopes": [scope] }).to_string();
        let made = function.post(&tenant.token, "/v1/keys", &body).await;
        keys.push(made.string("/key").to_owned());
    }
    let [reads, writes] = keys.try_into().expect("two keys");
    assert_eq!(function.get(&reads, PATH).await.status, 200);
    assert_eq!(function.get(&reads, DELIVERIES).await.status, 200);
    assert_eq!(create(&function, &reads, "a").await.status, 403);
    let made = create(&function, &writes, "a").await;
    assert_eq!(made.status, 200, "{}", made.text);
    for path in [PATH, DELIVERIES] {
        let refused = function.get(&writes, path).await;
        let challenge = refused.header("www-authenticate");
        assert!(challenge.ends_with(r#"scope="webhooks.read""#), "{challenge}");
    }
    let path = format!("{PATH}/{}", made.string("/webhook/id"));
    assert_eq!(function.delete(&reads, &path).await.status, 403);
    assert_eq!(function.delete(&writes, &path).await.status, 204);
}

/// With and without filters.
#[tokio::test]
async fn pages_of_any_size_have_every_delivery_once_and_the_newest_first() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let token = sample::full_access();
    let mut expected = ["SAMPLEDELIVERY001", "SAMPLEDELIVERY002"].map(str::to_owned).to_vec();
    let mut pending = Vec::new();
    for number in 0..23 {
        let status = match number % 3 {
            0 => DeliveryStatus::Pending,
            _ => DeliveryStatus::Failed,
        };
        let id = insert(&table, number, status).await;
        if status == DeliveryStatus::Pending {
            pending.push(id.clone());
        }
        expected.push(id);
    }
    // IDs sort by time; those of the samples are as long as they like.
    expected.sort_unstable_by(|left, right| right.cmp(left));
    pending.reverse();
    for (filter, expected) in [
        ("", &expected),
        ("&webhook_id=SAMPLEWEBHOOK001", &expected),
        ("&status=pending", &pending),
        ("&webhook_id=0000", &Vec::new()),
    ] {
        for limit in [1, 2, 7, 24, 25, 100] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = format!("{DELIVERIES}?limit={limit}{filter}{cursor}");
                let page = function.get(&token, &page).await;
                let page_ids = ids(&page, "deliveries");
                assert!(page_ids.len() <= limit, "{limit}{filter}");
                found.extend(page_ids);
                match page.body["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(found, *expected, "{limit}{filter}");
        }
    }
    // A cursor is for one filter.
    let first = function.get(&token, &format!("{DELIVERIES}?limit=1")).await;
    let cursor = first.string("/next_cursor");
    let other = format!("{DELIVERIES}?limit=1&status=pending&cursor={cursor}");
    assert_eq!(function.get(&token, &other).await.status, 400);
}

#[tokio::test]
async fn a_pending_delivery_is_discarded_before_it_is_replayed() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let token = sample::full_access();
    let id = insert(&table, 0, DeliveryStatus::Pending).await;
    let (replay, discard) =
        (format!("{DELIVERIES}/{id}/replay"), format!("{DELIVERIES}/{id}/discard"));
    let refused = function.post(&token, &replay, "").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let message = "it is still pending; wait for its next attempt, or discard it first";
    assert!(refused.string("/message").ends_with(message), "{}", refused.text);
    let discarded = function.post(&token, &discard, "").await;
    assert_eq!(discarded.string("/delivery/status"), "discarded");
    assert_eq!(discarded.body["delivery"]["next_attempt_at"], Value::Null);
    let new = function.post(&token, &replay, "").await;
    assert_eq!(new.string("/delivery/replayed_from_delivery_id"), id);
    let old = function.get(&token, &format!("{DELIVERIES}/{id}")).await;
    assert_eq!(old.body["delivery"]["replayed_at"], new.body["delivery"]["created_at"]);
    // A delivery of a webhook that is gone stays, but nothing is sent to it.
    let webhook = format!("{PATH}/{}", sample::WEBHOOK);
    assert_eq!(function.delete(&token, &webhook).await.status, 204);
    assert_eq!(function.get(&token, &format!("{DELIVERIES}/{id}")).await.status, 200);
    let refused = function.post(&token, &replay, "").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.string("/message").contains("is deleted or disabled"), "{}", refused.text);
}

/// As any path that does not exist, and without a request to the table.
#[tokio::test]
async fn without_webhooks_their_paths_do_not_exist() {
    let table = TestTable::start().await;
    let latchkey = table.latchkey(KeyPolicy::default());
    let app = App::new(latchkey, AllowedScopes::parse("").expect("the default"));
    let of_webhooks: Vec<_> = ROUTES.iter().filter(|route| route.path.starts_with(PATH)).collect();
    assert_eq!(of_webhooks.len(), 7);
    assert!(ROUTES[ROUTES.len() - 7..].iter().all(|route| route.path.starts_with(PATH)));
    table.meter.take();
    for route in ROUTES {
        let path = route.path.replace(['{', '}'], "");
        let event = event::call(route.method, &path, "no key");
        let answer = Answer::from(handle(&app, event::request(event, "id")).await);
        let expected = if route.path.starts_with(PATH) { 404 } else { 401 };
        assert_eq!(answer.status, expected, "{} {path}", route.method);
    }
    assert!(table.meter.take().requests.is_empty());
}

/// The documents say what that costs.
#[tokio::test]
async fn webhooks_cost_what_they_read_and_write() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let token = sample::full_access();
    let delivery = format!("{DELIVERIES}/{}", sample::FAILED_DELIVERY);
    let webhook = format!("{PATH}/{}", sample::WEBHOOK);
    let body = r#"{"url":"https://hooks.example.com/"}"#;
    // Besides the verification of the key: reads, and writes.
    for (method, path, body, reads, writes) in [
        ("GET", PATH, "", Some(("Query", 1.0)), None),
        ("GET", DELIVERIES, "", Some(("Query", 1.0)), None),
        ("GET", &delivery, "", Some(("GetItem", 1.0)), None),
        // The head of the organization's chain of events is not known yet.
        ("POST", PATH, body, Some(("GetItem", 1.0)), Some(6.0)),
        ("POST", PATH, body, None, Some(6.0)),
        ("POST", &format!("{delivery}/discard"), "", Some(("GetItem", 1.0)), Some(2.0)),
        ("POST", &format!("{delivery}/replay"), "", Some(("GetItem", 1.0)), Some(6.0)),
        ("DELETE", &webhook, "", None, Some(6.0)),
    ] {
        table.meter.take();
        let answer = function.answer(event::call_with(method, path, &token, body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        let mut units = table.meter.take().units;
        assert!(units.remove("BatchGetItem").is_some());
        let expected = reads.into_iter().chain(writes.map(|units| ("TransactWriteItems", units)));
        assert!(units.into_iter().eq(expected), "{method} {path}");
    }
}
