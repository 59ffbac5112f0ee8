//! Real trails, made by operations on a table.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::account::AccountChange;
use latchkey::audit::{
    Actor, AuditPolicy, Author, Break, Event, Head, Origin, Walk, WalkRules, Walked,
};
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::operator::{self, MintSpec, OperatorError};
use latchkey::policy::KeyPolicy;
use latchkey::service::RotateRequest;
use latchkey::store::{EventRange, KeyStore, Order};
use latchkey::time::Timestamp;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{self, OTHER_ORGANIZATION};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const DAY: Duration = Duration::from_secs(86_400);

/// A trail and the heads of the table's own items.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) events: Vec<Arc<Event>>,
    pub(super) heads: Vec<(String, Head)>,
    pub(super) rules: WalkRules,
    pub(super) now: Timestamp,
}

impl World {
    /// Walks through the trail.
    pub(super) fn verified(&self, stored: &[(String, Head)]) -> Result<Walked, Break> {
        let mut walk = Walk::new(self.now, self.rules, &self.heads, stored);
        for event in &self.events {
            walk.add(event)?;
        }
        walk.finish(&self.heads)
    }

    /// The heads after the first `count` events, as `latchkey audit head` would have printed them.
    pub(super) fn stored_after(&self, count: usize) -> Vec<(String, Head)> {
        let mut walk = Walk::new(self.now, self.rules, &[], &[]);
        for event in &self.events[..count] {
            walk.add(event).expect("an intact trail");
        }
        walk.heads()
    }

    /// Removes some events whose time to live has passed, in no order.
    pub(super) fn expire(&mut self, rng: &mut StdRng, of_100: u32) {
        let seconds = self.now.as_millis() / 1000;
        self.events.retain(|event| {
            !(event.ttl.is_some_and(|ttl| ttl <= seconds) && rng.random_range(0..100) < of_100)
        });
    }
}

/// What happens in a table besides the changes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circumstances {
    /// The retention changes now and then.
    pub(super) retentions: bool,
    /// The trail is off now and then.
    pub(super) gaps: bool,
}

/// Makes random changes of a table, and returns its trails.
pub(super) async fn worlds(seed: u64, changes: usize, what: Circumstances) -> Vec<World> {
    let table = TestTable::start().await;
    // The samples are of a version without a trail.
    forget_trail(&table).await;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut now = sample::now();
    let mut policy = AuditPolicy::default();
    let mut shortest = policy.retention;
    let mut store = table.store().with_audit(policy);
    for _ in 0..changes {
        now = now.saturating_add(Duration::from_millis(rng.random_range(0..3_600_000)));
        if rng.random_range(0..6) == 0 {
            if what.retentions {
                policy.retention = Some(DAY * [2, 30, 365][rng.random_range(0..3)]);
                shortest = shortest.min(policy.retention);
            }
            policy.enabled = !what.gaps || rng.random_range(0..2) == 0;
            store = table.store().with_audit(policy);
        }
        change(&author(&store, &mut rng), &mut rng, now).await;
    }
    let mut worlds = Vec::new();
    let rules = WalkRules { retention: shortest, was_off: what.gaps };
    for trail in [None, Some(sample::ORGANIZATION), Some(OTHER_ORGANIZATION)] {
        let trail: Option<OrganizationId> = trail.map(|id| id.parse().expect("an ID"));
        let all = EventRange::default();
        let events = store.events(trail.as_ref(), &all, Order::OldestFirst, 1000).await;
        let events = events.expect("events").events.into_iter().map(Arc::new).collect();
        let heads = store.heads(trail.as_ref()).await.expect("heads");
        worlds.push(World { events, heads, rules, now });
    }
    worlds
}

/// Removes all events and heads, as if a version without a trail had written the table.
pub(super) async fn forget_trail(table: &TestTable) {
    for mut item in table.items().await {
        let key = [("pk", item["pk"].clone()), ("sk", item["sk"].clone())];
        if item["pk"].as_s().is_ok_and(|pk| pk.starts_with("AUDIT")) {
            let mut delete = table.client.delete_item().table_name(table.name());
            for (name, value) in key {
                delete = delete.key(name, value);
            }
            delete.send().await.expect("deleted");
        } else if item.remove("audit_head").is_some() {
            put(table, item).await;
        }
    }
}

pub(super) async fn put(
    table: &TestTable,
    item: std::collections::HashMap<String, AttributeValue>,
) {
    let put = table.client.put_item().table_name(table.name()).set_item(Some(item));
    put.send().await.expect("written");
}

fn author(store: &KeyStore, rng: &mut StdRng) -> KeyStore {
    let operator = format!("arn:aws:iam::123456789012:user/{}", rng.random_range(0..3));
    let origin = Origin::new(Some("request"), Some("192.0.2.1"), Some("test/1"));
    store.by(Author { actor: Actor::operator(Some(&operator)), origin })
}

/// Makes one change. It may be refused, because others were made before.
async fn change(store: &KeyStore, rng: &mut StdRng, now: Timestamp) {
    let policy = KeyPolicy::default();
    let organization = [sample::ORGANIZATION, OTHER_ORGANIZATION][rng.random_range(0..2)];
    let organization: OrganizationId = organization.parse().expect("an ID");
    let name = || "Name".parse().expect("a name");
    let accounts = operator::accounts(store, &organization).await.unwrap_or_default();
    let account = (!accounts.is_empty()).then(|| &accounts[rng.random_range(0..accounts.len())]);
    let id = account.map_or(ServiceAccountId::root(), |account| account.id.clone());
    let keys = operator::keys(store, &id).await.expect("keys");
    let key = (!keys.is_empty()).then(|| keys[rng.random_range(0..keys.len())].id.clone());
    let outcome: Result<(), OperatorError> = match (rng.random_range(0..24), key) {
        (0 | 1, _) => {
            let description = "Text".parse().expect("a description");
            let made =
                operator::create_account(store, &policy, now, organization, name(), description);
            made.await.map(drop)
        }
        (2, _) => operator::create_root_key(store, &policy, now, None).await.map(drop),
        (3 | 4, _) => operator::set_account_disabled(store, now, &id, true).await.map(drop),
        (5 | 6, _) => operator::set_account_disabled(store, now, &id, false).await.map(drop),
        (7, _) => operator::delete_account(store, now, &organization, &id).await,
        (8, _) => {
            operator::set_organization_disabled(store, now, &organization, true).await.map(drop)
        }
        (9, _) => {
            operator::set_organization_disabled(store, now, &organization, false).await.map(drop)
        }
        (10, _) if rng.random_range(0..3) == 0 => {
            operator::delete_organization(store, now, &organization).await.map(drop)
        }
        (10..13, _) => {
            operator::bootstrap(store, &policy, now, organization, name(), name()).await.map(drop)
        }
        (13, _) => {
            let name = format!("Name {}", rng.random_range(0..1000)).parse().expect("a name");
            let change = AccountChange { name: Some(name), ..AccountChange::default() };
            store
                .update_account(&organization, &id, &change, now)
                .await
                .map(drop)
                .map_err(Into::into)
        }
        (14..16, Some(key)) => operator::revoke_key(store, &policy, now, &id, &key).await.map(drop),
        (16..19, Some(key)) => {
            let request = RotateRequest { account: id, key, grace: DAY };
            operator::rotate_key(store, &policy, now, &request).await.map(drop)
        }
        _ => operator::mint_key(store, &policy, now, &id, MintSpec::default()).await.map(drop),
    };
    if let Err(OperatorError::Failed(latchkey::error::Error::Store(error))) = outcome {
        panic!("{error:?}");
    }
}
