//! Announcing keys before they end, and keys that nobody uses.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use latchkey::audit::{AuditPolicy, Event, Value};
use latchkey::error::causes;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::key::Key;
use latchkey::operator::{self, MintSpec};
use latchkey::policy::KeyPolicy;
use latchkey::store::{EventRange, KeyStore, ReviewWalk};
use latchkey::time::Timestamp;
use latchkey::warning::WarningPolicy;
use latchkey::warnings::{self, Report};
use latchkey_testkit::{TestTable, sample};
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn policy(steps: &[u16], unused: Option<u16>) -> KeyPolicy {
    let warnings = WarningPolicy { steps: steps.to_vec(), unused };
    KeyPolicy { key_limit: None, warnings, ..KeyPolicy::default() }
}

/// The time a number of days after the sample's.
fn day(days: u32) -> Timestamp {
    sample::now().saturating_add(DAY * days)
}

fn account() -> ServiceAccountId {
    sample::ACCOUNT.parse().expect("an id")
}

async fn mint(store: &KeyStore, policy: &KeyPolicy, ends: Option<Timestamp>) -> Key {
    let name = Some("ci".parse().expect("a name"));
    let spec = MintSpec { name, expires_at: ends, ..MintSpec::default() };
    let minted = operator::mint_key(store, policy, sample::now(), &account(), spec).await;
    minted.expect("a key").key
}

async fn run(store: &KeyStore, policy: &KeyPolicy, now: Timestamp) -> Report {
    let until = Instant::now() + HOUR;
    warnings::run(store, policy, now, until).await.expect("a run")
}

/// A report of a whole run that announced keys, by their steps.
fn told(steps: &[(u16, u64)], unused: u64) -> Report {
    let expiring = steps.iter().copied().collect::<BTreeMap<_, _>>();
    Report { expiring, unused, finished: true, ..Report::default() }
}

async fn announcements(store: &KeyStore, trail: Option<&str>) -> Vec<Event> {
    let trail: Option<OrganizationId> = trail.map(|id| id.parse().expect("an id"));
    let announced =
        |event: &Event| event.action.ends_with(".expiring") || event.action.ends_with(".unused");
    let range = EventRange::default();
    operator::events(store, trail.as_ref(), range, 1000, announced).await.expect("events")
}

fn new<'a>(event: &'a Event, field: &str) -> Option<&'a str> {
    match event.changes.get(field)?.new.as_ref()? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// How many keys are in the index.
async fn indexed(table: &TestTable) -> usize {
    table.items().await.iter().filter(|item| item.contains_key("review")).count()
}

/// A table that the rules apply to, without sample keys that end.
async fn table(policy: &KeyPolicy) -> TestTable {
    let table = TestTable::start().await;
    let mut items = table.items().await;
    items.retain(|item| !item.contains_key("expires_at"));
    table.reset(&items).await;
    let (policy, from) = (policy.warnings.clone(), sample::now());
    let walk = ReviewWalk { policy, left: 0, from, seen: from, position: None };
    table.store().keep_review_walk(&walk).await.expect("kept");
    table
}

#[tokio::test]
async fn a_key_is_announced_once_for_each_step_in_the_trail_of_its_organization() {
    let policy = policy(&[7, 1], None);
    let table = table(&policy).await;
    let store = table.store();
    let key = mint(&store, &policy, Some(day(10))).await;
    mint(&store, &policy, None).await;
    assert_eq!(indexed(&table).await, 1, "a key without an end is not looked at");

    assert_eq!(run(&store, &policy, day(2)).await.expiring, BTreeMap::new());
    assert_eq!(run(&store, &policy, day(3)).await, told(&[(7, 1)], 0));
    assert_eq!(run(&store, &policy, day(3)).await, told(&[], 0));
    assert_eq!(run(&store, &policy, day(9).saturating_add(HOUR)).await, told(&[(1, 1)], 0));
    assert_eq!(indexed(&table).await, 0, "the last step is over");

    let events = announcements(&store, Some(sample::ORGANIZATION)).await;
    let [one, seven] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!([new(seven, "days"), new(one, "days")], [Some("7"), Some("1")]);
    assert_eq!(seven.action, "api_key.expiring");
    assert_eq!((&*seven.actor.kind, seven.actor.id.as_deref()), ("system", Some("warnings")));
    assert_eq!((&*seven.resource.kind, &*seven.resource.id), ("api_key", key.id.as_ref()));
    assert_eq!(new(seven, "expires_at"), Some(&*day(10).to_string()));
    assert_eq!(new(seven, "name"), Some("ci"));
    assert_eq!(seven.time.timestamp(), day(3));
    let id = sample::ORGANIZATION.parse().expect("an id");
    let whole = operator::verify_trail(&store, Some(&id), &[], day(9)).await;
    whole.expect("readable").expect("a whole trail");
}

