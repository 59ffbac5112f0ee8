//! The whole way: a change, its event, the stream, deliveries, and requests.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey::webhook::{DeliveryStatus, DeploymentSecret, DisableReason, EventTypes};
use latchkey_testkit::contract::validate;
use latchkey_testkit::endpoint::Reply;
use latchkey_testkit::{project, sample};
use serde_json::{Value, json};

use crate::common::{ARN, SECRET, World};

const FAILURE: Reply = Reply::Status("500 Internal Server Error", "");

fn is_event(record: &Value) -> bool {
    record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").starts_with("AUDIT")
}

#[tokio::test]
async fn an_event_reaches_the_webhooks_that_want_it() {
    let mut world = World::new().await;
    let webhook = world.create(None, EventTypes::all()).await;
    let revoked = EventTypes::select(["key.revoked"]).expect("known");
    world.create(None, revoked).await;
    world.settle().await;

    // The first webhook hears of both, and the second of neither.
    let received = world.endpoint.received();
    assert_eq!(received.len(), 2);
    let organization = sample::ORGANIZATION.parse().expect("an id");
    let secret: DeploymentSecret = SECRET.parse().expect("a secret");
    let secret = secret.signing_secret(&organization, &webhook.id);
    for request in received {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(body["type"], "webhook.created");
        assert_eq!(body["timestamp"], body["data"]["time"]);
        validate(&project::json("schemas/events/v1/webhook.created.json"), &body["data"], "data");
        let id = request.header("webhook-id").expect("an id");
        assert_eq!(body["data"]["id"], id);
        assert!(!id.contains('.'));
        let signed = secret.sign(id, sample::now(), &request.body);
        assert_eq!(request.header("webhook-signature"), Some(signed.as_str()));
        let seconds = (sample::now().as_millis() / 1000).to_string();
        assert_eq!(request.header("webhook-timestamp"), Some(seconds.as_str()));
    }
    let deliveries = world.deliveries().await;
    assert_eq!(deliveries.len(), 2);
    for delivery in &deliveries {
        assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 1));
    }
    assert!(world.aws.schedules().is_empty());
    let stored = world.table.store().webhooks(&organization).await.expect("webhooks");
    // And that of the samples.
    assert_eq!(stored.len(), 2 + 1);
}

#[tokio::test]
async fn records_that_come_again_make_no_more_requests() {
    let mut world = World::new().await;
    world.create(None, EventTypes::all()).await;
    let mut all = Vec::new();
    loop {
        let records = world.records().await;
        if records.is_empty() {
            break;
        }
        world.process(&records).await;
        all.extend(records);
    }
    for _ in 0..3 {
        assert_eq!(world.process(&all).await, json!({ "batchItemFailures": [] }));
    }
    assert_eq!((world.endpoint.received().len(), world.deliveries().await.len()), (1, 1));
}

#[tokio::test]
async fn later_attempts_are_scheduled() {
    let mut world = World::new().await;
    world.endpoint.next([FAILURE, FAILURE]);
    world.create(None, EventTypes::all()).await;
    world.settle().await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Pending, 1));
    let schedules = world.aws.schedules();
    let name = |attempts: u32| format!("{}-{attempts}", delivery.id);
    assert_eq!(schedules.keys().collect::<Vec<_>>(), [&name(1)]);
    let schedule = &schedules[&name(1)];
    let due = delivery.next_attempt_at.expect("a time").saturating_add(Duration::from_millis(999));
    let due = due.to_string();
    assert_eq!(schedule["ScheduleExpression"], format!("at({})", &due[..19]));
    assert_eq!(schedule["GroupName"], "group");
    assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");
    assert_eq!(schedule["Target"]["Arn"], ARN);
    assert_eq!(schedule["Target"]["RoleArn"], "arn:aws:iam::1:role/scheduler");
    let input = schedule["Target"]["Input"].as_str().expect("a text");
    let input: Value = serde_json::from_str(input).expect("JSON");

    // The schedule calls the function, which makes one attempt, however often.
    world.wake(&name(1)).await;
    world.call(input).await.expect("a response");
    assert_eq!((world.endpoint.received().len(), world.aws.schedules().len()), (2, 2));
    world.wake(&name(2)).await;
    let received = world.endpoint.received();
    assert_eq!((received.len(), world.aws.schedules().len()), (3, 2));
    let header = |at: usize, name| received[at].header(name).expect("a header").to_owned();
    assert_eq!(header(0, "webhook-id"), header(1, "webhook-id"));
    let seconds = |at| header(at, "webhook-timestamp").parse::<i64>().expect("a number");
    // Five seconds and up to a tenth, to the next whole second.
    assert!((5..=6).contains(&(seconds(1) - seconds(0))));
    assert!((300..=331).contains(&(seconds(2) - seconds(1))));
    assert_ne!(header(0, "webhook-signature"), header(1, "webhook-signature"));
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 3));
    assert_eq!(world.webhooks().await[0].failing_since, None);
}

#[tokio::test]
async fn an_endpoint_that_failed_does_not_delay_the_others() {
    let mut world = World::new().await;
    world.endpoint.next([FAILURE]);
    world.create(None, EventTypes::all()).await;
    world.settle().await;
    // The next event waits for its own turn, however late the record comes.
    world.create(None, EventTypes::select(["key.revoked"]).expect("known")).await;
    let events = world.records().await;
    world.process(&events).await;
    world.pass(Duration::from_secs(60));
    world.settle().await;
    assert_eq!(world.endpoint.received().len(), 1);
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Pending, 0));
    world.wake(&format!("{}-0", delivery.id)).await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 1));
    // After an hour and a half without trouble, deliveries are attempted at once.
    world.pass(Duration::from_secs(90 * 60));
    world.create(None, EventTypes::select(["key.revoked"]).expect("known")).await;
    world.settle().await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 1));
}

