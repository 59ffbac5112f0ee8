//! Replaying, discarding, and listing deliveries.

use std::time::Duration;

use latchkey::error::Error;
use latchkey::service::{DeliveryFilter, Turn, Wake};
use latchkey::webhook::{Delivery, DeliveryStatus};

use super::courier::{BODY, OK, attempt, newest, skip, status, world};
use super::{caller, stranger};

#[tokio::test]
async fn a_delivery_is_replayed_and_says_so() {
    let (world, webhook, delivery) = world().await;
    let me = caller(&[]);
    let early = world.latchkey.replay_delivery(&me, &delivery.id).await;
    assert!(matches!(early, Err(Error::NotReplayable(..))), "{early:?}");
    attempt(&world, &Wake::from(&delivery), Turn::Own, OK).await;
    world.pass(Duration::from_secs(60));
    let new = world.latchkey.replay_delivery(&me, &delivery.id).await.expect("replayed");
    assert_eq!(newest(&world).await, new);
    assert_eq!(
        (new.replayed_from.as_ref(), new.status),
        (Some(&delivery.id), DeliveryStatus::Pending)
    );
    assert_eq!((new.event.as_str(), new.body.as_str()), (delivery.event.as_str(), BODY));
    let old = world.latchkey.delivery(&me, &delivery.id).await.expect("found");
    assert_eq!((old.replayed_at, old.status), (Some(world.now()), DeliveryStatus::Delivered));
    assert_eq!(attempt(&world, &Wake::from(&new), Turn::Own, OK).await, None);

    world.latchkey.delete_webhook(&me, &webhook.id).await.expect("deleted");
    let late = world.latchkey.replay_delivery(&me, &delivery.id).await;
    assert!(matches!(late, Err(Error::WebhookDisabled(id)) if id == webhook.id));
}

#[tokio::test]
async fn a_discarded_delivery_is_not_attempted() {
    let (world, _, delivery) = world().await;
    let me = caller(&[]);
    let discarded = world.latchkey.discard_delivery(&me, &delivery.id).await.expect("discarded");
    assert_eq!(discarded.status, DeliveryStatus::Discarded);
    world.pass(Duration::from_secs(1));
    let again = world.latchkey.discard_delivery(&me, &delivery.id).await.expect("as before");
    assert_eq!(again, discarded);
    assert_eq!(skip(&world, &Wake::from(&delivery), Turn::Own).await, None);
}

/// The outcome of an attempt never overwrites what happened during it.
#[tokio::test]
async fn a_delivery_that_is_discarded_during_an_attempt_stays_so() {
    let (world, _, delivery) = world().await;
    let send = async |_| {
        world.latchkey.discard_delivery(&caller(&[]), &delivery.id).await.expect("discarded");
        status(500)
    };
    let next = world.courier().attempt(&Wake::from(&delivery), Turn::Own, send).await;
    assert_eq!(next.expect("responds"), None);
    assert_eq!(newest(&world).await.status, DeliveryStatus::Discarded);
    let delivered = Delivery { status: DeliveryStatus::Delivered, ..newest(&world).await };
    let store = world.table.store();
    assert!(!store.update_delivery(&delivery, &delivered).await.expect("responds"));
}

#[tokio::test]
async fn a_delivered_one_is_not_discarded() {
    let (world, _, delivery) = world().await;
    attempt(&world, &Wake::from(&delivery), Turn::Own, OK).await;
    let late = world.latchkey.discard_delivery(&caller(&[]), &delivery.id).await;
    assert!(matches!(late, Err(Error::NotDiscardable(..))));
}

#[tokio::test]
async fn deliveries_of_another_organization_do_not_exist() {
    let (world, _, delivery) = world().await;
    let (latchkey, other) = (&world.latchkey, stranger());
    for hidden in [
        latchkey.delivery(&other, &delivery.id).await,
        latchkey.replay_delivery(&other, &delivery.id).await,
        latchkey.discard_delivery(&other, &delivery.id).await,
    ] {
        assert!(matches!(hidden, Err(Error::DeliveryNotFound(_))), "{hidden:?}");
    }
    let filter = DeliveryFilter::default();
    assert!(latchkey.deliveries(&other, &filter, 10, None).await.expect("a page").items.is_empty());
}

#[tokio::test]
async fn pages_have_every_delivery_once_newest_first() {
    let (world, webhook, first) = world().await;
    attempt(&world, &Wake::from(&first), Turn::Own, OK).await;
    for _ in 0..6 {
        world.pass(Duration::from_secs(1));
        let replayed = world.latchkey.replay_delivery(&caller(&[]), &first.id).await;
        replayed.expect("replayed");
    }
    let pending = DeliveryFilter { status: Some(DeliveryStatus::Pending), webhook: None };
    let of_webhook = DeliveryFilter { webhook: Some(webhook.id.clone()), status: None };
    let of_nobody = DeliveryFilter { webhook: "NOBODY".parse().ok(), status: None };
    for (filter, count) in
        [(DeliveryFilter::default(), 7_usize), (pending, 6), (of_webhook, 7), (of_nobody, 0)]
    {
        for limit in 1..=8 {
            let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = world.latchkey.deliveries(&caller(&[]), &filter, limit, after).await;
                let page = page.expect("a page");
                assert!(page.items.len() <= limit);
                found.extend(page.items);
                pages += 1;
                after = page.next.map(|next| next.parse().expect("an id"));
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((found.len(), pages), (count, count.div_ceil(limit).max(1)), "{filter:?}");
            assert!(found.is_sorted_by(|newer, older| newer.id > older.id));
        }
    }
}
