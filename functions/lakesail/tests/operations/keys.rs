//! Listing, describing, and deleting the keys of a service account.

use latchkey_testkit::sample::{ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access};
use latchkey_testkit::suite::change::{by, key};
use latchkey_testkit::suite::{Case, Dialect};
use latchkey_testkit::{TestTable, event_tests};

use crate::cases;
use crate::common::{Function, LakeSail};

event_tests!(LakeSail, cases::keys::successes(), cases::keys::refusals());

#[tokio::test]
async fn a_delete_takes_its_own_key_only() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let case = Case::of("delete-key");
    let own = case.clone().with(by(SampleKey::Minter)).with(key(SampleKey::Minter));
    for case in [case.clone(), case.with(key(SampleKey::Expired)), own] {
        assert_eq!(function.answer_to(&case).await.status, 204, "{case:?}");
    }
    let left = function.get(&full_access(), &LakeSail::keys_path(ACCOUNT)).await;
    assert_eq!(left.ids(), [SampleKey::FullAccess.mint().0.id.as_ref()]);
}

#[tokio::test]
async fn a_deleted_key_is_gone_and_refused_at_once() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the key.
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
        let message = "this key may not delete a key that has more access";
        assert_eq!(refused.body, LakeSail::refusal(403, message));
        // This dialect has no scopes.
        assert_eq!(refused.header("www-authenticate"), "");
    }
    assert!(table.items().await == before, "a refusal wrote something");
}