#[tokio::test]
async fn a_replay_is_sent() {
    let mut world = World::new().await;
    world.create(None, EventTypes::all()).await;
    world.settle().await;
    let caller = world.caller().await;
    let first = world.deliveries().await.remove(0);
    let replayed = world.latchkey.replay_delivery(&caller, &first.id).await.expect("replayed");
    world.settle().await;
    let found = world.latchkey.delivery(&caller, &replayed.id).await.expect("found");
    assert_eq!(found.status, DeliveryStatus::Delivered);
    let received = world.endpoint.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[0].body, received[1].body);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_hears_no_more_and_others_hear_of_it() {
    let mut world = World::new().await;
    let gone = world.create(None, EventTypes::select(["webhook.created"]).expect("known")).await;
    let other = EventTypes::select(["webhook.disabled"]).expect("known");
    world.endpoint.next([Reply::Status("410 Gone", "")]);
    world.create(None, other).await;
    world.settle().await;
    let webhooks = world.webhooks().await;
    let reason = webhooks[0].disabled.expect("disabled").reason;
    assert_eq!((&webhooks[0].id, reason), (&gone.id, DisableReason::Gone));
    let bodies = world.endpoint.received().into_iter().map(|received| received.body);
    let types = bodies.map(|body| {
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body["type"].as_str().expect("a text").to_owned()
    });
    let told = types.filter(|of| of == "webhook.disabled").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_alone_and_what_comes_before_is_done() {
    let mut world = World::new().await;
    world.create(None, EventTypes::all()).await;
    world.create(None, EventTypes::all()).await;
    let mut records = world.records().await;
    records.retain(is_event);
    assert_eq!(records.len(), 2);
    let good = records.clone();
    records[1]["dynamodb"]["NewImage"]["digest"] = Value::Null;
    let number = records[1]["dynamodb"]["SequenceNumber"].clone();
    let expected = json!({ "batchItemFailures": [{ "itemIdentifier": number }] });
    assert_eq!(world.process(&records).await, expected);
    // The second webhook does not get the event of the first one's creation.
    assert_eq!(world.deliveries().await.len(), 1);
    let failed = world.call(json!({ "Records": records[1..] })).await;
    assert_eq!(failed, Err("Unprocessable".to_owned()));
    world.process(&good[1..]).await;
    assert_eq!(world.deliveries().await.len(), 3);
}

#[tokio::test]
async fn a_damaged_item_is_not_tried_again_and_again() {
    let mut world = World::new().await;
    let webhook = world.create(None, EventTypes::all()).await;
    let mut events = world.records().await;
    events.retain(is_event);
    let damaged = [
        ("pk", format!("WEBHOOKS#{}", sample::ORGANIZATION)),
        ("sk", format!("WEBHOOK#{}", webhook.id)),
    ];
    let item = damaged.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    let client = &world.table.client;
    let put = client.put_item().table_name(world.table.name()).set_item(Some(item.into()));
    put.send().await.expect("written");
    let failed = world.call(json!({ "Records": events })).await;
    assert_eq!(failed, Err("Unprocessable".to_owned()));
}

#[tokio::test]
async fn an_attempt_that_cannot_be_scheduled_is_left_to_lambda() {
    let mut world = World::new().await;
    world.endpoint.next([FAILURE]);
    world.aws.refuse(true);
    world.create(None, EventTypes::all()).await;
    let events = world.records().await;
    world.process(&events).await;
    let records = world.records().await;
    let response = world.process(&records).await;
    assert_eq!(response["batchItemFailures"].as_array().map(Vec::len), Some(1));
    let delivery = world.deliveries().await.remove(0);
    assert_eq!((delivery.attempts, world.endpoint.received().len()), (1, 1));
    let woken = json!({ "organization": sample::ORGANIZATION, "delivery": delivery.id.as_ref(), "attempts": 0 });
    assert_eq!(world.call(woken).await, Err("NotAttempted".to_owned()));
    // Lambda sends the record again: no further request, but the schedule.
    // By then, the time of the attempt is over, and the scheduler takes only what is ahead.
    world.aws.refuse(false);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.process(&records).await, json!({ "batchItemFailures": [] }));
    assert_eq!(world.endpoint.received().len(), 1);
    world.wake(&format!("{}-1", delivery.id)).await;
    assert_eq!(world.endpoint.received().len(), 2);
}

#[tokio::test]
async fn a_private_endpoint_is_a_failure_that_its_owner_can_read() {
    let mut world = World::new().await;
    world.create(Some("https://unknown.example.com/"), EventTypes::all()).await;
    world.settle().await;
    let delivery = world.deliveries().await.remove(0);
    assert_eq!(delivery.last.error.as_deref(), Some("the host name cannot be resolved"));
    assert_eq!((delivery.attempts, delivery.last.status), (1, None));
}

#[tokio::test]
async fn a_schedule_for_nothing_is_no_error() {
    let world = World::new().await;
    for (organization, delivery) in [(sample::ORGANIZATION, "NONE"), ("-", "NONE"), ("a", "-")] {
        let woken = json!({ "organization": organization, "delivery": delivery, "attempts": 0 });
        world.call(woken).await.expect("a response");
    }
    assert!(world.endpoint.received().is_empty());
}
