//! The whole way: a change, the event in its transaction, the table's stream, and the bus.

use std::time::Duration;

use latchkey::Latchkey;
use latchkey::account::AccountChange;
use latchkey::audit::{Action, EventTime};
use latchkey::id::OrganizationId;
use latchkey::key::KeyChange;
use latchkey::operator;
use latchkey::policy::KeyPolicy;
use latchkey::principal::AccountPrincipal;
use latchkey::service::{
    Answer, Clock, Courier, DeliveryFilter, Freshness, RotateRequest, Turn, Wake, WebhookRequest,
};
use latchkey::store::{EventRange, KeyStore, Order};
use latchkey::webhook::EventTypes;
use latchkey_testkit::contract::validate;
use latchkey_testkit::event_bridge::EventBridge;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::{TestTable, project, text_response};

use crate::records::{app, publish};

/// Makes a change of every kind that there is an operation for.
async fn change_everything(table: &TestTable) {
    let (latchkey, store, policy) =
        (table.latchkey(KeyPolicy::default()), table.store(), KeyPolicy::default());
    let principal = latchkey.verify(&sample::full_access(), Freshness::Cached).await;
    let principal = principal.expect("valid");
    let admin = principal.service_account().expect("an account");
    let minter = SampleKey::Minter.mint().0;
    let (account, key) = (minter.spec.account.clone(), minter.id.clone());

    let change =
        KeyChange { name: Some(Some("renamed".parse().expect("a name"))), ..KeyChange::default() };
    latchkey.update_key(admin, &account, &key, &change).await.expect("updated");
    let request = RotateRequest { account: account.clone(), key, grace: Duration::from_secs(60) };
    latchkey.rotate(admin, &request, None, |_, _| text_response("")).await.expect("rotated");
    let reader = SampleKey::Reader.mint().0.id;
    latchkey.revoke_key(admin, &account, &reader).await.expect("revoked");

    let other = sample::FULL_ACCOUNT.parse().expect("an id");
    for change in [
        AccountChange { name: Some("other".parse().expect("a name")), ..AccountChange::default() },
        AccountChange { disabled: Some(true), ..AccountChange::default() },
        AccountChange { disabled: Some(false), ..AccountChange::default() },
    ] {
        latchkey.update_account(admin, &other, &change).await.expect("updated");
    }
    latchkey.delete_account(admin, &other).await.expect("deleted");

    webhooks(&latchkey, &store, admin).await;
    let now = sample::now();
    operator::create_root_key(&store, &policy, now, None).await.expect("a root key");
    let root = SampleKey::Root.mint().0;
    operator::revoke_key(&store, &policy, now, &root.spec.account, &root.id)
        .await
        .expect("revoked");
    let organization = sample::OTHER_ORGANIZATION.parse().expect("an id");
    for disabled in [true, false] {
        let set = operator::set_organization_disabled(&store, now, &organization, disabled).await;
        set.expect("changed");
    }
    operator::delete_organization(&store, now, &organization).await.expect("deleted");
}

/// Creates a webhook whose endpoint says that it is gone, and deletes it.
async fn webhooks(latchkey: &Latchkey, store: &KeyStore, admin: &AccountPrincipal) {
    let request = WebhookRequest {
        url: "https://hooks.example.com".parse().expect("a URL"),
        description: "".parse().expect("a description"),
        events: EventTypes::all(),
    };
    let created = latchkey.create_webhook(admin, request, None, |_| text_response("")).await;
    created.expect("created");
    let mut webhooks = latchkey.webhooks(admin).await.expect("webhooks");
    webhooks.retain(|webhook| webhook.id.as_ref() != sample::WEBHOOK);
    let range = EventRange::default();
    let created = store.events(Some(&admin.organization), &range, Order::NewestFirst, 1).await;
    let created = created.expect("events").events.remove(0);
    let secret = "0123456789abcdefghijklmnopqrstuv".parse().expect("a secret");
    let courier = Courier::new(store, secret, Clock::new(sample::now));
    courier.address(&created, "webhook.created", "{}", &webhooks).await.expect("a delivery");
    let filter =
        DeliveryFilter { webhook: Some(webhooks[0].id.clone()), ..DeliveryFilter::default() };
    let pages = latchkey.deliveries(admin, &filter, 1, None).await;
    let wake = Wake::from(&pages.expect("a page").items[0]);
    let gone = async |_| Answer::Response { status: 410, retry_after: None };
    courier.attempt(&wake, Turn::Own, gone).await.expect("attempted");
    latchkey.delete_webhook(admin, &webhooks[0].id).await.expect("deleted");
}

#[tokio::test]
async fn every_change_is_on_the_bus_as_the_trail_has_it() {
    let table = TestTable::start().await;
    let mut stream = table.stream().await;
    change_everything(&table).await;
    let records = stream.records().await.expect("records");
    let bridge = EventBridge::start().await;
    let app = app(&bridge);
    for batch in records.chunks(7) {
        assert_eq!(publish(&app, batch).await, None);
    }

    let published = bridge.accepted();
    for entry in &published {
        let schema = project::json(&format!("schemas/events/v1/{}.json", entry.detail_type));
        validate(&schema, &entry.detail, &entry.detail_type);
    }
    let store = table.store();
    let since = Some(EventTime::from(sample::now()));
    let range = EventRange { since, before: None };
    let mut total = 0;
    for trail in [Some(sample::ORGANIZATION), Some(sample::OTHER_ORGANIZATION), None] {
        let id: Option<OrganizationId> = trail.map(|id| id.parse().expect("an id"));
        let page = store.events(id.as_ref(), &range, Order::OldestFirst, 1000).await;
        let stored: Vec<String> =
            page.expect("events").events.iter().map(latchkey::audit::Event::id).collect();
        let of_trail = published
            .iter()
            .filter(|entry| entry.detail["organization"].as_str() == trail)
            .map(|entry| entry.detail["id"].as_str().expect("an id").to_owned());
        let mut of_trail: Vec<String> = of_trail.collect();
        total += of_trail.len();
        // Chains of one trail happen at the same time here.
        of_trail.sort();
        let stored: Vec<String> = stored.into_iter().filter(|id| of_trail.contains(id)).collect();
        assert_eq!(of_trail, stored, "{trail:?}");
    }
    assert_eq!(total, published.len());

    // Nothing reports leaks or announces keys here.
    let kinds: Vec<&str> =
        published.iter().filter_map(|entry| entry.detail["action"].as_str()).collect();
    for action in Action::ALL {
        let here = !matches!(
            action,
            Action::LeakKey
                | Action::WarnOfExpiry
                | Action::WarnOfUnused
                | Action::WarnOfRootExpiry
                | Action::WarnOfRootUnused
                | Action::CreateAccount
                | Action::CreateOrganization
        );
        assert!(!here || kinds.contains(&action.name()), "{action} is not among {kinds:?}");
    }
}
