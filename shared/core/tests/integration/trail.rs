//! The audit trail: what changes cost with it, what it is without, and whose events are whose.

use std::time::Duration;

use latchkey::account::AccountChange;
use latchkey::audit::{Actor, AuditPolicy, Author, Event, Origin};
use latchkey::id::{OrganizationId, ServiceAccountId};
use latchkey::key::{KeyChange, Minted};
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::scope::Scopes;
use latchkey::service::{Clock, EventFilter, Freshness, MintRequest, RotateRequest};
use latchkey::store::{EventRange, KeyStore};
use latchkey::{Latchkey, operator};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{Response, TestTable, text_response};

const OFF: AuditPolicy = AuditPolicy { enabled: false, retention: None };

fn organization() -> OrganizationId {
    sample::ORGANIZATION.parse().expect("an id")
}

fn id(text: &str) -> ServiceAccountId {
    text.parse().expect("an id")
}

fn latchkey(store: KeyStore) -> Latchkey {
    let cache = latchkey::policy::CachePolicy::off();
    Latchkey::new(store, KeyPolicy::default(), &cache, Clock::new(sample::now))
}

async fn caller(latchkey: &Latchkey) -> AccountPrincipal {
    let token = SampleKey::FullAccess.token();
    let principal = latchkey.verify(&token, Freshness::ForChange).await.expect("valid");
    principal.service_account().expect("an account").clone()
}

fn mint(account: &str) -> MintRequest {
    MintRequest { account: id(account), name: None, scopes: None, expires_at: None }
}

fn respond(_: &Minted) -> Response {
    text_response("")
}

async fn all(store: &KeyStore, trail: Option<&OrganizationId>) -> Vec<Event> {
    operator::events(store, trail, EventRange::default(), 1000, |_| true).await.expect("events")
}

/// Returns the write units and the transactions of each kind of change.
async fn units(audit: AuditPolicy) -> Vec<(&'static str, f64, u32)> {
    let table = TestTable::start().await;
    let store = table.store().with_audit(audit);
    let latchkey = latchkey(store.clone());
    let admin = caller(&latchkey).await;
    let (own, minter) = (id(sample::ACCOUNT), SampleKey::Minter.mint().0);
    let (reader, name) = (SampleKey::Reader.mint().0.id, || "new".parse().expect("a name"));
    let rotate = RotateRequest {
        account: own.clone(),
        key: minter.id.clone(),
        grace: Duration::from_secs(60),
    };
    let rename = KeyChange { name: Some(Some("new".parse().expect("a name"))), scopes: None };
    let disable = AccountChange { disabled: Some(true), ..AccountChange::default() };
    let nothing = || "".parse().expect("a description");
    let mut units = Vec::new();
    table.meter.take();
    macro_rules! measure {
        ($($name:literal: $work:expr;)+) => {$(
            $work.await.map(drop).expect($name);
            let used = table.meter.take();
            let written = used.units.get("TransactWriteItems").copied().unwrap_or_default();
            let sent = used.requests.get("TransactWriteItems").copied().unwrap_or_default();
            units.push(($name, written, sent));
        )+};
    }
    measure! {
        "create a key": latchkey.mint(&admin, mint(sample::ACCOUNT), None, respond);
        "rotate a key": latchkey.rotate(&admin, &rotate, None, |minted, _| respond(minted));
        "change a key": latchkey.update_key(&admin, &own, &reader, &rename);
        "revoke a key": latchkey.revoke_key(&admin, &own, &reader);
        "create an account": latchkey
            .create_account(&admin, name(), nothing(), None, |_| text_response(""));
        "change an account": latchkey.update_account(&admin, &id(sample::FULL_ACCOUNT), &disable);
        "disable an organization": operator::set_organization_disabled(
            &store, sample::now(), &organization(), true);
    }
    units
}

#[tokio::test]
async fn each_change_takes_a_known_number_of_units() {
    let with = units(AuditPolicy::default()).await;
    let without = units(OFF).await;
    println!("with events: {with:?}\nwithout: {without:?}");
    let expected = [
        ("create a key", 6.0, 4.0),
        // Two events, of the old key and of the new one.
        ("rotate a key", 10.0, 6.0),
        // The account has the head, although nothing else of it changes.
        ("change a key", 6.0, 2.0),
        ("revoke a key", 6.0, 4.0),
        // The organization, the entry, and the account.
        ("create an account", 8.0, 6.0),
        ("change an account", 4.0, 2.0),
        ("disable an organization", 6.0, 2.0),
    ];
    for (at, (name, recorded, plain)) in expected.into_iter().enumerate() {
        assert_eq!(with[at], (name, recorded, 1));
        assert_eq!(without[at], (name, plain, 1));
    }
}

