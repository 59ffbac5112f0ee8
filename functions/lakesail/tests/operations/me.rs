//! `DescribeCurrentIdentity`: the identity of the presented key.

use latchkey_testkit::sample::{ACCOUNT, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::{Tenant, TestTable, event_tests};

use crate::cases;
use crate::common::{Function, LakeSail};

event_tests!(LakeSail, cases::me::successes(), cases::me::refusals());

#[tokio::test]
async fn the_account_is_described_as_it_is_now() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let path = LakeSail::account_path(ACCOUNT);
    let updated = function.patch(&full_access(), &path, r#"{"username":"renamed"}"#).await;
    let me = function.get(&full_access(), LakeSail::IDENTITY).await;
    assert_eq!(me.string("/serviceAccount/username"), "renamed");
    assert_eq!(me.body["serviceAccount"], updated.body);
}

/// This environment has just verified the key and caches that for some seconds.
#[tokio::test]
async fn a_deleted_account_is_nobody_even_where_its_key_is_still_trusted() {
    let table = TestTable::start().await;
    let (here, elsewhere) = (Function::caching(&table), Function::caching(&table));
    let tenant = Tenant::create(&table, "tenant").await;
    let caller = here.post(&tenant.token, LakeSail::ACCOUNTS, LakeSail::ACCOUNT_BODY).await;
    let keys = LakeSail::keys_path(caller.string("/id"));
    let caller = here.post(&tenant.token, &keys, "{}").await;
    assert_eq!(here.identify(&tenant.token).await, 200);

    let path = LakeSail::account_path(tenant.account.as_ref());
    assert_eq!(elsewhere.delete(caller.string("/key"), &path).await.status, 204);
    assert_eq!(here.identify(&tenant.token).await, 401);
}
