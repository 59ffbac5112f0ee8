//! Creating, listing, and deleting webhooks.

use std::time::Duration;

use latchkey::audit::Value;
use latchkey::error::Error;
use latchkey::operator;
use latchkey::principal::Denial;
use latchkey::service::{Answer, CallerSecret, DeliveryFilter, IdempotentRequest, Turn, Wake};
use latchkey::webhook::{EventTypes, WEBHOOKS_MAX};
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::text_response;

use super::{World, caller, organization, request, stranger};

const URL: &str = "https://hooks.example.com/path?token=hidden";

#[tokio::test]
async fn a_webhook_is_created_listed_and_deleted_with_an_event_each() {
    let world = World::new().await;
    let events = EventTypes::select(["key.revoked"]).expect("known");
    let webhook = world.create(URL, events.clone()).await.expect("created");
    assert_eq!((webhook.url.as_ref(), &webhook.events), (URL, &events));
    assert_eq!(webhook.organization, organization());
    assert_eq!((webhook.disabled, webhook.failing_since), (None, None));
    assert_eq!((webhook.created_at, webhook.updated_at), (sample::now(), sample::now()));

    let created = world.last_event().await;
    assert_eq!(created.action, "webhook.create");
    assert_eq!(
        (created.resource.kind.as_str(), created.resource.id.as_str()),
        ("webhook", webhook.id.as_ref())
    );
    assert_eq!(created.actor.id.as_deref(), Some(sample::ACCOUNT));
    let new = |field: &str| created.changes[field].new.clone();
    // Without the path and the query, which may have a secret of the endpoint.
    assert_eq!(new("endpoint"), Some(Value::text("https://hooks.example.com")));
    assert_eq!(new("events"), Some(Value::List(vec!["key.revoked".to_owned()])));

    world.latchkey.delete_webhook(&caller(&[]), &webhook.id).await.expect("deleted");
    assert!(world.webhooks().await.is_empty());
    let deleted = world.last_event().await;
    assert_eq!(
        (deleted.action.as_str(), deleted.resource.id.as_str()),
        ("webhook.delete", webhook.id.as_ref())
    );
    let again = world.latchkey.delete_webhook(&caller(&[]), &webhook.id).await;
    assert!(matches!(again, Err(Error::WebhookNotFound(id)) if id == webhook.id));
}

#[tokio::test]
async fn an_organization_has_a_limited_number_of_webhooks() {
    let world = World::new().await;
    for _ in 0..WEBHOOKS_MAX {
        world.create(URL, EventTypes::all()).await.expect("created");
    }
    let full = world.create(URL, EventTypes::all()).await;
    assert!(matches!(full, Err(Error::WebhookLimitReached { limit: WEBHOOKS_MAX, .. })));
    // Disabled webhooks count, too.
    let first = world.webhooks().await.remove(0);
    let (courier, event) = (world.courier(), world.last_event().await);
    let made = courier.address(&event, "webhook.created", "{}", std::slice::from_ref(&first)).await;
    assert_eq!(made.expect("one"), 1);
    let page = world.latchkey.deliveries(&caller(&[]), &DeliveryFilter::default(), 1, None).await;
    let wake = Wake::from(&page.expect("a page").items[0]);
    let gone = async |_| Answer::Response { status: 410, retry_after: None };
    courier.attempt(&wake, Turn::Own, gone).await.expect("attempted");
    assert!(world.webhooks().await[0].disabled.is_some());
    assert!(world.create(URL, EventTypes::all()).await.is_err());
    world.latchkey.delete_webhook(&caller(&[]), &first.id).await.expect("deleted");
    world.create(URL, EventTypes::all()).await.expect("created");
    assert_eq!(world.webhooks().await.len(), WEBHOOKS_MAX as usize);
}

