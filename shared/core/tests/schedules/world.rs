//! The table that every schedule starts from.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use latchkey::Latchkey;
use latchkey::account::{Organization, ServiceAccount};
use latchkey::audit::Event;
use latchkey::id::{OrganizationId, ServiceAccountId, WebhookId};
use latchkey::key::{Key, KeySpec};
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::scope::Scopes;
use latchkey::service::Clock;
use latchkey::store::{EventRange, KeyStore, Order, ReviewWalk};
use latchkey::time::Timestamp;
use latchkey::token::Prefix;
use latchkey::warning::WarningPolicy;
use latchkey::webhook::{Delivery, EventTypes, LastAttempt, Webhook};
use latchkey_testkit::schedule::Stage;
use latchkey_testkit::{NO_CACHE, sample};
use rand::rngs::SysRng;

pub(crate) const ORGANIZATION: &str = "acme";

/// The number of concurrent operations that a world has clients for.
const ACTORS_MAX: usize = 4;

/// An organization with two accounts: `ADMIN`, which every caller belongs to, and `WORK`, which the operations
/// are about.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) policy: KeyPolicy,
    pub(crate) organization: OrganizationId,
    pub(crate) caller: AccountPrincipal,
    /// The account `WORK`.
    pub(crate) account: ServiceAccountId,
    /// The keys by name, with their tokens.
    pub(crate) keys: BTreeMap<&'static str, (Key, String)>,
    /// Names of the IDs that exist from the start.
    pub(crate) names: BTreeMap<String, String>,
    /// The webhook, with its pending delivery and one that ended.
    pub(crate) hook: Option<Hook>,
}

/// A webhook of the organization.
pub(crate) struct Hook {
    pub(crate) webhook: Webhook,
    /// The event that it gets.
    pub(crate) event: Event,
    pub(crate) pending: Delivery,
    pub(crate) ended: Delivery,
}

/// A process that serves one operation.
pub(crate) struct Process {
    pub(crate) latchkey: Latchkey,
    pub(crate) store: KeyStore,
    pub(crate) clock: Clock,
}

/// A clock's difference from the right time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skew {
    pub(crate) millis: i64,
    /// How far the clock steps back after it was read once.
    pub(crate) back: i64,
}

pub(crate) fn now() -> Timestamp {
    sample::now()
}

/// The time `millis` after [`now`].
pub(crate) fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() + millis).expect("in range")
}

impl World {
    /// Creates the accounts and the caller's key. The account `WORK` may have `limit` live keys, and the
    /// organization three accounts.
    pub(crate) async fn new(limit: u32) -> Self {
        let stage = Stage::new(ACTORS_MAX).await;
        let policy = KeyPolicy {
            key_limit: NonZeroU32::new(limit),
            account_limit: NonZeroU32::new(3),
            retention: Duration::ZERO,
            warnings: WarningPolicy { steps: vec![7, 1], unused: None },
            ..KeyPolicy::default()
        };
        let id: OrganizationId = ORGANIZATION.parse().expect("an id");
        let name = "Acme".parse().expect("a name");
        let organization = Organization { id: id.clone(), name, created_at: after(-HOURS) };
        let admin = account(&id, "admin");
        let (key, token) = key(&admin.id, Scopes::full_access(), -HOURS, None);
        let store = stage.store();
        // Nothing is left to put into the index of keys to review.
        let walk = ReviewWalk {
            policy: policy.warnings.clone(),
            left: 0,
            from: after(-HOURS),
            seen: now(),
            position: None,
        };
        store.keep_review_walk(&walk).await.expect("kept");
        store
            .create_organization(&organization, &admin, &key, &policy, organization.created_at)
            .await
            .expect("created");
        let work = account(&id, "work");
        store.create_account(&work, &policy, after(-HOURS), None).await.expect("created");
        let root = ServiceAccountId::root();
        let (root, root_token) = self::key(&root, Scopes::full_access(), -HOURS, None);
        store.create_root_key(&root, &policy, after(-HOURS), None).await.expect("created");
        let names = [
            (admin.id.to_string(), "ADMIN".to_owned()),
            (work.id.to_string(), "WORK".to_owned()),
            (key.id.to_string(), "admin".to_owned()),
            (root.id.to_string(), "root".to_owned()),
        ];
        let caller = AccountPrincipal {
            organization: id.clone(),
            account: admin.id,
            key: key.id.clone(),
            scopes: Scopes::full_access(),
            expires_at: None,
        };
        let keys = [("admin", (key, token)), ("root", (root, root_token))].into();
        let mut world = Self {
            stage,
            policy,
            organization: id,
            caller,
            account: work.id,
            keys,
            names: names.into(),
            hook: None,
        };
        world.stage.keep();
        world
    }

