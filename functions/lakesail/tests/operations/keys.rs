//! Listing, describing and deleting the keys of a service account.

use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::expectations::{Refusal, Success};
use latchkey_testkit::suite::refusals::{
    self, OF_ROOT, OTHER_ORGANIZATION, ROOT_KEY, UNKNOWN_ACCOUNT,
};
use latchkey_testkit::{TestTable, event_tests};

use crate::common::{Function, LakeSail};

const MINTER: &str = r#"{"id":"018HULLP3HG1YG7U","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const READER: &str = r#"{"id":"018HULLP3HH0EIZ2","expiresAt":"2035-12-30T00:00:00.000Z","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const FULL_ACCESS: &str = r#"{"id":"018HULLP3HTUC8FM","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;
const EXPIRED: &str = r#"{"id":"018HULLP3I1YVBWF","expiresAt":"2025-12-31T23:59:59.000Z","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}"#;

const BAD_ACCOUNT: &str = "the service account id may hold `A-Z` and `0-9` only, not 's'";
const BAD_KEY: &str = "the key id may hold `A-Z` and `0-9` only, not 's'";
const MAY_NOT_READ: &str = "this key may not read about service accounts and their keys";
const MAY_NOT_MANAGE: &str = "this key may not manage service account keys";
const REVOKED: &str = "key `018HULLP3HWYG9HJ` does not exist";
const UNKNOWN: &str = "key `018HULLP3H38Y9U0` does not exist";
const OF_ANOTHER_ACCOUNT: &str = "key `018HULLP3I2BDRRK` does not exist";

const REFUSALS: &[Refusal] = &[
    (
        "list-keys-foreign-marker",
        400,
        "`marker` is not one that this list gave out to this key within the last 24 hours; \
         start again without it",
    ),
    ("list-keys-bad-account", 400, BAD_ACCOUNT),
    ("list-keys-missing-scope", 403, MAY_NOT_READ),
    ("describe-key-bad-account", 400, BAD_ACCOUNT),
    ("describe-key-bad-id", 400, BAD_KEY),
    ("describe-key-root-key", 403, ROOT_KEY),
    ("describe-key-missing-scope", 403, MAY_NOT_READ),
    ("describe-key-revoked", 404, REVOKED),
    ("describe-key-unknown", 404, UNKNOWN),
    ("describe-key-of-another-account", 404, OF_ANOTHER_ACCOUNT),
    ("describe-key-unknown-account", 404, UNKNOWN_ACCOUNT),
    ("describe-key-other-organization", 404, OTHER_ORGANIZATION),
    ("describe-key-of-root", 404, OF_ROOT),
    ("delete-key-bad-account", 400, BAD_ACCOUNT),
    ("delete-key-bad-id", 400, BAD_KEY),
    ("delete-key-root-key", 403, ROOT_KEY),
    ("delete-key-missing-scope", 403, MAY_NOT_MANAGE),
    ("delete-key-revoked", 404, REVOKED),
    ("delete-key-unknown", 404, UNKNOWN),
    ("delete-key-of-another-account", 404, OF_ANOTHER_ACCOUNT),
    ("delete-key-unknown-account", 404, UNKNOWN_ACCOUNT),
    ("delete-key-other-organization", 404, OTHER_ORGANIZATION),
    ("delete-key-of-root", 404, OF_ROOT),
];

