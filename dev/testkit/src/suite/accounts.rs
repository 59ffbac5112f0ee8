//! The life cycle of a service account.

use serde_json::Value;

use super::{Dialect, Function};
use crate::sample::{SampleKey, after_hours, full_access};
use crate::{Answer, Tenant, TestTable};

/// Checks that only its own organization can read and list a new account, and that it gets a key.
///
/// `times` points to the times of its creation and update; `account_of` returns the account of a new key.
///
/// # Panics
///
/// If any of this fails.
pub async fn check_new<D: Dialect>(
    times: [&str; 2],
    account_of: impl AsyncFn(&Function<D>, &Answer) -> Value,
) {
    let table = TestTable::start().await;
    let function = Function::<D>::at(&table, after_hours(1));
    let created = function.answer_to("create-account").await;
    for time in times {
        assert_eq!(created.string(time), "2026-01-01T01:00:00.000Z", "{time}");
    }
    let id = created.id();
    let account = D::account(&created.body);
    assert_eq!(function.get(&full_access(), &D::account_path(id)).await.body, created.body);
    let listed = function.get(&full_access(), D::ACCOUNTS).await;
    assert!(listed.entries().contains(account), "{}", listed.text);

    let minted = function.post(&full_access(), &D::keys_path(id), "{}").await;
    assert_eq!(account_of(&function, &minted).await, *account);
    assert_eq!(function.identify(minted.string("/key")).await, 200);
    // Another organization cannot see the account.
    let other = SampleKey::Other.token();
    assert_eq!(function.get(&other, &D::account_path(id)).await.status, 404);
    assert!(!function.get(&other, D::ACCOUNTS).await.ids().contains(&id.to_owned()));
}

/// Its keys are rejected at once, no request finds the account or its keys, and none of its items is left.
///
/// # Panics
///
/// If any of this fails.
pub async fn a_deleted_account_is_gone_with_all_of_its_keys<D: Dialect>() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the keys.
    let function = Function::<D>::caching(&table);
    let tenant = Tenant::create(&table, "tenant").await;
    let caller = function.post(&tenant.token, D::ACCOUNTS, D::ACCOUNT_BODY).await;
    let key = function.post(&tenant.token, &D::keys_path(caller.id()), "{}").await;
    let key = key.string("/key");
    // More than one batch of deletes.
    for millis in 0..60 {
        tenant.add_key(millis).await;
    }
    let (_, live) = tenant.add_key(60).await;
    assert_eq!(function.identify(&live).await, 200);
    assert_eq!(function.identify(&tenant.token).await, 200);

    let account = tenant.account.as_ref();
    let path = D::account_path(account);
    let deleted = function.delete(key, &path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(function.identify(&live).await, 401);
    assert_eq!(function.identify(&tenant.token).await, 401);
    for path in [&path, &D::keys_path(account), &D::key_path(account, &tenant.key)] {
        assert_eq!(function.get(key, path).await.status, 404, "{path}");
    }
    assert_eq!(function.post(key, &D::keys_path(account), "{}").await.status, 404);
    assert_eq!(function.patch(key, &path, D::ACCOUNT_BODY).await.status, 404);
    assert_eq!(function.delete(key, &path).await.status, 404);
    assert_eq!(function.get(key, D::ACCOUNTS).await.ids(), [caller.id()]);
    assert_eq!(items_of(&table, account).await, 0, "items of the account are left");
}

/// Counts the items of an account ID: the account, its keys, and its entry in its organization.
pub async fn items_of(table: &TestTable, account: &str) -> usize {
    let name = format!("ACCOUNT#{account}");
    let items = table.items().await;
    let own = |key: &str| items.iter().filter(|item| item[key].as_s() == Ok(&name)).count();
    own("pk") + own("sk")
}