#[tokio::test]
async fn a_trail_that_was_off_continues_where_it_was() {
    let table = TestTable::start().await;
    let on = latchkey(table.store());
    let admin = caller(&on).await;
    let before = all(&table.store(), Some(&organization())).await.len();
    on.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    let off = latchkey(table.store().with_audit(OFF));
    off.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    assert_eq!(all(&table.store(), Some(&organization())).await.len(), before + 1);
    on.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    assert_eq!(all(&table.store(), Some(&organization())).await.len(), before + 2);
    let (store, id) = (table.store(), organization());
    let verified = operator::verify_trail(&store, Some(&id), &[], sample::now()).await;
    verified.expect("read").expect("whole");
}

/// Environments that change one account in turn learn its head from each other's changes.
#[tokio::test]
async fn a_head_that_is_out_of_date_costs_one_more_attempt() {
    let table = TestTable::start().await;
    let [left, right] = [(); 2].map(|()| latchkey(table.store()));
    let admin = caller(&left).await;
    caller(&right).await;
    left.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    table.meter.take();
    right.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    assert_eq!(table.meter.take().requests, [("TransactWriteItems", 2)].into());
    right.mint(&admin, mint(sample::ACCOUNT), None, respond).await.expect("minted");
    assert_eq!(table.meter.take().requests, [("TransactWriteItems", 1)].into());
}

#[tokio::test]
async fn an_event_says_who_from_where_and_what() {
    let table = TestTable::start().await;
    let origin = Origin::new(Some("request-1"), Some("192.0.2.1"), Some("curl/8\r\n"));
    let latchkey = latchkey(table.store()).for_request(origin);
    let admin = caller(&latchkey).await;
    let minter = SampleKey::Minter.mint().0;
    let change = KeyChange {
        name: Some(Some("deploy".parse().expect("a name"))),
        scopes: Some(Scopes::full_access()),
    };
    let own = id(sample::ACCOUNT);
    latchkey.update_key(&admin, &own, &minter.id, &change).await.expect("changed");
    latchkey.revoke_presented(&SampleKey::Reader.token()).await.expect("revoked");
    let operator = Author {
        actor: Actor::operator(Some("arn:aws:iam::123456789012:user/ada")),
        origin: Origin::default(),
    };
    let store = table.store().by(operator);
    operator::set_account_disabled(&store, sample::now(), &own, true).await.expect("disabled");

    let events = all(&store, Some(&organization())).await;
    let [disabled, revoked, updated, ..] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(updated.action, "api_key.update");
    assert_eq!(updated.actor, Actor::service_account(&admin.account, &admin.key));
    assert_eq!(updated.resource.id, minter.id.to_string());
    assert_eq!(updated.resource.account.as_deref(), Some(sample::ACCOUNT));
    assert_eq!(updated.origin.request.as_deref(), Some("request-1"));
    assert_eq!(updated.origin.source_ip.as_deref(), Some("192.0.2.1"));
    assert_eq!(updated.origin.user_agent.as_deref(), Some("curl/8  "));
    let changes = serde_json::to_value(&updated.changes).expect("JSON");
    let expected = serde_json::json!({
        "name": {"old": "sample", "new": "deploy"},
        "scopes": {"old": ["keys.write", "sessions.read"]},
    });
    assert_eq!(changes, expected);
    // Whoever holds a key may revoke it.
    let reader = SampleKey::Reader.mint().0;
    assert_eq!(revoked.actor, Actor::service_account(&own, &reader.id));
    assert_eq!(disabled.action, "service_account.disable");
    assert_eq!(disabled.actor.id.as_deref(), Some("arn:aws:iam::123456789012:user/ada"));
}

#[tokio::test]
async fn an_organization_sees_nothing_of_an_earlier_one_with_its_id() {
    let table = TestTable::start().await;
    let (store, policy, now) = (table.store(), KeyPolicy::default(), sample::now());
    let create = async || {
        let name = || "Acme".parse().expect("a name");
        operator::bootstrap(&store, &policy, now, "acme".parse().expect("an id"), name(), name())
            .await
            .expect("created")
    };
    let first = create().await;
    let acme = &first.organization.id;
    operator::delete_organization(&store, now, acme).await.expect("deleted");
    let second = create().await;
    let latchkey = latchkey(store.clone());
    let token = second.minted.token.expose();
    let caller = latchkey.verify(token, Freshness::Cached).await.expect("valid");
    let caller = caller.service_account().expect("an account").clone();
    let seen = latchkey.events(&caller, &EventFilter::default(), None, 100).await.expect("read");
    let actions: Vec<_> = seen.events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["api_key.create", "service_account.create", "organization.create"]);
    // The operator sees both, and their chains are whole.
    let every = all(&store, Some(acme)).await;
    assert!(every.iter().any(|event| event.action == "organization.delete"), "{every:?}");
    let verified = operator::verify_trail(&store, Some(acme), &[], now).await.expect("read");
    assert_eq!(verified.expect("whole").events, every.len() as u64);
}
