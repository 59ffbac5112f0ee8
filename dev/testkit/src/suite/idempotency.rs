//! `Idempotency-Key`: a retry gets the same bytes and creates nothing a second time.

use latchkey::time::Timestamp;
use serde_json::Value;

use super::{Dialect, Function};
use crate::sample::{SampleKey, after_hours};
use crate::secrets::Secrets;
use crate::{Answer, TestTable, event};

/// A request that creates something: its caller, its path, and two bodies.
#[derive(Clone, Copy, Debug)]
pub struct Create {
    /// The presented key.
    pub caller: SampleKey,
    /// The path.
    pub path: &'static str,
    /// A body that succeeds.
    pub body: &'static str,
    /// A second body.
    pub other_body: &'static str,
    /// The error for a second such request; `None` if it creates something else.
    pub once: Option<(u16, &'static str)>,
}

/// Creates a test of each `Idempotency-Key` scenario, for all of a dialect's creates.
///
/// The first of these must create a key in an account with only one key.
#[macro_export]
macro_rules! idempotency_tests {
    ($dialect:ty, $creates:expr) => {
        $crate::scenario_tests!($dialect, idempotency($creates):
            the_same_request_twice_gives_the_same_bytes_and_makes_one_thing,
            two_at_once_give_the_same_bytes_and_make_one_thing,
            the_same_key_for_another_request_is_a_conflict,
            after_a_day_it_is_a_new_request,
            another_callers_same_key_is_another_request,
            a_retry_is_answered_although_the_account_is_full_by_now,
            a_refusal_is_not_kept,
            the_table_holds_nothing_from_which_the_secret_can_be_had,
            a_bad_idempotency_key_is_refused,
        );
    };
}

impl Create {
    /// The request with an `Idempotency-Key` and a body.
    pub fn event(&self, key: &str, body: &str) -> Value {
        let mut event = event::call_with("POST", self.path, &self.caller.token(), body);
        event["headers"]["idempotency-key"] = key.into();
        event
    }

    async fn answer<D: Dialect>(&self, table: &TestTable, key: &str) -> Answer {
        answer::<D>(table, self.event(key, self.body)).await
    }

