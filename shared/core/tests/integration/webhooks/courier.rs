//! Attempts, retries, and what follows from them.

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::audit::Value;
use latchkey::service::{Answer, DeliveryFilter, Message, Turn, Wake};
use latchkey::webhook::{
    ATTEMPTS_MAX, Delivery, DeliveryStatus, DeploymentSecret, DisableReason, EventTypes,
    SHARED_TIMEOUT, Webhook,
};
use latchkey_testkit::sample;

use super::{SECRET, World, caller, organization};

pub(super) const URL: &str = "https://hooks.example.com/path";
pub(super) const BODY: &str = r#"{"type":"webhook.created"}"#;

pub(super) const OK: Answer = status(204);

pub(super) const fn status(status: u16) -> Answer {
    Answer::Response { status, retry_after: None }
}

/// A world with a webhook, and the pending delivery of its own creation.
pub(super) async fn world() -> (World, Webhook, Delivery) {
    let world = World::new().await;
    let webhook = world.create(URL, EventTypes::all()).await.expect("created");
    let delivery = addressed(&world, &webhook).await;
    (world, webhook, delivery)
}

/// Creates the delivery of the last event.
pub(super) async fn addressed(world: &World, webhook: &Webhook) -> Delivery {
    let event = world.last_event().await;
    let webhooks = std::slice::from_ref(webhook);
    let made = world.courier().address(&event, "webhook.created", BODY, webhooks).await;
    assert_eq!(made.expect("created"), 1);
    newest(world).await
}

pub(super) async fn newest(world: &World) -> Delivery {
    list(world, DeliveryFilter::default()).await.remove(0)
}

pub(super) async fn list(world: &World, filter: DeliveryFilter) -> Vec<Delivery> {
    let page = world.latchkey.deliveries(&caller(&[]), &filter, 100, None).await.expect("a page");
    assert_eq!(page.next, None);
    page.items
}

pub(super) async fn attempt(
    world: &World,
    wake: &Wake,
    turn: Turn,
    answer: Answer,
) -> Option<Wake> {
    let attempted = world.courier().attempt(wake, turn, async |_| answer).await;
    attempted.expect("the table responds")
}

/// Fails if the endpoint gets a request.
pub(super) async fn skip(world: &World, wake: &Wake, turn: Turn) -> Option<Wake> {
    let sent = async |message| panic!("sent {message:?}");
    world.courier().attempt(wake, turn, sent).await.expect("the table responds")
}

