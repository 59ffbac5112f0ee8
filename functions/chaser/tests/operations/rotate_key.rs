//! Rotating a key: a new key replaces it, and the old one ends after the grace period.

use latchkey::policy::KeyPolicy;
use latchkey::time::Timestamp;
use latchkey_testkit::sample::{
    self, ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access,
};
use latchkey_testkit::suite::change::{account, body, key, key_id};
use latchkey_testkit::suite::{Case, Dialect};
use latchkey_testkit::{Answer, TestTable, event_tests};
use serde_json::Value;

use crate::cases;
use crate::common::{Chaser, Function};

const WEEK_HOURS: u64 = 7 * 24;

event_tests!(Chaser, cases::rotate_key::successes(), cases::rotate_key::refusals());

fn rotate_path(account: &str, key: &str) -> String {
    format!("{}/rotate", Chaser::key_path(account, key))
}

async fn mint(function: &Function, body: &str) -> Answer {
    let minted = function.post(&full_access(), &Chaser::keys_path(ACCOUNT), body).await;
    assert_eq!(minted.status, 200, "{}", minted.text);
    minted
}

async fn rotate(function: &Function, old: &Answer, body: &str) -> Answer {
    function.post(&full_access(), &rotate_path(ACCOUNT, old.string("/id")), body).await
}

async fn describe(function: &Function, minted: &Answer) -> Value {
    let described =
        function.get(&full_access(), &Chaser::key_path(ACCOUNT, minted.string("/id"))).await;
    assert_eq!(described.status, 200, "{}", described.text);
    described.body
}

#[tokio::test]
async fn the_new_key_is_like_the_old_one_which_ends_in_a_week() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let old = mint(&function, r#"{"name":"ci","scopes":["files.read","keys.read"]}"#).await;
    let new = rotate(&function, &old, "").await;
    assert_eq!(new.status, 200, "{}", new.text);
    assert_eq!(new.header("cache-control"), "no-store");
    for same in ["name", "scopes", "full_access", "service_account"] {
        assert_eq!(new.body[same], old.body[same], "{same}");
    }
    for other in ["id", "key", "key_prefix"] {
        assert_ne!(new.body[other], old.body[other], "{other}");
    }
    assert!(new.string("/key").starts_with(new.string("/key_prefix")));

    let week = after_hours(WEEK_HOURS);
    assert_eq!(describe(&function, &old).await["expires_at"], "2026-01-08T00:00:00.000Z");
    for live in ["revoked", "revoked_at"] {
        assert_eq!(describe(&function, &old).await[live], Value::Null);
    }
    assert_eq!(describe(&function, &new).await["expires_at"], Value::Null);
    for minted in [&old, &new] {
        assert_eq!(function.identify(minted.string("/key")).await, 200);
    }
    let before = Timestamp::from_millis(week.as_millis() - 1).expect("in range");
    assert_eq!(Function::at(&table, before).identify(old.string("/key")).await, 200);
    assert_eq!(Function::at(&table, week).identify(old.string("/key")).await, 401);
    assert_eq!(Function::at(&table, week).identify(new.string("/key")).await, 200);
}

#[tokio::test]
async fn without_grace_the_old_key_is_refused_at_once() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the key.
    let function = Function::caching(&table);
    let old = mint(&function, "{}").await;
    assert_eq!(function.identify(old.string("/key")).await, 200);
    let new = rotate(&function, &old, r#"{"grace_days":0}"#).await;
    assert_eq!(function.identify(old.string("/key")).await, 401);
    assert_eq!(function.identify(new.string("/key")).await, 200);
    let old = describe(&function, &old).await;
    assert_eq!(old["expires_at"], "2026-01-01T00:00:00.000Z");
    // The SDK's users know of no expiry, so to them the key is revoked.
    assert_eq!((&old["revoked"], &old["revoked_at"]), (&old["expires_at"], &Value::Null));
}