#[tokio::test]
async fn each_operation_needs_its_scope() {
    let world = World::new().await;
    let webhook = world.create(URL, EventTypes::all()).await.expect("created");
    let (reader, writer) = (caller(&["webhooks.read"]), caller(&["webhooks.write"]));
    let latchkey = &world.latchkey;
    let delivery = "DELIVERY".parse().expect("an id");
    let filter = DeliveryFilter::default();
    assert!(latchkey.webhooks(&reader).await.is_ok());
    assert!(latchkey.deliveries(&reader, &filter, 1, None).await.is_ok());
    for denied in [
        latchkey.webhooks(&writer).await.map(drop),
        latchkey.deliveries(&writer, &filter, 1, None).await.map(drop),
        latchkey.delivery(&writer, &delivery).await.map(drop),
        latchkey.replay_delivery(&reader, &delivery).await.map(drop),
        latchkey.discard_delivery(&reader, &delivery).await.map(drop),
        latchkey.delete_webhook(&reader, &webhook.id).await,
        latchkey.create_webhook(&reader, request(URL), None, |_| text_response("")).await.map(drop),
    ] {
        assert!(matches!(denied, Err(Error::Denied(Denial::MissingScope(_)))), "{denied:?}");
    }
    latchkey.delete_webhook(&writer, &webhook.id).await.expect("deleted");
}

#[tokio::test]
async fn a_webhook_of_another_organization_does_not_exist() {
    let world = World::new().await;
    let webhook = world.create(URL, EventTypes::all()).await.expect("created");
    let other = stranger();
    assert!(world.latchkey.webhooks(&other).await.expect("a list").is_empty());
    let deleted = world.latchkey.delete_webhook(&other, &webhook.id).await;
    assert!(matches!(deleted, Err(Error::WebhookNotFound(_))));
    assert_eq!(world.webhooks().await.len(), 1);
}

#[tokio::test]
async fn a_repeated_request_creates_one_webhook() {
    let world = World::new().await;
    let key = SampleKey::FullAccess;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let secret = CallerSecret::of(&key.token());
        let repeat = "again".parse().expect("an idempotency key");
        let id = key.mint().0.id;
        let repeat = IdempotentRequest::new(&id, &secret, &repeat, "webhook", &[], b"{}");
        let created = world
            .latchkey
            .create_webhook(&caller(&[]), request(URL), Some(repeat), |made| {
                text_response(made.id.as_ref())
            })
            .await;
        answers.push(created.expect("created").body);
    }
    let webhooks = world.webhooks().await;
    assert_eq!(webhooks.len(), 1);
    assert_eq!(answers, [webhooks[0].id.as_ref(), webhooks[0].id.as_ref()]);
}

#[tokio::test]
async fn an_organization_takes_its_webhooks_and_deliveries_with_it() {
    let world = World::new().await;
    let webhook = world.create(URL, EventTypes::all()).await.expect("created");
    let (event, courier) = (world.last_event().await, world.courier());
    let webhooks = [webhook];
    assert_eq!(courier.address(&event, "webhook.created", "{}", &webhooks).await.expect("one"), 1);
    let page = world.latchkey.deliveries(&caller(&[]), &DeliveryFilter::default(), 1, None).await;
    let delivery = page.expect("a page").items.remove(0);
    world.latchkey.discard_delivery(&caller(&[]), &delivery.id).await.expect("discarded");
    // More deliveries than one batch deletes.
    for _ in 0..30 {
        world.pass(Duration::from_millis(1));
        let replayed = world.latchkey.replay_delivery(&caller(&[]), &delivery.id).await;
        replayed.expect("replayed");
    }
    let items = async || {
        let items = world.table.items().await;
        let of_webhooks = |pk: &str| pk == format!("WEBHOOKS#{}", sample::ORGANIZATION);
        items.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| of_webhooks(pk))).count()
    };
    assert_eq!(items().await, 32);
    let (store, now) = (world.table.store(), world.now());
    operator::delete_organization(&store, now, &organization()).await.expect("deleted");
    assert_eq!(items().await, 0);
    assert_eq!(courier.address(&event, "webhook.created", "{}", &webhooks).await.expect("none"), 0);
    assert_eq!(items().await, 0);
    let created = world.create(URL, EventTypes::all()).await;
    assert!(matches!(created, Err(Error::OrganizationDisabled(_))), "{created:?}");
}
