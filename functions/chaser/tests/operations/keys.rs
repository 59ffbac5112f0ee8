//! Listing, describing, updating and revoking the keys of a service account.

use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY};
use latchkey_testkit::{Answer, TestTable, event_tests};
use serde_json::{Value, json};

use crate::common::{Chaser, Function};

const READS: &str = "this key lacks the scope `keys.read`";
const WRITES: &str = "this key lacks the scope `keys.write`";
const OTHER_ACCOUNT: &str = "this key belongs to another account than the one selected";
const BAD_ACCOUNT: &str = "this service account does not exist";
const BAD_ID: &str = "this key does not exist";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_ANOTHER_ACCOUNT: &str = "key `018HULLP3I2BDRRK` does not exist";

const REFUSALS: &[Refusal] = &[
    (
        "list-keys-foreign-cursor",
        400,
        "`cursor` is not one that this list gave out to this key within the last 24 hours; \
         start again without it",
    ),
    ("list-keys-missing-scope", 403, READS),
    ("list-keys-other-account-selected", 403, OTHER_ACCOUNT),
    ("list-keys-bad-account", 404, BAD_ACCOUNT),
    ("get-key-root-key", 403, ROOT_KEY),
    ("get-key-missing-scope", 403, READS),
    ("get-key-other-account-selected", 403, OTHER_ACCOUNT),
    ("get-key-bad-id", 404, BAD_ID),
    ("get-key-unknown", 404, UNKNOWN),
    ("get-key-of-another-account", 404, OF_ANOTHER_ACCOUNT),
    ("get-key-other-organization", 404, OTHER_ORGANIZATION),
    ("get-key-of-root", 404, OF_ROOT),
    (
        "update-key-unknown-field",
        400,
        "`scope` is not a field of this request; did you mean `scopes`?",
    ),
    ("update-key-name-not-a-string", 400, "`name` must be a string or null, not a number"),
    ("update-key-long-name", 400, "`name` must be at most 128 characters"),
    (
        "update-key-scopes-not-a-list",
        400,
        "`scopes` must be a list of strings or null, not a string",
    ),
    (
        "update-key-unknown-scope",
        400,
        "`sessions.admin` is not a scope of this deployment; its scopes are `sessions.read`, \
         `sessions.write`, `workspaces.read`, `workspaces.write`, `exec.write`, `files.read`, \
         `files.write`, `keys.read`, `keys.write`, `billing.read`, `billing.write`, `audit.read`, \
         `webhooks.read` and `webhooks.write`",
    ),
    ("update-key-root-key", 403, ROOT_KEY),
    ("update-key-missing-scope", 403, WRITES),
    (
        "update-key-scope-not-held",
        403,
        "this key does not hold the scope `files.read`, so no key can get it from this one",
    ),
    (
        "update-key-full-access-by-scoped-caller",
        403,
        "this key has scopes, so no key can get full access from it; name scopes that it holds",
    ),
    ("update-key-other-account-selected", 403, OTHER_ACCOUNT),
    ("update-key-bad-id", 404, BAD_ID),
    ("update-key-unknown", 404, UNKNOWN),
    ("update-key-other-organization", 404, OTHER_ORGANIZATION),
    ("update-key-revoked", 409, "key `018HULLP3HWYG9HJ` is revoked"),
    ("update-key-expired", 409, "key `018HULLP3I1YVBWF` is expired"),
    ("revoke-key-root-key", 403, ROOT_KEY),
    ("revoke-key-missing-scope", 403, WRITES),
    ("revoke-key-other-account-selected", 403, OTHER_ACCOUNT),
    ("revoke-key-bad-id", 404, BAD_ID),
    ("revoke-key-unknown", 404, UNKNOWN),
    ("revoke-key-of-another-account", 404, OF_ANOTHER_ACCOUNT),
    ("revoke-key-other-organization", 404, OTHER_ORGANIZATION),
    ("revoke-key-of-root", 404, OF_ROOT),
];

