//! A table with keys that end, and the function over it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::audit::{Actor, AuditPolicy, Event, Value};
use latchkey::id::KeyId;
use latchkey::operator;
use latchkey::operator::MintSpec;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::{EventRange, KeyStore};
use latchkey::time::Timestamp;
use latchkey::warning::WarningPolicy;
use latchkey_testkit::TestTable;
use latchkey_testkit::sample::{self, ACCOUNT, ORGANIZATION};
use tokio::time::Instant;
use warnings::{App, Metrics};

/// Seven days and one day before the end of a key, and after this many days without a use.
pub(crate) fn policy(unused: Option<u16>) -> KeyPolicy {
    let warnings = WarningPolicy { steps: vec![7, 1], unused };
    KeyPolicy { warnings, ..KeyPolicy::default() }
}

/// The time this many days after the samples were written.
pub(crate) fn day(days: u64) -> Timestamp {
    sample::after_hours(24 * days)
}

/// Creates a key of the sample account that ends on a day.
pub(crate) async fn mint(table: &TestTable, ends: u64) -> KeyId {
    let spec = MintSpec { expires_at: Some(day(ends)), ..MintSpec::default() };
    let account = ACCOUNT.parse().expect("an ID");
    let minted = operator::mint_key(&table.store(), &policy(None), day(0), &account, spec).await;
    minted.expect("a key").key.id
}

/// Creates a root key that ends on a day.
pub(crate) async fn create_root_key(table: &TestTable, ends: u64) -> KeyId {
    let end = Some(day(ends));
    let minted = operator::create_root_key(&table.store(), &policy(None), day(0), end).await;
    minted.expect("a key").key.id
}

/// The lines of metrics that the function wrote.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<serde_json::Value>>>);

impl Lines {
    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<serde_json::Value> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    fn metrics(&self) -> Metrics {
        let lines = self.clone();
        Metrics::to("Latchkey/test".to_owned(), move |line| {
            let line = serde_json::from_str(line).expect("JSON");
            lines.0.lock().expect("no panic").push(line);
        })
    }
}

/// The function over `store` on a day.
pub(crate) fn app(store: KeyStore, policy: &KeyPolicy, days: u64, lines: &Lines) -> App {
    let store = store.with_audit(AuditPolicy { retention: None, ..AuditPolicy::default() });
    App::new(store, policy.clone(), Clock::new(move || day(days)), lines.metrics())
}

/// Long enough for a run.
pub(crate) fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// The announcements in the trail of the sample organization, or of root keys, oldest first: the action, the key, and
/// the days.
pub(crate) async fn announced(table: &TestTable, of_root: bool) -> Vec<(String, String, String)> {
    let organization = ORGANIZATION.parse().expect("an ID");
    let trail = (!of_root).then_some(&organization);
    let store = table.store();
    let page = operator::events(&store, trail, EventRange::default(), 1000, |event| {
        event.action.ends_with(".expiring") || event.action.ends_with(".unused")
    });
    let mut events = page.await.expect("events");
    events.reverse();
    let announced = |event: &Event| {
        assert_eq!(event.actor, Actor::system("warnings"));
        let Some(Value::Text(days)) = &event.changes["days"].new else { panic!("days") };
        (event.action.clone(), event.resource.id.clone(), days.clone())
    };
    events.iter().map(announced).collect()
}