#[tokio::test]
async fn a_root_key_is_announced_in_the_trail_of_the_deployment() {
    let policy = policy(&[1], Some(3));
    let table = table(&policy).await;
    let store = table.store();
    let minted = operator::create_root_key(&store, &policy, sample::now(), Some(day(5))).await;
    let id = minted.expect("a key").key.id;
    run(&store, &policy, day(4)).await;
    let events = announcements(&store, None).await;
    let of_key: Vec<_> = events.iter().filter(|event| event.resource.id == id.as_ref()).collect();
    let actions: Vec<_> = of_key.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["root_key.unused", "root_key.expiring"]);
    assert!(of_key.iter().all(|event| event.resource.kind == "root_key"));
}

#[tokio::test]
async fn a_key_that_ended_early_is_not_announced() {
    let policy = policy(&[7, 1], None);
    let table = table(&policy).await;
    let store = table.store();
    let revoked = mint(&store, &policy, Some(day(10))).await;
    operator::revoke_key(&store, &policy, day(1), &account(), &revoked.id).await.expect("revoked");
    // Its next plan is after the rotation, and it is announced before the end of the grace period.
    let rotated = mint(&store, &policy, Some(day(30))).await;
    let request = latchkey::service::RotateRequest {
        account: account(),
        key: rotated.id.clone(),
        grace: DAY * 3,
    };
    let rotation = operator::rotate_key(&store, &policy, day(1), &request).await.expect("rotated");
    for hours in 0..24 * 5 {
        run(&store, &policy, sample::now().saturating_add(HOUR * hours)).await;
    }
    let events = announcements(&store, Some(sample::ORGANIZATION)).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&*event.resource.id, event.time.timestamp()), (rotated.id.as_ref(), day(3)));
    assert_eq!(new(event, "days"), Some("1"));
    let items = table.items().await;
    let indexed = items.iter().filter(|item| item.contains_key("review"));
    let indexed: Vec<_> = indexed.map(|item| item["id"].as_s().expect("an id")).collect();
    assert_eq!(indexed, [rotation.minted.key.id.as_ref()], "only the new key is still looked at");
}

#[tokio::test]
async fn an_unused_key_is_announced_once_until_it_is_used_again() {
    let rules = policy(&[], Some(10));
    let table = table(&rules).await;
    let store = table.store();
    let key = mint(&store, &rules, None).await;
    let of_key = async |at: Timestamp| {
        run(&store, &rules, at).await;
        let events = announcements(&store, Some(sample::ORGANIZATION)).await;
        events.into_iter().filter(|event| event.resource.id == key.id.as_ref()).collect::<Vec<_>>()
    };
    assert_eq!(of_key(day(9)).await.len(), 0);
    let events = of_key(day(10)).await;
    assert_eq!(events.len(), 1);
    assert_eq!((&*events[0].action, new(&events[0], "days")), ("api_key.unused", Some("10")));
    assert_eq!(new(&events[0], "last_used_at"), None, "it was never used");
    assert_eq!(of_key(day(25)).await.len(), 1, "once");

    use_key(&table, &key, day(26)).await;
    assert_eq!(of_key(day(35)).await.len(), 1, "it was used nine days ago");
    let events = of_key(day(36)).await;
    assert_eq!(events.len(), 2);
    assert_eq!(new(&events[0], "last_used_at"), Some(&*day(26).to_string()));
}