    /// Checks the response to a request that differs from the first.
    ///
    /// It creates something else, unless only one can exist.
    fn check_new<D: Dialect>(&self, answer: &Answer, first: &Answer) {
        match self.once {
            Some((status, message)) => {
                let refusal = D::refusal(status, message);
                assert_eq!((answer.status, &answer.body), (status, &refusal), "{}", self.path);
            }
            None => {
                assert_eq!(answer.status, D::CREATED, "{}: {}", self.path, answer.text);
                assert_ne!(answer.id(), first.id(), "{}", self.path);
            }
        }
    }
}

/// Checks that the first request succeeded and that its retry got exactly the same bytes.
///
/// # Panics
///
/// If either fails.
pub fn check_same<D: Dialect>(first: &Answer, again: &Answer, path: &str) {
    assert_eq!(first.status, D::CREATED, "{path}: {}", first.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
    assert_eq!(again.headers, first.headers, "{path}");
}

/// One after the other. A request with another idempotency key is a different request.
pub async fn the_same_request_twice_gives_the_same_bytes_and_makes_one_thing<D: Dialect>(
    creates: &[Create],
) {
    for create in creates {
        let table = TestTable::start().await;
        let first = create.answer::<D>(&table, "one").await;
        let made = items(&table).await;
        let again = create.answer::<D>(&table, "\"one\"").await;
        check_same::<D>(&first, &again, create.path);
        assert_eq!(items(&table).await, made, "{}", create.path);

        let other = create.answer::<D>(&table, "two").await;
        create.check_new::<D>(&other, &first);
        assert_eq!(items(&table).await > made, create.once.is_none(), "{}", create.path);
    }
}

/// At the same time.
pub async fn two_at_once_give_the_same_bytes_and_make_one_thing<D: Dialect>(creates: &[Create]) {
    for create in creates {
        let (table, single) = (TestTable::start().await, TestTable::start().await);
        let retry = || create.answer::<D>(&table, "one");
        let (left, right) = tokio::join!(retry(), retry());
        check_same::<D>(&left, &right, create.path);
        create.answer::<D>(&single, "one").await;
        assert_eq!(items(&table).await, items(&single).await, "{}", create.path);
    }
}

/// With another body, for another operation, and for the same operation on another account.
pub async fn the_same_key_for_another_request_is_a_conflict<D: Dialect>(creates: &[Create]) {
    for (index, create) in creates.iter().enumerate() {
        let table = TestTable::start().await;
        assert_eq!(create.answer::<D>(&table, "one").await.status, D::CREATED, "{}", create.path);
        let made = items(&table).await;
        let mut others = vec![create.event("one", create.other_body)];
        // Other operations of the same caller.
        let same_caller = creates.iter().filter(|other| other.caller == create.caller);
        let operations = same_caller.filter(|other| other.path != create.path);
        others.extend(operations.map(|other| other.event("one", other.body)));
        // The same operation on another account.
        if index == 0 {
            let mut event = create.event("one", create.body);
            event["rawPath"] = D::keys_path("NONE").into();
            others.push(event);
        }
        for event in others {
            let path = format!("{} {} after {}", event["rawPath"], event["body"], create.path);
            let conflict = answer::<D>(&table, event).await;
            let message = "this `Idempotency-Key` was used for a different request in the last 24 \
                           hours; send a new value with each new request";
            assert_eq!(conflict.status, 409, "{path}: {}", conflict.text);
            assert_eq!(conflict.body, D::refusal(409, message), "{path}");
        }
        assert_eq!(items(&table).await, made, "{}", create.path);
    }
}

/// Exactly a day, and not a millisecond sooner.
pub async fn after_a_day_it_is_a_new_request<D: Dialect>(creates: &[Create]) {
    for create in creates {
        let table = TestTable::start().await;
        let event = || create.event("one", create.body);
        let first = answer::<D>(&table, event()).await;
        let made = items(&table).await;
        let almost = Timestamp::from_millis(after_hours(24).as_millis() - 1).expect("in range");
        let again = Function::<D>::at(&table, almost).answer(event()).await;
        check_same::<D>(&first, &again, create.path);
        assert_eq!(items(&table).await, made, "{}", create.path);

        let late = Function::<D>::at(&table, after_hours(24)).answer(event()).await;
        create.check_new::<D>(&late, &first);
        assert_eq!(items(&table).await > made, create.once.is_none(), "{}", create.path);
    }
}

/// Both callers have keys of the same account.
pub async fn another_callers_same_key_is_another_request<D: Dialect>(creates: &[Create]) {
    let (table, create) = (TestTable::start().await, creates[0]);
    let first = create.answer::<D>(&table, "one").await;
    let mut event = create.event("one", create.body);
    event["headers"]["authorization"] = format!("Bearer {}", first.string("/key")).into();
    let second = answer::<D>(&table, event).await;
    assert_eq!(second.status, D::CREATED, "{}", second.text);
    assert_ne!(second.text, first.text);
}

/// The retry must not depend on the account's present state.
pub async fn a_retry_is_answered_although_the_account_is_full_by_now<D: Dialect>(
    creates: &[Create],
) {
    let (table, create) = (TestTable::start().await, creates[0]);
    let first = create.answer::<D>(&table, "early").await;
    // Creates so many keys that, with this one and the account's own, there are ten.
    for key in ["2", "3", "4", "5", "6", "7", "8", "9"] {
        assert_eq!(create.answer::<D>(&table, key).await.status, D::CREATED, "key {key}");
    }
    assert_eq!(create.answer::<D>(&table, "late").await.status, 409);
    check_same::<D>(&first, &create.answer::<D>(&table, "early").await, create.path);
}

/// The caller can correct the request and send it with the same key.
pub async fn a_refusal_is_not_kept<D: Dialect>(creates: &[Create]) {
    for create in creates {
        let table = TestTable::start().await;
        let refused = answer::<D>(&table, create.event("one", r#"{"expires":1}"#)).await;
        assert_eq!(refused.status, 400, "{}: {}", create.path, refused.text);
        let corrected = create.answer::<D>(&table, "one").await;
        assert_eq!(corrected.status, D::CREATED, "{}: {}", create.path, corrected.text);
    }
}

/// The table does not contain the `Idempotency-Key` either.
pub async fn the_table_holds_nothing_from_which_the_secret_can_be_had<D: Dialect>(
    creates: &[Create],
) {
    for create in creates {
        let table = TestTable::start().await;
        let made = create.answer::<D>(&table, "a-known-idempotency-key").await;
        let mut secrets = Secrets::of_samples();
        if let Some(token) = made.body["key"].as_str() {
            secrets.add(token);
        }
        secrets.check_items(&table).await;
        let text = format!("{:?}", table.items().await);
        assert!(text.contains("IDEMPOTENCY#"), "{}: nothing is kept", create.path);
        assert!(!text.contains("a-known-idempotency-key"), "{}", create.path);
    }
}

/// It is empty, contains a space, or is too long.
pub async fn a_bad_idempotency_key_is_refused<D: Dialect>(creates: &[Create]) {
    let table = TestTable::start().await;
    let before = items(&table).await;
    let message = "the `Idempotency-Key` header must be sent once, with 1 to 255 visible ASCII \
                   characters, such as a UUID";
    for create in creates {
        for key in ["", "a b", &"k".repeat(256)] {
            let refused = create.answer::<D>(&table, key).await;
            assert_eq!(refused.status, 400, "{}: {key:?}", create.path);
            assert_eq!(refused.body, D::refusal(400, message), "{}: {key:?}", create.path);
        }
    }
    assert_eq!(items(&table).await, before);
}

async fn answer<D: Dialect>(table: &TestTable, event: Value) -> Answer {
    Function::<D>::over(table).answer(event).await
}

/// Counts the items, except stored responses.
async fn items(table: &TestTable) -> usize {
    let items = table.items().await;
    let kept = |value: &str| value.starts_with("IDEMPOTENCY#");
    items.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| !kept(pk))).count()
}
