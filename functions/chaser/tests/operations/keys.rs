//! Listing, describing, updating, and revoking the keys of a service account.

use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::{Answer, TestTable, event_tests};
use serde_json::{Value, json};

use crate::cases;
use crate::common::{Chaser, Function};

event_tests!(Chaser, cases::keys::successes(), cases::keys::refusals());

fn sample_path(key: SampleKey) -> String {
    Chaser::key_path(ACCOUNT, key.mint().0.id.as_ref())
}

async fn mint(function: &Function, body: &str) -> Answer {
    let minted = function.post(&full_access(), &Chaser::keys_path(ACCOUNT), body).await;
    assert_eq!(minted.status, 200, "{}", minted.text);
    minted
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_listed_as_revoked() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the key.
    let function = Function::caching(&table);
    let minted = mint(&function, r#"{"name":"ci","scopes":["sessions.read"]}"#).await;
    let (id, token) = (minted.string("/id"), minted.string("/key"));
    let path = Chaser::key_path(ACCOUNT, id);
    let before = function.get(&full_access(), &path).await;
    let expected = json!({
        "id": id,
        "name": "ci",
        "key_prefix": minted.body["key_prefix"],
        "scopes": ["sessions.read"],
        "full_access": false,
        "created_at": "2026-01-01T00:00:00.000Z",
        "expires_at": null,
        "last_used_at": null,
        "revoked": null,
        "revoked_at": null,
    });
    assert_eq!(before.body, expected);
    assert_eq!(function.identify(token).await, 200);

    let revoked = function.delete(&full_access(), &path).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (204, ""));
    assert_eq!(function.identify(token).await, 401);
    let mut expected = expected;
    for field in ["revoked", "revoked_at"] {
        expected[field] = "2026-01-01T00:00:00.000Z".into();
    }
    assert_eq!(function.get(&full_access(), &path).await.body, expected);
    let listed = function.get(&full_access(), &Chaser::keys_path(ACCOUNT)).await;
    assert!(listed.body["keys"].as_array().expect("a list").contains(&expected));
}

#[tokio::test]
async fn revoking_again_succeeds_and_changes_nothing() {
    let table = TestTable::start().await;
    let path = sample_path(SampleKey::Reader);
    assert_eq!(Function::over(&table).delete(&full_access(), &path).await.status, 204);
    let before = table.items().await;
    let later = Function::at(&table, after_hours(1));
    assert_eq!(later.delete(&full_access(), &path).await.status, 204);
    assert!(table.items().await == before);
    let key = later.get(&full_access(), &path).await;
    assert_eq!(key.string("/revoked_at"), "2026-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_revoked_key_makes_room_for_another() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let (token, path) = (full_access(), Chaser::keys_path(FULL_ACCOUNT));
    assert_eq!(function.post(&token, &path, "{}").await.status, 409);
    let listed = function.get(&token, &path).await.ids();
    let gone = Chaser::key_path(FULL_ACCOUNT, &listed[3]);
    // The second delete does not change the count.
    for _ in 0..2 {
        assert_eq!(function.delete(&token, &gone).await.status, 204);
    }
    assert_eq!(function.post(&token, &path, "{}").await.status, 200);
    assert_eq!(function.post(&token, &path, "{}").await.status, 409);
}

#[tokio::test]
async fn an_update_changes_what_it_names_only() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let minted = mint(&function, r#"{"name":"ci","scopes":["sessions.read"]}"#).await;
    let path = Chaser::key_path(ACCOUNT, minted.string("/id"));
    let mut expected = function.get(&full_access(), &path).await.body;
    for (body, field, value) in [
        (r#"{"name":"deploy"}"#, "name", json!("deploy")),
        (
            r#"{"scopes":["files.read","exec.write"]}"#,
            "scopes",
            json!(["files.read", "exec.write"]),
        ),
        (r#"{"name":null}"#, "name", Value::Null),
        (r#"{"name":""}"#, "name", json!("")),
        ("{}", "name", json!("")),
    ] {
        let updated = function.patch(&full_access(), &path, body).await;
        expected[field] = value;
        assert_eq!((updated.status, &updated.body), (200, &expected), "{body}");
        assert_eq!(function.get(&full_access(), &path).await.body, expected, "{body}");
    }
    for full in [r#"{"scopes":null}"#, r#"{"scopes":["files.read"]}"#, r#"{"scopes":[]}"#] {
        function.patch(&full_access(), &path, full).await;
    }
    let full = function.get(&full_access(), &path).await;
    assert_eq!((&full.body["scopes"], &full.body["full_access"]), (&json!([]), &json!(true)));
    // Whatever its name and scopes, it is the same key.
    assert_eq!(function.identify(minted.string("/key")).await, 200);
}

#[tokio::test]
async fn new_scopes_hold_at_once() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the old scopes.
    let function = Function::caching(&table);
    let minted = mint(&function, r#"{"scopes":["keys.read"]}"#).await;
    let (token, path) = (minted.string("/key"), Chaser::key_path(ACCOUNT, minted.string("/id")));
    let lists = || async { function.get(token, &Chaser::keys_path(ACCOUNT)).await.status };
    assert_eq!(lists().await, 200);
    function.patch(&full_access(), &path, r#"{"scopes":["sessions.read"]}"#).await;
    assert_eq!(lists().await, 403);
    function.patch(&full_access(), &path, r#"{"scopes":null}"#).await;
    assert_eq!(lists().await, 200);
    assert_eq!(function.delete(token, &path).await.status, 204);
    assert_eq!(lists().await, 401);
}

#[tokio::test]
async fn a_key_that_holds_more_is_neither_changed_nor_revoked() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let minter = SampleKey::Minter.token();
    let before = table.items().await;
    for (target, message) in [
        (
            SampleKey::Reader,
            "this key cannot change or revoke a key with the scope `keys.read`, which it does not \
             have; use a key that has it",
        ),
        (
            SampleKey::FullAccess,
            "this key has scopes and cannot change or revoke a key with full access; \
             use a key with full access",
        ),
    ] {
        let path = sample_path(target);
        let renamed = function.patch(&minter, &path, r#"{"name":"n"}"#).await;
        let revoked = function.delete(&minter, &path).await;
        for refused in [renamed, revoked] {
            assert_eq!(refused.body, Chaser::refusal(403, message));
        }
    }
    assert!(table.items().await == before, "a refusal wrote something");
}

#[tokio::test]
async fn a_key_never_gets_a_scope_from_one_that_lacks_it() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let (minter, own) = (SampleKey::Minter.token(), sample_path(SampleKey::Minter));
    let before = table.items().await;
    for body in [
        r#"{"scopes":["keys.read"]}"#,
        r#"{"scopes":["keys.write","sessions.read","sessions.write"]}"#,
        r#"{"scopes":[]}"#,
        r#"{"scopes":null}"#,
        r#"{"name":"n","scopes":null}"#,
    ] {
        for path in [&own, &sample_path(SampleKey::Reader)] {
            assert_eq!(function.patch(&minter, path, body).await.status, 403, "{body}");
        }
    }
    assert!(table.items().await == before, "a refusal wrote something");
    // It may reduce its scopes; here it gives up its right to change keys.
    let less = function.patch(&minter, &own, r#"{"scopes":["sessions.read"]}"#).await;
    assert_eq!(less.status, 200, "{}", less.text);
    assert_eq!(function.patch(&minter, &own, r#"{"name":"n"}"#).await.status, 403);
}