    /// Adds a key of `WORK`, created `age` hours ago, which expires `lifetime` milliseconds from now.
    pub(crate) async fn with(
        mut self,
        name: &'static str,
        age: i64,
        lifetime: Option<i64>,
        scopes: &[&str],
    ) -> Self {
        let scopes = scopes.iter().map(|scope| scope.parse().expect("a scope")).collect();
        let (key, token) = key(&self.account, scopes, -age * HOUR, lifetime.map(after));
        let policy = KeyPolicy { key_limit: None, ..self.policy.clone() };
        let store = self.stage.store();
        let inserted = store.insert_key(&key, &self.organization, &policy, key.created_at, None);
        inserted.await.expect("inserted");
        self.names.insert(key.id.to_string(), name.to_owned());
        self.keys.insert(name, (key, token));
        self.stage.keep();
        self
    }

    /// Adds a key that never expires.
    pub(crate) async fn with_key(self, name: &'static str) -> Self {
        self.with(name, 3, None, &[]).await
    }

    /// Adds a webhook with two deliveries.
    pub(crate) async fn with_webhook(mut self) -> Self {
        let (store, organization) = (self.stage.store(), &self.organization);
        let webhook = webhook(organization);
        store.create_webhook(&webhook, after(-HOURS), None).await.expect("created");
        let range = EventRange::default();
        let page = store.events(Some(organization), &range, Order::NewestFirst, 2).await;
        let [event, earlier]: [Event; 2] =
            page.expect("events").events.try_into().expect("two events");
        let delivery = |event: &Event| {
            Delivery::new(&webhook, event, "webhook.created", "{}".to_owned(), after(-HOUR))
        };
        let (pending, made) = (delivery(&event), delivery(&earlier));
        let last = LastAttempt { status: Some(500), error: Some("it failed".to_owned()) };
        let ended = made.attempted(last, None, after(-HOUR));
        for delivery in [&pending, &made] {
            assert!(store.create_delivery(delivery).await.expect("created"));
        }
        assert!(store.update_delivery(&made, &ended).await.expect("updated"));
        self.names.insert(webhook.id.to_string(), "webhook".to_owned());
        self.names.insert(pending.id.to_string(), "pending".to_owned());
        self.names.insert(ended.id.to_string(), "ended".to_owned());
        self.hook = Some(Hook { webhook, event, pending, ended });
        self.stage.keep();
        self
    }

    pub(crate) fn hook(&self) -> &Hook {
        self.hook.as_ref().expect("a webhook")
    }

    pub(crate) fn key(&self, name: &str) -> &Key {
        &self.keys[name].0
    }

    pub(crate) fn token(&self, name: &str) -> &str {
        &self.keys[name].1
    }

    /// A new process on the gated store of one of the concurrent operations.
    pub(crate) fn gated(&self, actor: usize, skew: Skew) -> Process {
        self.process(self.stage.gated_store(actor), skew)
    }

    /// A new process without gates, at `millis` after [`now`].
    pub(crate) fn direct(&self, millis: i64) -> Process {
        self.process(self.stage.store(), Skew { millis, back: 0 })
    }

    fn process(&self, store: KeyStore, Skew { millis, back }: Skew) -> Process {
        let read = AtomicBool::new(false);
        let clock = Clock::new(move || {
            let back = if read.swap(true, Ordering::Relaxed) { back } else { 0 };
            after(millis - back)
        });
        let latchkey = Latchkey::new(store.clone(), self.policy.clone(), &NO_CACHE, clock.clone());
        // Uses are recorded at most once a minute.
        let latchkey = latchkey.with_last_used(Duration::from_secs(60));
        Process { latchkey, store, clock }
    }
}

const HOUR: i64 = 60 * 60 * 1000;
const HOURS: i64 = 4 * HOUR;

fn webhook(organization: &OrganizationId) -> Webhook {
    Webhook {
        id: WebhookId::mint(&mut SysRng, after(-HOURS)).expect("random numbers"),
        organization: organization.clone(),
        url: "https://hooks.example.com".parse().expect("a URL"),
        description: "".parse().expect("a description"),
        events: EventTypes::all(),
        created_at: after(-HOURS),
        updated_at: after(-HOURS),
        disabled: None,
        failing_since: None,
        trouble_at: None,
    }
}

fn account(organization: &OrganizationId, name: &str) -> ServiceAccount {
    let (name, nothing) = (name.parse().expect("a name"), "".parse().expect("a description"));
    let (organization, root) = (organization.clone(), ServiceAccountId::root());
    ServiceAccount::create(&mut SysRng, after(-HOURS), organization, name, nothing, root)
        .expect("random numbers")
}

fn key(
    account: &ServiceAccountId,
    scopes: Scopes,
    created: i64,
    expires_at: Option<Timestamp>,
) -> (Key, String) {
    let spec =
        KeySpec { account: account.clone(), name: None, scopes, expires_at, created_by: None };
    let minted = Key::mint(&mut SysRng, after(created), &Prefix::default(), spec);
    let (key, token) = minted.expect("random numbers");
    (key, token.expose().to_owned())
}
