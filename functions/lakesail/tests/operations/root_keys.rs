//! Root keys, which only root keys may manage.

use std::time::Duration;

use latchkey::policy::KeyPolicy;
use latchkey_testkit::sample::{SampleKey, after_hours};
use latchkey_testkit::suite::Case;
use latchkey_testkit::suite::change::no_body;
use latchkey_testkit::{TestTable, event_tests};

use crate::cases;
use crate::common::{Function, LakeSail};

const PATH: &str = "/api/admin/v1/keys";

event_tests!(LakeSail, cases::root_keys::successes(), cases::root_keys::refusals());

#[tokio::test]
async fn a_new_root_key_administers_until_it_is_deleted() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the key.
    let function = Function::caching(&table);
    let root = SampleKey::Root.token();
    let minted = function.post(&root, PATH, "{}").await;
    assert_eq!(minted.header("cache-control"), "no-store");
    let (id, token) = (minted.string("/id").to_owned(), minted.string("/key"));
    let path = format!("{PATH}/{id}");

    let listed = function.get(token, PATH).await;
    assert!(listed.ids().contains(&id));
    assert_eq!(function.get(token, &path).await.string("/createdAt"), minted.string("/createdAt"));
    assert_eq!(function.post(token, PATH, "{}").await.status, 201);

    assert_eq!(function.delete(&root, &path).await.status, 204);
    assert_eq!(function.get(token, PATH).await.status, 401);
    assert_eq!(function.get(&root, &path).await.status, 404);
    assert!(!function.get(&root, PATH).await.ids().contains(&id));
    assert_eq!(function.delete(&root, &path).await.status, 404);
}

#[tokio::test]
async fn a_root_key_may_delete_itself() {
    let table = TestTable::start().await;
    let function = Function::caching(&table);
    assert_eq!(function.answer_to("delete-root-key").await.status, 204);
    assert_eq!(function.answer_to("delete-root-key").await.status, 401);
}

#[tokio::test]
async fn root_keys_expire_and_obey_the_maximum_lifetime() {
    let table = TestTable::start().await;
    let policy =
        KeyPolicy { max_lifetime: Some(Duration::from_secs(90 * 86_400)), ..KeyPolicy::default() };
    let function = Function::with(&table, policy);
    let refused = function.answer_to("create-root-key").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.string("/message"),
        "`expiresAt` must be at most 90 days from now, the maximum lifetime of a key in this deployment"
    );
    let minted = function.answer_to(Case::of("create-root-key").with(no_body())).await;
    assert_eq!(minted.string("/expiresAt"), "2026-04-01T00:00:00.000Z");
    let later = Function::at(&table, after_hours(90 * 24));
    assert_eq!(later.get(minted.string("/key"), PATH).await.status, 401);
    let listed = later.get(&SampleKey::Root.token(), PATH).await;
    assert!(listed.ids().contains(&minted.string("/id").to_owned()), "expired, so listed");
}