/// The documents say what that costs.
#[tokio::test]
async fn a_delivery_costs_what_it_reads_and_writes() {
    let (world, webhook, _) = world().await;
    world.pass(Duration::from_secs(1));
    world.create(URL, EventTypes::select(["key.revoked"]).expect("known")).await.expect("created");
    let event = world.last_event().await;
    // As long as a usual event.
    let body = format!(r#"{{"type":"webhook.created","data":"{}"}}"#, "x".repeat(500));
    let courier = world.courier();
    let used = || {
        let units = world.table.meter.take().units;
        ["Query", "GetItem", "TransactWriteItems"].map(|name| units.get(name).copied())
    };
    used();
    let webhooks = courier.webhooks(&organization()).await.expect("read");
    courier.address(&event, "webhook.created", &body, &webhooks[..1]).await.expect("created");
    assert_eq!(used(), [Some(1.0), None, Some(4.0)]);
    let delivery = newest(&world).await;
    assert_eq!(delivery.webhook, webhook.id);
    used();
    // A failure and a recovery are noted at the webhook, too.
    attempt(&world, &Wake::from(&delivery), Turn::Shared, status(500)).await;
    assert_eq!(used(), [None, Some(2.0), Some(4.0)]);
    attempt(&world, &Wake { attempts: 1, ..Wake::from(&delivery) }, Turn::Own, OK).await;
    assert_eq!(used(), [None, Some(2.0), Some(4.0)]);
    let id = delivery.id;
    let again = world.latchkey.replay_delivery(&caller(&[]), &id).await.expect("replayed");
    used();
    attempt(&world, &Wake::from(&again), Turn::Own, OK).await;
    assert_eq!(used(), [None, Some(2.0), Some(2.0)]);
}

#[tokio::test]
async fn an_event_has_one_delivery_however_often_it_is_processed() {
    let (world, webhook, delivery) = world().await;
    let event = world.last_event().await;
    let webhooks = [webhook.clone()];
    let again = world.courier().address(&event, "webhook.created", BODY, &webhooks).await;
    assert_eq!(again.expect("nothing new"), 0);
    assert_eq!(list(&world, DeliveryFilter::default()).await, std::slice::from_ref(&delivery));
    assert_eq!((&delivery.webhook, &delivery.event), (&webhook.id, &event.id()));
    assert_eq!((delivery.body.as_str(), delivery.target.as_ref()), (BODY, URL));
    assert_eq!(
        (delivery.resource_type.as_str(), delivery.resource.as_str()),
        ("webhook", webhook.id.as_ref())
    );
    // An event that the webhook does not want has none.
    let mut other = webhook;
    other.events = EventTypes::select(["key.revoked"]).expect("known");
    let made = world.courier().address(&event, "webhook.created", BODY, &[other]).await;
    assert_eq!(made.expect("nothing"), 0);
}

#[tokio::test]
async fn the_endpoint_gets_a_signed_request_once() {
    let (world, webhook, delivery) = world().await;
    world.pass(Duration::from_millis(1500));
    let sent: RefCell<Vec<Message>> = RefCell::default();
    let wake = Wake::from(&delivery);
    for _ in 0..2 {
        let send = async |message| {
            sent.borrow_mut().push(message);
            OK
        };
        let next = world.courier().attempt(&wake, Turn::Shared, send).await.expect("responds");
        assert_eq!(next, None);
    }
    let secret: DeploymentSecret = SECRET.parse().expect("a secret");
    let secret = secret.signing_secret(&organization(), &webhook.id);
    let expected = Message {
        url: webhook.url.clone(),
        id: delivery.event.clone(),
        timestamp: sample::now().as_millis() / 1000 + 1,
        signature: secret.sign(&delivery.event, world.now(), BODY),
        body: BODY.to_owned(),
        timeout: SHARED_TIMEOUT,
    };
    assert_eq!(sent.into_inner(), [expected]);
    let delivered = newest(&world).await;
    assert_eq!((delivered.status, delivered.attempts), (DeliveryStatus::Delivered, 1));
    assert_eq!((delivered.last.status, delivered.last.error), (Some(204), None));
    assert_eq!(delivered.delivered_at, Some(world.now()));
}

#[tokio::test]
async fn a_failed_delivery_is_attempted_ten_times_over_three_days() {
    let (world, webhook, delivery) = world().await;
    let began = world.now();
    let mut wake = Wake::from(&delivery);
    for attempts in 1..=ATTEMPTS_MAX {
        let next = attempt(&world, &wake, Turn::Own, status(500)).await;
        let found = newest(&world).await;
        assert_eq!((found.attempts, found.last.status), (attempts, Some(500)));
        assert_eq!(found.last.error.as_deref(), Some("the endpoint responded with 500"));
        let Some(next) = next else {
            assert_eq!((attempts, found.status), (ATTEMPTS_MAX, DeliveryStatus::Failed));
            break;
        };
        assert_eq!((found.status, found.next_attempt_at), (DeliveryStatus::Pending, Some(next.at)));
        // Who comes late learns when the next attempt is, and sends nothing.
        assert_eq!(skip(&world, &wake, Turn::Own).await, Some(next.clone()));
        let wait = next.at.as_millis() - world.now().as_millis();
        world.pass(Duration::from_millis(wait.try_into().expect("later")));
        wake = next;
    }
    let hours = (world.now().as_millis() - began.as_millis()) / 3_600_000;
    assert!((75..=84).contains(&hours), "{hours}");
    let found = world.webhooks().await.remove(0);
    assert_eq!((found.disabled, found.failing_since), (None, Some(began)));
    assert_eq!(found.id, webhook.id);
    assert_eq!(skip(&world, &wake, Turn::Own).await, None);
}

#[tokio::test]
async fn an_endpoint_that_failed_or_was_slow_waits_for_its_own_turn() {
    for (answer, seconds) in [(status(503), 0), (OK, 2)] {
        let (world, webhook, first) = world().await;
        let send = async |_| {
            world.pass(Duration::from_secs(seconds));
            answer
        };
        world.courier().attempt(&Wake::from(&first), Turn::Shared, send).await.expect("responds");
        // Another event, such as that of another webhook.
        let next = async || {
            world.pass(Duration::from_secs(1));
            let other = EventTypes::select(["key.revoked"]).expect("known");
            world.create(URL, other).await.expect("created");
            Wake::from(&addressed(&world, &webhook).await)
        };
        let wake = next().await;
        assert_eq!(skip(&world, &wake, Turn::Shared).await, Some(wake.clone()));
        assert_eq!(attempt(&world, &wake, Turn::Own, OK).await, None);
        assert_eq!(world.webhooks().await[0].failing_since, None);
        // That it is well now says little.
        let wake = next().await;
        assert_eq!(skip(&world, &wake, Turn::Shared).await, Some(wake.clone()));
        world.pass(Duration::from_secs(90 * 60));
        assert_eq!(attempt(&world, &wake, Turn::Shared, OK).await, None);
    }
}

/// An organization that uses an ID again does not get what its predecessor did.
#[tokio::test]
async fn an_event_from_before_the_creation_is_for_nobody() {
    let (world, webhook, _) = world().await;
    let event = world.last_event().await;
    let later = webhook.created_at.saturating_add(Duration::from_millis(1));
    for (created_at, made) in [(webhook.created_at, 1), (later, 0)] {
        let id = format!("W{made}").parse().expect("an id");
        let other = Webhook { id, created_at, ..webhook.clone() };
        let store = world.table.store();
        store.create_webhook(&other, world.now(), None).await.expect("created");
        let addressed = world.courier().address(&event, "webhook.created", BODY, &[other]).await;
        assert_eq!(addressed.expect("responds"), made);
    }
}

/// Then the organization's trail takes no more events, so the webhook is not disabled, but the attempt is written.
#[tokio::test]
async fn an_endpoint_that_is_gone_while_its_organization_is_being_deleted_gets_one_request() {
    let (world, _, delivery) = world().await;
    world
        .table
        .client
        .update_item()
        .table_name(world.table.name())
        .key("pk", AttributeValue::S(format!("ORG#{}", organization())))
        .key("sk", AttributeValue::S("ORG".to_owned()))
        .update_expression("SET deleting = :now")
        .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .expect("written");
    let next = attempt(&world, &Wake::from(&delivery), Turn::Shared, status(410)).await;
    let found = newest(&world).await;
    assert_eq!((found.attempts, found.last.status), (1, Some(410)));
    assert_eq!(skip(&world, &Wake::from(&delivery), Turn::Shared).await, next);
}

/// The last of the failures of five days and a success, at the same time.
#[tokio::test]
async fn a_success_during_the_last_failure_keeps_a_webhook() {
    let (world, webhook, first) = world().await;
    attempt(&world, &Wake::from(&first), Turn::Own, status(500)).await;
    world.pass(Duration::from_secs(26 * 60 * 60));
    let second = world.create(URL, EventTypes::select(["key.revoked"]).expect("known")).await;
    second.expect("an event");
    let second = addressed(&world, &webhook).await;
    let mut wake = Wake { attempts: 1, ..Wake::from(&first) };
    for _ in 0..4 {
        wake = attempt(&world, &wake, Turn::Own, status(500)).await.expect("a retry");
        world.pass(Duration::from_secs(26 * 60 * 60));
    }
    let send = async |_| {
        assert_eq!(attempt(&world, &Wake::from(&second), Turn::Own, OK).await, None);
        status(500)
    };
    let next = world.courier().attempt(&wake, Turn::Own, send).await.expect("responds");
    assert!(next.is_some());
    let found = world.webhooks().await.remove(0);
    assert_eq!((found.disabled, found.failing_since), (None, Some(world.now())));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_at_once() {
    let (world, webhook, delivery) = world().await;
    assert_eq!(attempt(&world, &Wake::from(&delivery), Turn::Shared, status(410)).await, None);
    assert_eq!(newest(&world).await.status, DeliveryStatus::Failed);
    let found = world.webhooks().await.remove(0);
    let disabled = found.disabled.expect("disabled");
    assert_eq!((disabled.at, disabled.reason), (world.now(), DisableReason::Gone));
    let event = world.last_event().await;
    assert_eq!(
        (event.action.as_str(), event.resource.id.as_str()),
        ("webhook.disable", webhook.id.as_ref())
    );
    assert_eq!(
        (event.actor.kind.as_str(), event.actor.id.as_deref()),
        ("system", Some("webhooks"))
    );
    assert_eq!(event.changes["reason"].new, Some(Value::text("gone")));
    let made = world.courier().address(&event, "webhook.disabled", BODY, &[found]).await;
    assert_eq!(made.expect("nothing"), 0);
}

#[tokio::test]
async fn an_endpoint_that_fails_for_five_days_is_disabled() {
    let (world, webhook, first) = world().await;
    attempt(&world, &Wake::from(&first), Turn::Own, Answer::None("it did not connect".into()))
        .await;
    let day = Duration::from_secs(24 * 60 * 60);
    let late = Duration::from_secs(1);
    for (time, disabled) in
        [(day, false), (day, false), (day, false), (day, false), (day - late, false), (late, true)]
    {
        world.pass(time);
        let other = EventTypes::select(["key.revoked"]).expect("known");
        world.create(URL, other).await.expect("an event");
        let delivery = addressed(&world, &webhook).await;
        let next = attempt(&world, &Wake::from(&delivery), Turn::Own, status(302)).await;
        assert_eq!(next.is_none(), disabled);
        let found = world.webhooks().await.remove(0);
        assert_eq!(
            found.disabled.map(|disabled| disabled.reason),
            disabled.then_some(DisableReason::Failing)
        );
    }
    let last = newest(&world).await.last.error;
    assert_eq!(
        last.as_deref(),
        Some("the endpoint responded with 302, but redirects are not followed")
    );
    // What was waiting is given up.
    let waiting =
        list(&world, DeliveryFilter { status: Some(DeliveryStatus::Pending), webhook: None }).await;
    assert_eq!(waiting.len(), 6);
    for delivery in waiting {
        let wake = Wake { attempts: delivery.attempts, ..Wake::from(&delivery) };
        assert_eq!(skip(&world, &wake, Turn::Own).await, None);
        let found = world.latchkey.delivery(&caller(&[]), &delivery.id).await.expect("found");
        assert_eq!(
            (found.status, found.discarded_at),
            (DeliveryStatus::Discarded, Some(world.now()))
        );
        assert_eq!(found.last.error.as_deref(), Some("the webhook is deleted or disabled"));
    }
}

#[tokio::test]
async fn a_retry_waits_as_long_as_the_endpoint_asks() {
    let (world, _, delivery) = world().await;
    let answer = Answer::Response { status: 429, retry_after: Some(Duration::from_secs(7200)) };
    let next = attempt(&world, &Wake::from(&delivery), Turn::Own, answer).await.expect("a retry");
    assert_eq!(next.at, world.now().saturating_add(Duration::from_secs(7200)));
}
