//! `Idempotency-Key` on every create: a retry gets the same bytes, and makes nothing a second time.

use std::time::Duration;

use latchkey::time::Timestamp;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::secrets::Secrets;
use latchkey_local::{Answer, TestTable, event};
use serde_json::{Value, json};

use crate::common::{Function, after_hours};

/// A create: whose key, where, and two bodies.
struct Create {
    caller: SampleKey,
    path: &'static str,
    body: &'static str,
    other_body: &'static str,
}

const CREATE_KEY: Create = Create {
    caller: SampleKey::Other,
    path: "/api/org/v1/service-accounts/SAMPLEACCOUNT004/keys",
    body: "{}",
    other_body: r#"{"expiresAt":"2099-01-01T00:00:00Z"}"#,
};

const CREATES: &[Create] = &[
    CREATE_KEY,
    Create {
        caller: SampleKey::Other,
        path: "/api/org/v1/service-accounts",
        body: r#"{"username":"nightly-report","description":""}"#,
        other_body: r#"{"username":"weekly-report","description":""}"#,
    },
    Create {
        caller: SampleKey::Root,
        path: "/api/admin/v1/keys",
        body: "{}",
        other_body: r#"{"expiresAt":"2099-01-01T00:00:00Z"}"#,
    },
];

impl Create {
    fn event(&self, key: &str, body: &str) -> Value {
        let mut event = event::call_with("POST", self.path, &self.caller.token(), body);
        event["headers"]["idempotency-key"] = key.into();
        event
    }
}

async fn answer_at(table: &TestTable, now: Timestamp, event: Value) -> Answer {
    Function::at(table, now).answer(event).await
}

async fn answer(table: &TestTable, event: Value) -> Answer {
    Function::over(table).answer(event).await
}

/// A create of a key, by the account whose only key is its own.
fn create(key: &str, body: &str) -> Value {
    CREATE_KEY.event(key, body)
}

/// How many items there are, beside kept answers.
async fn items(table: &TestTable) -> usize {
    let items = table.items().await;
    let kept = |value: &str| value.starts_with("IDEMPOTENCY#");
    items.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| !kept(pk))).count()
}

fn check_same(first: &Answer, again: &Answer) {
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.headers, first.headers);
}

#[tokio::test]
async fn the_same_request_twice_gives_the_same_bytes_and_makes_one_thing() {
    for create in CREATES {
        let table = TestTable::start().await;
        let first = answer(&table, create.event("one", create.body)).await;
        let made = items(&table).await;
        let again = answer(&table, create.event("\"one\"", create.body)).await;
        check_same(&first, &again);
        assert_eq!(items(&table).await, made, "{}", create.path);

        let other = answer(&table, create.event("two", create.body)).await;
        assert_eq!(other.status, 201);
        assert_ne!(other.text, first.text);
        assert!(items(&table).await > made, "{}", create.path);
    }
}

#[tokio::test]
async fn two_at_once_give_the_same_bytes_and_make_one_thing() {
    for create in CREATES {
        let (table, single) = (TestTable::start().await, TestTable::start().await);
        let event = || create.event("one", create.body);
        let (left, right) = tokio::join!(answer(&table, event()), answer(&table, event()));
        check_same(&left, &right);
        answer(&single, event()).await;
        assert_eq!(items(&table).await, items(&single).await, "{}", create.path);
    }
}

#[tokio::test]
async fn the_same_key_for_another_request_is_a_conflict() {
    for create in CREATES {
        let table = TestTable::start().await;
        assert_eq!(answer(&table, create.event("one", create.body)).await.status, 201);
        let made = items(&table).await;
        let mut others = vec![create.event("one", create.other_body)];
        // Other operations of the same caller.
        let same_caller = CREATES.iter().filter(|other| other.caller == create.caller);
        let operations = same_caller.filter(|other| other.path != create.path);
        others.extend(operations.map(|other| other.event("one", other.body)));
        // The same operation on another account.
        if create.path == CREATE_KEY.path {
            let mut event = create.event("one", create.body);
            event["rawPath"] = "/api/org/v1/service-accounts/NONE/keys".into();
            others.push(event);
        }
        for event in others {
            let conflict = answer(&table, event).await;
            assert_eq!(conflict.status, 409, "{}", conflict.text);
            assert_eq!(
                conflict.string("/message"),
                "this `Idempotency-Key` was used for another request within the last 24 hours; \
                 send a new one with each new request"
            );
        }
        assert_eq!(items(&table).await, made, "{}", create.path);
    }
}

#[tokio::test]
async fn after_a_day_it_is_a_new_request() {
    for create in CREATES {
        let table = TestTable::start().await;
        let event = |body| create.event("one", body);
        let first = answer(&table, event(create.body)).await;
        let made = items(&table).await;
        let almost = after_hours(24).as_millis() - 1;
        let almost = Timestamp::from_millis(almost).expect("in range");
        check_same(&first, &answer_at(&table, almost, event(create.body)).await);
        assert_eq!(items(&table).await, made);

        let late = answer_at(&table, after_hours(24), event(create.body)).await;
        assert_eq!(late.status, 201, "{}", late.text);
        assert_ne!(late.string("/id"), first.string("/id"));
        assert!(items(&table).await > made, "{}", create.path);
    }
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
    for create in CREATES {
        let table = TestTable::start().await;
        let refused = answer(&table, create.event("one", r#"{"expires":1}"#)).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(answer(&table, create.event("one", create.body)).await.status, 201);
    }
}

#[tokio::test]
async fn the_table_holds_nothing_from_which_the_secret_can_be_had() {
    for create in CREATES {
        let table = TestTable::start().await;
        let made = answer(&table, create.event("a-known-idempotency-key", create.body)).await;
        let mut secrets = Secrets::of_samples();
        if let Some(token) = made.body["key"].as_str() {
            secrets.add(token);
        }
        secrets.check_items(&table).await;
        let text = format!("{:?}", table.items().await);
        assert!(text.contains("IDEMPOTENCY#") && !text.contains("a-known-idempotency-key"));
    }
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused() {
    let table = TestTable::start().await;
    let before = items(&table).await;
    for create in CREATES {
        for key in ["", "a b", &"k".repeat(256)] {
            let refused = answer(&table, create.event(key, create.body)).await;
            assert_eq!(refused.status, 400);
            assert_eq!(
                refused.string("/message"),
                "the `Idempotency-Key` header must be sent once, with 1 to 255 visible ASCII \
                 characters, such as a UUID"
            );
        }
    }
    assert_eq!(items(&table).await, before);
}
