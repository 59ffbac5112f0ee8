//! `Idempotency-Key` on `CreateServiceAccountKey`: a retry gets the same bytes and makes no second key.

use std::time::Duration;

use lakesail::{App, handle};
use latchkey::config::KeyPolicy;
use latchkey::time::Timestamp;
use latchkey_local::contract::Contract;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::secrets::Secrets;
use latchkey_local::{Answer, TestTable, event};
use serde_json::{Value, json};

const PLACE: (&str, &str) = ("POST", "/api/org/v1/service-accounts/{sa}/keys");

async fn answer_at(table: &TestTable, now: Timestamp, event: Value) -> Answer {
    let app = App { latchkey: table.latchkey_at(KeyPolicy::default(), now) };
    let answer = Answer::from(handle(&app, event::parse(event)).await);
    Contract::load("lakesail").check(PLACE, &answer);
    answer
}

async fn answer(table: &TestTable, event: Value) -> Answer {
    answer_at(table, sample::now(), event).await
}

/// A create with an idempotency key, by the account whose only key is its own.
fn create(key: &str, body: &str) -> Value {
    let mut event = event::json("lakesail", "create-key");
    event["rawPath"] =
        format!("/api/org/v1/service-accounts/{}/keys", sample::OTHER_ACCOUNT).into();
    event["headers"]["authorization"] = format!("Bearer {}", SampleKey::Other.token()).into();
    event["headers"]["idempotency-key"] = key.into();
    event["body"] = body.into();
    event
}

async fn keys(table: &TestTable) -> usize {
    let partition = format!("ACCOUNT#{}", sample::OTHER_ACCOUNT);
    let items = table.items().await;
    let own = items.iter().filter(|item| item["pk"].as_s() == Ok(&partition));
    // Beside the caller's own.
    own.filter(|item| item.contains_key("digest")).count() - 1
}

#[tokio::test]
async fn the_same_request_twice_gives_the_same_bytes_and_one_key() {
    let table = TestTable::start().await;
    let first = answer(&table, create("one", "{}")).await;
    let again = answer(&table, create("\"one\"", "{}")).await;
    assert_eq!(first.status, 201);
    assert_eq!((again.status, again.text), (first.status, first.text.clone()));
    assert_eq!(again.headers, first.headers);
    assert_eq!(keys(&table).await, 1);

    let other = answer(&table, create("two", "{}")).await;
    assert_ne!(other.text, first.text);
    assert_eq!(keys(&table).await, 2);
}

#[tokio::test]
async fn two_at_once_give_the_same_bytes_and_one_key() {
    let table = TestTable::start().await;
    let (left, right) =
        tokio::join!(answer(&table, create("one", "{}")), answer(&table, create("one", "{}")));
    assert_eq!((left.status, left.text), (right.status, right.text));
    assert_eq!(keys(&table).await, 1);
}

#[tokio::test]
async fn the_same_key_for_another_request_is_a_conflict() {
    let table = TestTable::start().await;
    answer(&table, create("one", "{}")).await;
    let mut other_account = create("one", "{}");
    other_account["rawPath"] = "/api/org/v1/service-accounts/NONE/keys".into();
    for event in [create("one", "{\"expiresAt\":\"2099-01-01T00:00:00Z\"}"), other_account] {
        let conflict = answer(&table, event).await;
        assert_eq!(conflict.status, 409, "{}", conflict.text);
        assert!(conflict.string("/message").contains("was used for another request"));
    }
    assert_eq!(keys(&table).await, 1);
}

#[tokio::test]
async fn another_callers_same_key_is_another_request() {
    let table = TestTable::start().await;
    let first = answer(&table, create("one", "{}")).await;
    let mut event = create("one", "{}");
    event["headers"]["authorization"] = format!("Bearer {}", first.string("/key")).into();
    let second = answer(&table, event).await;
    assert_eq!(second.status, 201);
    assert_ne!(second.text, first.text);
}

#[tokio::test]
async fn a_retry_is_answered_when_the_request_would_be_refused_by_now() {
    let table = TestTable::start().await;
    let soon = sample::now().saturating_add(Duration::from_secs(1));
    let body = json!({ "expiresAt": soon }).to_string();
    let first = answer(&table, create("expiring", &body)).await;
    let later = soon.saturating_add(Duration::from_secs(60));
    let again = answer_at(&table, later, create("expiring", &body)).await;
    assert_eq!((again.status, again.text), (201, first.text));

    // The account is full by now, of which the first request knows nothing.
    let first = answer(&table, create("early", "{}")).await;
    for key in ["2", "3", "4", "5", "6", "7", "8", "9"] {
        answer(&table, create(key, "{}")).await;
    }
    assert_eq!(answer(&table, create("late", "{}")).await.status, 409);
    let again = answer(&table, create("early", "{}")).await;
    assert_eq!((again.status, again.text), (201, first.text));
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let table = TestTable::start().await;
    assert_eq!(answer(&table, create("one", "{\"expires\":1}")).await.status, 400);
    assert_eq!(answer(&table, create("one", "{}")).await.status, 201);
}

#[tokio::test]
async fn after_24_hours_it_is_a_new_request() {
    let table = TestTable::start().await;
    let first = answer(&table, create("one", "{}")).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let end = sample::now().saturating_add(day);
    let before = Timestamp::from_millis(end.as_millis() - 1).expect("in range");
    let again = answer_at(&table, before, create("one", "{}")).await;
    assert_eq!(again.text, first.text);
    let anew = answer_at(&table, end, create("one", "{}")).await;
    assert_eq!(anew.status, 201);
    assert_ne!(anew.text, first.text);
    assert_eq!(keys(&table).await, 2);
}

#[tokio::test]
async fn the_table_holds_nothing_from_which_the_secret_can_be_had() {
    let table = TestTable::start().await;
    let minted = answer(&table, create("a-known-idempotency-key", "{}")).await;
    let mut secrets = Secrets::of_samples();
    secrets.add(minted.string("/key"));
    secrets.check_items(&table).await;
    let text = format!("{:?}", table.items().await);
    assert!(text.contains("IDEMPOTENCY#") && !text.contains("a-known-idempotency-key"));
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused() {
    let table = TestTable::start().await;
    for key in ["", "a b", &"k".repeat(256)] {
        let refused = answer(&table, create(key, "{}")).await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.string("/message"),
            "the `Idempotency-Key` header must be sent once, with 1 to 255 visible ASCII \
             characters, such as a UUID"
        );
    }
    assert_eq!(keys(&table).await, 0);
}