/// A sample key: its id, and in JSON its name, its scopes, and when it ends and was revoked.
fn key(id: &str, name: &str, scopes: &str, expires_at: &str, revoked_at: &str) -> String {
    let full_access = scopes == "[]";
    // Of the samples, one has expired.
    let revoked = if id == "018HULLP3I1YVBWF" { expires_at } else { revoked_at };
    format!(
        r#"{{"id":"{id}","name":{name},"key_prefix":"sk_SAMPLEACCOUNT001_{id}_","scopes":{scopes},"full_access":{full_access},"created_at":"2026-01-01T00:00:00.000Z","expires_at":{expires_at},"last_used_at":null,"revoked":{revoked},"revoked_at":{revoked_at}}}"#
    )
}

fn successes() -> Vec<Success> {
    let sample = r#""sample""#;
    let scopes = r#"["keys.write","sessions.read"]"#;
    let renamed = |name: &str, scopes: &str| key("018HULLP3HG1YG7U", name, scopes, "null", "null");
    let minter = renamed(sample, scopes);
    let (reader_id, end) = ("018HULLP3HH0EIZ2", r#""2035-12-30T00:00:00.000Z""#);
    let reader = key(reader_id, sample, r#"["keys.read"]"#, end, "null");
    let full = key("018HULLP3HTUC8FM", sample, "[]", "null", "null");
    let now = r#""2026-01-01T00:00:00.000Z""#;
    let revoked = key("018HULLP3HWYG9HJ", sample, "[]", "null", now);
    let expired = key("018HULLP3I1YVBWF", sample, "[]", r#""2025-12-31T23:59:59.000Z""#, "null");
    let all = [&*minter, &reader, &full, &revoked, &expired].join(",");
    let all = format!(r#"{{"keys":[{all}],"next_cursor":null}}"#);
    let page = format!(r#"{{"keys":[{minter},{reader},{full}],"next_cursor":"*"}}"#);
    let files = r#"["files.read","sessions.read"]"#;
    vec![
        ("list-keys", 200, all.clone()),
        ("list-keys-scoped-caller", 200, all.clone()),
        ("list-keys-by-account-name", 200, all),
        ("list-keys-page", 200, page.clone()),
        ("list-keys-rest-api", 200, page),
        ("get-key", 200, reader),
        ("get-key-expired", 200, expired),
        ("get-key-revoked", 200, revoked),
        ("get-key-scoped-caller", 200, full),
        ("update-key-scoped-caller", 200, minter.clone()),
        ("revoke-key", 204, String::new()),
        ("revoke-key-revoked", 204, String::new()),
        ("revoke-key-expired", 204, String::new()),
        ("update-key-empty-body", 200, minter),
        ("update-key-name-only", 200, renamed(r#""weekly report""#, scopes)),
        ("update-key", 200, renamed(r#""nightly report""#, files)),
        ("update-key-null-name", 200, renamed("null", files)),
        ("update-key-null-scopes", 200, renamed("null", "[]")),
        ("revoke-key-own", 204, String::new()),
    ]
}

event_tests!(Chaser, successes(), [refusals::LIST_KEYS, REFUSALS].concat());

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
    // With the cache of a deployed function, which knows the key by now.
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
    // The second time counts nothing.
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
    // Whatever it is called and may do, it is the same key.
    assert_eq!(function.identify(minted.string("/key")).await, 200);
}

#[tokio::test]
async fn new_scopes_hold_at_once() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which knows the old scopes by now.
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
            "the key to be changed or revoked holds the scope `keys.read`, which this key lacks; \
             present a key that holds it",
        ),
        (
            SampleKey::FullAccess,
            "the key to be changed or revoked has full access; present a key with full access as well",
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
    // Less, it may: here it gives up its own right to.
    let less = function.patch(&minter, &own, r#"{"scopes":["sessions.read"]}"#).await;
    assert_eq!(less.status, 200, "{}", less.text);
    assert_eq!(function.patch(&minter, &own, r#"{"name":"n"}"#).await.status, 403);
}