fn successes() -> Vec<Success> {
    let all = format!(r#"{{"items":[{MINTER},{READER},{FULL_ACCESS},{EXPIRED}]}}"#);
    let page = format!(r#"{{"items":[{MINTER},{READER},{FULL_ACCESS}],"marker":"*"}}"#);
    vec![
        ("list-keys", 200, all.clone()),
        ("list-keys-scoped-caller", 200, all),
        ("list-keys-page", 200, page.clone()),
        ("list-keys-rest-api", 200, page),
        ("describe-key", 200, READER.to_owned()),
        ("describe-key-expired", 200, EXPIRED.to_owned()),
        ("describe-key-scoped-caller", 200, FULL_ACCESS.to_owned()),
        ("delete-key", 204, String::new()),
        ("delete-key-expired", 204, String::new()),
        ("delete-key-own", 204, String::new()),
    ]
}

event_tests!(LakeSail, successes(), [refusals::LIST_KEYS, REFUSALS].concat());

#[tokio::test]
async fn a_delete_takes_its_own_key_only() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    for case in ["delete-key", "delete-key-expired", "delete-key-own"] {
        assert_eq!(function.answer_to(case).await.status, 204, "{case}");
    }
    let left = function.get(&full_access(), &LakeSail::keys_path(ACCOUNT)).await;
    assert_eq!(left.ids(), [SampleKey::FullAccess.mint().0.id.as_ref()]);
}

#[tokio::test]
async fn a_deleted_key_is_gone_and_refused_at_once() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which knows the key by now.
    let function = Function::caching(&table);
    let token = full_access();
    let minted = function.post(&token, &LakeSail::keys_path(ACCOUNT), "{}").await;
    let path = LakeSail::key_path(ACCOUNT, minted.string("/id"));
    let described = function.get(&token, &path).await;
    assert_eq!(described.string("/createdAt"), minted.string("/createdAt"));
    assert_eq!(described.string("/updatedAt"), minted.string("/updatedAt"));
    assert_eq!(function.identify(minted.string("/key")).await, 200);

    let deleted = function.delete(&token, &path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(function.identify(minted.string("/key")).await, 401);
    assert_eq!(function.get(&token, &path).await.status, 404);
    let listed = function.get(&token, &LakeSail::keys_path(ACCOUNT)).await.ids();
    assert!(!listed.contains(&minted.string("/id").to_owned()));
    assert_eq!(function.delete(&token, &path).await.status, 404);
}

#[tokio::test]
async fn a_key_that_deletes_itself_is_refused_from_then_on() {
    let table = TestTable::start().await;
    let function = Function::caching(&table);
    let token = full_access();
    let path = LakeSail::key_path(ACCOUNT, SampleKey::FullAccess.mint().0.id.as_ref());
    assert_eq!(function.delete(&token, &path).await.status, 204);
    assert_eq!(function.delete(&token, &path).await.status, 401);
}

#[tokio::test]
async fn an_expired_key_is_refused_and_still_listed() {
    let table = TestTable::start().await;
    let body = r#"{"expiresAt":"2026-01-01T01:00:00Z"}"#;
    let minted =
        Function::over(&table).post(&full_access(), &LakeSail::keys_path(ACCOUNT), body).await;
    let later = Function::at(&table, after_hours(1));
    assert_eq!(later.identify(minted.string("/key")).await, 401);
    let path = LakeSail::key_path(ACCOUNT, minted.string("/id"));
    let described = later.get(&full_access(), &path).await;
    assert_eq!(described.string("/expiresAt"), "2026-01-01T01:00:00.000Z");
    let listed = later.get(&full_access(), &LakeSail::keys_path(ACCOUNT)).await.ids();
    assert!(listed.contains(&minted.string("/id").to_owned()));
}

#[tokio::test]
async fn a_deleted_key_makes_room_for_another() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let (token, path) = (full_access(), LakeSail::keys_path(FULL_ACCOUNT));
    assert_eq!(function.post(&token, &path, "{}").await.status, 409);
    let listed = function.get(&token, &path).await.ids();
    assert_eq!(function.delete(&token, &format!("{path}/{}", listed[3])).await.status, 204);
    assert_eq!(function.post(&token, &path, "{}").await.status, 201);
    assert_eq!(function.post(&token, &path, "{}").await.status, 409);
}

#[tokio::test]
async fn a_key_that_may_do_more_is_not_deleted() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let before = table.items().await;
    for target in [SampleKey::FullAccess, SampleKey::Reader] {
        let path = LakeSail::key_path(ACCOUNT, target.mint().0.id.as_ref());
        let refused = function.delete(&SampleKey::Minter.token(), &path).await;
        let message = "this key may not delete a key that may do more than it may";
        assert_eq!(refused.body, LakeSail::refusal(403, message));
        // This dialect has no word for scopes.
        assert_eq!(refused.header("www-authenticate"), "");
    }
    assert!(table.items().await == before, "a refusal wrote something");
}