#[tokio::test]
async fn a_key_that_rotates_itself_is_refused_from_then_on() {
    let table = TestTable::start().await;
    let function = Function::caching(&table);
    let old = mint(&function, r#"{"scopes":["keys.write"]}"#).await;
    let (token, path) = (old.string("/key"), rotate_path(ACCOUNT, old.string("/id")));
    let new = function.post(token, &path, r#"{"grace_days":0}"#).await;
    assert_eq!(new.status, 200, "{}", new.text);
    assert_eq!(function.post(token, &path, "{}").await.status, 401);
    assert_eq!(function.identify(new.string("/key")).await, 200);
}

#[tokio::test]
async fn a_key_is_rotated_once_and_its_successor_again() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let old = mint(&function, "{}").await;
    let new = rotate(&function, &old, "{}").await;
    let before = table.items().await;
    for body in ["{}", r#"{"grace_days":0}"#] {
        let refused = rotate(&function, &old, body).await;
        assert_eq!(refused.status, 409);
        assert_eq!(
            refused.string("/error/message"),
            format!(
                "key `{}` was already rotated; rotate the key that replaced it",
                old.string("/id")
            )
        );
    }
    assert!(table.items().await == before, "a refusal wrote something");
    assert_eq!(rotate(&function, &new, "{}").await.status, 200);
    // During its grace period, it is a key like any other.
    let path = Chaser::key_path(ACCOUNT, old.string("/id"));
    assert_eq!(function.patch(&full_access(), &path, r#"{"name":"old"}"#).await.status, 200);
    assert_eq!(function.delete(&full_access(), &path).await.status, 204);
    assert_eq!(function.identify(old.string("/key")).await, 401);
    assert_eq!(function.identify(new.string("/key")).await, 200);
}

/// Rotations without grace do not count against the limit, so they could fill an account with ended keys.
#[tokio::test]
async fn a_successor_is_not_rotated_without_grace_within_a_minute() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let old = mint(&function, "{}").await;
    let new = rotate(&function, &old, r#"{"grace_days":0}"#).await;
    let before = table.items().await;
    let refused = rotate(&function, &new, r#"{"grace_days":0}"#).await;
    let message = format!(
        "key `{}` was created by a rotation less than a minute ago; \
         wait a minute, or rotate it with a grace period",
        new.string("/id")
    );
    assert_eq!(refused.body, Chaser::refusal(409, &message));
    assert!(table.items().await == before, "a refusal wrote something");
    assert_eq!(function.identify(new.string("/key")).await, 200);
    let minute = Timestamp::from_millis(sample::now().as_millis() + 60_000).expect("in range");
    let late = rotate(&Function::at(&table, minute), &new, r#"{"grace_days":0}"#).await;
    assert_eq!(late.status, 200, "{}", late.text);
}

#[tokio::test]
async fn two_rotations_at_once_make_one_successor() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let old = mint(&function, "{}").await;
    let before = table.records().await.len();
    let (left, right) = tokio::join!(rotate(&function, &old, "{}"), rotate(&function, &old, "{}"));
    let mut statuses = [left.status, right.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", left.text, right.text);
    assert_eq!(table.records().await.len(), before + 1);
}

#[tokio::test]
async fn an_expiring_key_keeps_its_lifetime_and_never_ends_later() {
    let table = TestTable::start().await;
    let policy = KeyPolicy {
        max_lifetime: Some(std::time::Duration::from_secs(10 * 86_400)),
        ..KeyPolicy::default()
    };
    let old = mint(&Function::with(&table, policy.clone()), "{}").await;
    let function = Function::over(&table);
    assert_eq!(describe(&function, &old).await["expires_at"], "2026-01-11T00:00:00.000Z");
    // Eight days later, it has two days left, which is less than the grace period.
    let late = Function::at(&table, after_hours(8 * 24));
    let new = rotate(&late, &old, r#"{"grace_days":30}"#).await;
    assert_eq!(describe(&late, &old).await["expires_at"], "2026-01-11T00:00:00.000Z");
    assert_eq!(describe(&late, &new).await["expires_at"], "2026-01-19T00:00:00.000Z");
}

#[tokio::test]
async fn a_full_account_rotates_without_grace_and_holds_as_many_keys_as_before() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    // The key to rotate. The new key is from the same millisecond, so it may be listed first.
    let listed = function.get(&full_access(), &Chaser::keys_path(FULL_ACCOUNT)).await.ids();
    let full = Case::of("rotate-key").with(account(FULL_ACCOUNT)).with(key_id(&listed[0]));
    let no_grace = full.clone().with(body(r#"{"grace_days":0}"#));
    assert_eq!(function.answer_to(full).await.status, 409);
    assert_eq!(function.answer_to(no_grace).await.status, 200);
    let mint =
        || async { function.post(&full_access(), &Chaser::keys_path(FULL_ACCOUNT), "{}").await };
    assert_eq!(mint().await.status, 409);
    // The rotated key no longer counts, so revoking it does not free a slot.
    let rotated = Chaser::key_path(FULL_ACCOUNT, &listed[0]);
    assert_eq!(function.delete(&full_access(), &rotated).await.status, 204);
    assert_eq!(mint().await.status, 409);
}

#[tokio::test]
async fn a_key_keeps_its_prefix_when_the_deployment_has_another_by_now() {
    let table = TestTable::start().await;
    let policy =
        KeyPolicy { prefix: "acme_live".parse().expect("a prefix"), ..KeyPolicy::default() };
    let function = Function::with(&table, policy);
    let new = function.answer_to("rotate-key").await;
    assert!(new.string("/key").starts_with(&format!("sk_{ACCOUNT}_")));
    let minted = mint(&function, "{}").await;
    assert!(minted.string("/key").starts_with(&format!("acme_live_{ACCOUNT}_")));
}

#[tokio::test]
async fn no_rotation_makes_more_of_a_key_than_the_caller_is() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let minter = SampleKey::Minter.token();
    let stronger = mint(&function, r#"{"scopes":["sessions.read","files.read"]}"#).await;
    let weaker = mint(&function, r#"{"scopes":["sessions.read"]}"#).await;
    let before = table.items().await;
    let path = rotate_path(ACCOUNT, stronger.string("/id"));
    assert_eq!(function.post(&minter, &path, r#"{"grace_days":0}"#).await.status, 403);
    assert!(table.items().await == before, "a refusal wrote something");
    assert_eq!(function.identify(stronger.string("/key")).await, 200);
    let path = rotate_path(ACCOUNT, weaker.string("/id"));
    assert_eq!(function.post(&minter, &path, "{}").await.status, 200);
}

#[tokio::test]
async fn a_disabled_accounts_key_is_rotated_once_it_is_enabled() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let key = key(SampleKey::Disabled);
    let disabled = Case::of("rotate-key").with(account(DISABLED_ACCOUNT)).with(key);
    assert_eq!(function.answer_to(disabled.clone()).await.status, 409);
    let path = Chaser::account_path(DISABLED_ACCOUNT);
    function.patch(&full_access(), &path, r#"{"disabled":false}"#).await;
    let new = function.answer_to(disabled).await;
    assert_eq!(new.status, 200, "{}", new.text);
    assert_eq!(new.string("/service_account/updated_at"), sample::now().to_string());
}
