//! What operators do with webhooks, without a key of the organization.

use latchkey::audit::{Actor, Author, Origin};
use latchkey::error::Error;
use latchkey::operator::{self, OperatorError};
use latchkey::webhook::{EventTypes, WEBHOOKS_MAX};
use latchkey_testkit::sample;

use super::{World, organization};

const URL: &str = "https://hooks.example.com/path?token=hidden";

#[tokio::test]
async fn an_operator_deletes_a_webhook_with_an_event() {
    let world = World::new().await;
    let mut created = Vec::new();
    for _ in 0..WEBHOOKS_MAX {
        created.push(world.create(URL, EventTypes::all()).await.expect("created"));
    }
    let author = Author {
        actor: Actor::operator(Some("arn:aws:iam::123456789012:user/alice")),
        origin: Origin::new(None, None, None),
    };
    let store = world.table.store().by(author);
    assert_eq!(operator::webhooks(&store, &organization()).await.expect("webhooks"), created);
    let first = created.remove(0);
    let found = operator::webhook(&store, &organization(), &first.id).await;
    assert_eq!(found.expect("a webhook"), first);

    let deleted = operator::delete_webhook(&store, world.now(), &organization(), &first.id).await;
    deleted.expect("deleted");
    assert_eq!(world.webhooks().await, created);
    let event = world.last_event().await;
    assert_eq!(event.action, "webhook.delete");
    assert_eq!(event.resource.id, first.id.as_ref());
    assert_eq!(event.actor.kind, "operator");
    assert_eq!(event.actor.id.as_deref(), Some("arn:aws:iam::123456789012:user/alice"));
    let again = operator::delete_webhook(&store, world.now(), &organization(), &first.id).await;
    assert!(
        matches!(again, Err(OperatorError::Failed(Error::WebhookNotFound(id))) if id == first.id)
    );
    assert_eq!(world.last_event().await, event, "nothing was written");

    // It no longer counts.
    world.create(URL, EventTypes::all()).await.expect("created");
    assert!(world.create(URL, EventTypes::all()).await.is_err());
}

#[tokio::test]
async fn an_organization_or_a_webhook_may_not_exist() {
    let world = World::new().await;
    let id = world.create(URL, EventTypes::all()).await.expect("created").id;
    let (store, now) = (world.table.store(), world.now());
    let nobody = "nobody".parse().expect("an id");
    for unknown in [
        operator::webhooks(&store, &nobody).await.map(drop),
        operator::webhook(&store, &nobody, &id).await.map(drop),
        operator::delete_webhook(&store, now, &nobody, &id).await,
    ] {
        assert!(matches!(&unknown, Err(OperatorError::OrganizationNotFound(_))), "{unknown:?}");
    }
    let other = sample::OTHER_ORGANIZATION.parse().expect("an id");
    for unknown in [
        operator::webhook(&store, &other, &id).await.map(drop),
        operator::delete_webhook(&store, now, &other, &id).await,
    ] {
        let refused = matches!(&unknown, Err(OperatorError::Failed(Error::WebhookNotFound(_))));
        assert!(refused, "{unknown:?}");
    }
    assert_eq!(world.webhooks().await.len(), 1);
}

/// Nothing follows the deletion in the organization's chain of events.
#[tokio::test]
async fn a_webhook_of_an_organization_that_is_being_deleted_goes_with_it() {
    let world = World::new().await;
    let id = world.create(URL, EventTypes::all()).await.expect("created").id;
    let (store, now) = (world.table.store(), world.now());
    store.begin_deleting_organization(&organization(), now).await.expect("begun");
    let last = world.last_event().await;
    let deleted = operator::delete_webhook(&store, now, &organization(), &id).await;
    let refused = matches!(&deleted, Err(OperatorError::OrganizationDeleting(found)) if *found == organization());
    assert!(refused, "{deleted:?}");
    assert_eq!(operator::webhooks(&store, &organization()).await.expect("webhooks").len(), 1);
    assert_eq!(world.last_event().await, last);
}

#[tokio::test]
async fn a_damaged_webhook_can_be_deleted() {
    let world = World::new().await;
    let id = world.create(URL, EventTypes::all()).await.expect("created").id;
    let (store, table) = (world.table.store(), &world.table);
    let mut items = table.items().await;
    let sort_key = format!("WEBHOOK#{id}");
    items.retain(|item| item["sk"].as_s() == Ok(&sort_key));
    let mut item = items.remove(0);
    item.remove("url").expect("a URL");
    let put = table.client.put_item().table_name(table.name()).set_item(Some(item));
    put.send().await.expect("written");

    let found = operator::webhook(&store, &organization(), &id).await;
    assert!(matches!(&found, Err(OperatorError::Failed(Error::Store(_)))), "{found:?}");
    let deleted = operator::delete_webhook(&store, world.now(), &organization(), &id).await;
    deleted.expect("deleted");
    assert!(world.webhooks().await.is_empty());
}
