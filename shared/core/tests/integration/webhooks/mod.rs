//! Webhooks: who may do what with them, and how deliveries end.

mod courier;
mod deliveries;
mod manage;
mod operator;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::audit::Event;
use latchkey::error::Error;
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::scope::Scopes;
use latchkey::service::{Clock, Courier, WebhookRequest};
use latchkey::store::{EventRange, Order};
use latchkey::time::Timestamp;
use latchkey::webhook::{EventTypes, Webhook};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{NO_CACHE, TestTable, text_response};

/// The secret of the deployment.
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123";

/// A table with a service whose clock a test sets.
struct World {
    table: TestTable,
    latchkey: Latchkey,
    clock: Clock,
    millis: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        let table = TestTable::start().await;
        let (store, samples) = (table.store(), sample::WEBHOOK.parse().expect("an id"));
        let now = sample::earlier();
        store.delete_webhook(&organization(), &samples, now).await.expect("deleted");
        store.delete_webhooks(&organization()).await.expect("deleted");
        let millis = Arc::new(AtomicI64::new(sample::now().as_millis()));
        let read = Arc::clone(&millis);
        let clock = Clock::new(move || {
            Timestamp::from_millis(read.load(Ordering::Relaxed)).expect("in range")
        });
        let latchkey = Latchkey::new(table.store(), KeyPolicy::default(), &NO_CACHE, clock.clone());
        Self { table, latchkey, clock, millis }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("in range");
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    fn courier(&self) -> Courier {
        Courier::new(&self.table.store(), SECRET.parse().expect("a secret"), self.clock.clone())
    }

    async fn create(&self, url: &str, events: EventTypes) -> Result<Webhook, Error> {
        let wanted = WebhookRequest { events, ..request(url) };
        self.latchkey
            .create_webhook(&caller(&[]), wanted, None, |made| text_response(made.id.as_ref()))
            .await?;
        // IDs sort by time.
        self.pass(Duration::from_millis(1));
        Ok(self.webhooks().await.pop().expect("the newest"))
    }

    async fn webhooks(&self) -> Vec<Webhook> {
        self.latchkey.webhooks(&caller(&[])).await.expect("webhooks")
    }

    /// The events of the organization, oldest first.
    async fn events(&self) -> Vec<Event> {
        let (store, range) = (self.table.store(), EventRange::default());
        let page = store.events(Some(&organization()), &range, Order::OldestFirst, 100).await;
        page.expect("events").events
    }

    async fn last_event(&self) -> Event {
        self.events().await.pop().expect("an event")
    }
}

fn organization() -> OrganizationId {
    sample::ORGANIZATION.parse().expect("an id")
}

/// A caller with these scopes; none for full access.
fn caller(scopes: &[&str]) -> AccountPrincipal {
    of(sample::ORGANIZATION, sample::ACCOUNT, scopes)
}

/// A caller of the other organization.
fn stranger() -> AccountPrincipal {
    of(sample::OTHER_ORGANIZATION, sample::OTHER_ACCOUNT, &[])
}

fn of(organization: &str, account: &str, scopes: &[&str]) -> AccountPrincipal {
    let scopes: Scopes = scopes.iter().map(|scope| scope.parse().expect("a scope")).collect();
    let account: ServiceAccountId = account.parse().expect("an id");
    AccountPrincipal {
        organization: organization.parse().expect("an id"),
        account,
        key: SampleKey::FullAccess.mint().0.id,
        scopes,
        expires_at: None,
    }
}

fn request(url: &str) -> WebhookRequest {
    WebhookRequest {
        url: url.parse().expect("a URL"),
        description: "ours".parse().expect("a description"),
        events: EventTypes::all(),
    }
}