/// Records a use as a verification does.
async fn use_key(table: &TestTable, key: &Key, at: Timestamp) {
    let text = |text: String| AttributeValue::S(text);
    let update = table
        .client
        .update_item()
        .table_name(table.name())
        .key("pk", text(format!("ACCOUNT#{}", key.spec.account)))
        .key("sk", text(format!("KEY#{}", key.id)))
        .update_expression("SET last_used_at = :at")
        .expression_attribute_values(":at", AttributeValue::N(at.as_millis().to_string()));
    update.send().await.expect("used");
}

#[tokio::test]
async fn new_rules_apply_to_the_keys_that_the_table_has() {
    let (table, off, on) = (TestTable::start().await, KeyPolicy::default(), policy(&[7, 1], None));
    let store = table.store();
    mint(&store, &off, Some(day(10))).await;
    mint(&store, &off, Some(day(5))).await;
    assert_eq!(indexed(&table).await, 0);

    // One of the sample's keys ends, too.
    assert_eq!(run(&store, &on, day(0)).await, Report { indexed: 3, ..told(&[], 0) });
    table.meter.take();
    run(&store, &on, day(0).saturating_add(HOUR)).await;
    assert_eq!(table.meter.take().requests.get("Scan"), None, "the table was walked");
    // A function with the old rules was still at work.
    mint(&store, &off, Some(day(20))).await;
    assert_eq!(run(&store, &on, day(1)).await, Report { indexed: 1, ..told(&[], 0) });
    assert_eq!(run(&store, &on, day(3)).await, told(&[(7, 1)], 0));
    assert_eq!(run(&store, &on, day(4)).await, told(&[(1, 1)], 0));

    // Rules that change again repeat nothing. A key that is looked at too early is planned anew then.
    let other = policy(&[3], None);
    assert_eq!(run(&store, &other, day(4)).await, Report { indexed: 1, ..told(&[], 0) });
    assert_eq!(run(&store, &other, day(7)).await, told(&[(3, 1)], 0));
}

/// Such as after they were off: who wrote keys meanwhile knew of no rules.
#[tokio::test]
async fn after_a_pause_the_rules_apply_to_the_keys_that_were_written_in_it() {
    let on = policy(&[7, 1], None);
    let table = table(&on).await;
    let store = table.store();
    mint(&store, &KeyPolicy::default(), Some(day(10))).await;
    let two = HOUR * 2;
    assert_eq!(run(&store, &on, day(0).saturating_add(two)).await, told(&[], 0));
    let later = run(&store, &on, day(0).saturating_add(two * 2 + HOUR)).await;
    assert_eq!(later, Report { indexed: 1, ..told(&[], 0) });
    assert_eq!(run(&store, &on, day(3)).await, told(&[(7, 1)], 0));
}

#[tokio::test]
async fn a_damaged_item_holds_up_no_key() {
    let on = policy(&[7, 1], None);
    let table = TestTable::start().await;
    let store = table.store();
    mint(&store, &KeyPolicy::default(), Some(day(10))).await;
    for (partition, sort) in [(sample::ACCOUNT, "KEY#DAMAGED"), ("NOBODY", "KEY#0197D3N19KNDD6Z5")]
    {
        let put = table.client.put_item().table_name(table.name());
        put.item("pk", AttributeValue::S(format!("ACCOUNT#{partition}")))
            .item("sk", AttributeValue::S(sort.to_owned()))
            .item("review", AttributeValue::S("0".to_owned()))
            .item("review_at", AttributeValue::N("0".to_owned()))
            .send()
            .await
            .expect("written");
    }
    let walked = run(&store, &on, day(0)).await;
    assert!(walked.indexed >= 1 && walked.failed >= 2, "{walked:?}");
    assert_eq!(run(&store, &on, day(3)).await.expiring, BTreeMap::from([(7, 1)]));
    // The rules that it keeps are damaged, too.
    let put = table.client.put_item().table_name(table.name());
    let name = || AttributeValue::S("WARNINGS".to_owned());
    put.item("pk", name()).item("sk", name()).send().await.expect("written");
    assert_eq!(operator::warning_rules(&store).await.expect("rules"), WarningPolicy::default());
    assert_eq!(run(&store, &on, day(9)).await.expiring, BTreeMap::from([(1, 1)]));
    assert_eq!(operator::warning_rules(&store).await.expect("rules"), on.warnings);
}

#[tokio::test]
async fn a_run_without_time_leaves_everything_to_the_next_one() {
    let policy = policy(&[1], None);
    let table = table(&policy).await;
    let store = table.store();
    mint(&store, &policy, Some(day(2))).await;
    let report = warnings::run(&store, &policy, day(1), Instant::now()).await.expect("a run");
    assert_eq!(report, Report::default());
    assert_eq!(run(&store, &policy, day(1)).await, told(&[(1, 1)], 0));
}

#[tokio::test]
async fn more_keys_than_a_page_are_each_announced_once() {
    let policy = policy(&[7], None);
    let table = table(&policy).await;
    let store = table.store();
    for _ in 0..230 {
        mint(&store, &policy, Some(day(10))).await;
    }
    assert_eq!(run(&store, &policy, day(3)).await, told(&[(7, 230)], 0));
    let events = announcements(&store, Some(sample::ORGANIZATION)).await;
    let mut keys: Vec<_> = events.iter().map(|event| event.resource.id.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((events.len(), keys.len()), (230, 230));
}

#[tokio::test]
async fn without_a_trail_a_key_is_announced_once_too() {
    let policy = policy(&[7], None);
    let table = table(&policy).await;
    let store = table.store().with_audit(AuditPolicy { enabled: false, retention: None });
    mint(&store, &policy, Some(day(10))).await;
    assert_eq!(run(&store, &policy, day(3)).await, told(&[(7, 1)], 0));
    assert_eq!(run(&store, &policy, day(3)).await, told(&[], 0));
    assert_eq!(announcements(&store, Some(sample::ORGANIZATION)).await, []);
}

/// What a deployment pays for warnings: nothing but some reads in a run without work.
#[tokio::test]
async fn a_run_costs_little_and_an_announcement_little_more() {
    let policy = policy(&[7], None);
    let table = table(&policy).await;
    let store = table.store();
    for _ in 0..10 {
        mint(&store, &policy, Some(day(10))).await;
    }
    run(&store, &policy, day(2)).await;
    table.meter.take();
    run(&store, &policy, day(2).saturating_add(HOUR)).await;
    let idle = table.meter.take();
    assert_eq!(idle.requests, BTreeMap::from([("GetItem", 1), ("PutItem", 1), ("Query", 8)]));
    run(&store, &policy, day(3).saturating_sub(HOUR)).await;
    table.meter.take();
    assert_eq!(run(&store, &policy, day(3)).await, told(&[(7, 10)], 0));
    let busy = table.meter.take();
    println!("idle {idle:?}\n10 keys {busy:?}");
    assert_eq!(busy.requests["TransactWriteItems"], 10);
}

#[tokio::test]
async fn an_operator_uses_the_rules_of_the_deployment() {
    let rules = policy(&[7, 1], Some(90));
    let table = TestTable::start().await;
    let store = table.store();
    let known = async || operator::warning_rules(&store).await.expect("rules");
    assert_eq!(known().await, WarningPolicy::default(), "no run has taken place");
    run(&store, &rules, day(0)).await;
    assert_eq!(known().await, rules.warnings);
}

#[tokio::test]
async fn a_table_without_the_index_is_an_error_that_names_it() {
    let policy = policy(&[7], None);
    let table = TestTable::start().await;
    let (key, text) = (KeySchemaElement::builder(), ScalarAttributeType::S);
    let created = table
        .client
        .create_table()
        .table_name("without")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", text.clone()))
        .attribute_definitions(attribute("sk", text))
        .key_schema(key.attribute_name("pk").key_type(KeyType::Hash).build().expect("a key"))
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("sk")
                .key_type(KeyType::Range)
                .build()
                .expect("a key"),
        );
    created.send().await.expect("a table");
    let store = KeyStore::new(table.client.clone(), "without");
    let failed = warnings::run(&store, &policy, day(0), Instant::now() + HOUR).await;
    let error = failed.expect_err("no index").error;
    assert!(causes(&error).contains("reviews"), "{error}: {}", causes(&error));
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
    definition.build().expect("an attribute")
}
