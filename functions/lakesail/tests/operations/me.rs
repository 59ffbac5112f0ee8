//! `DescribeCurrentIdentity`: who the key presented stands for.

use latchkey_local::sample::ACCOUNT;
use latchkey_local::{Tenant, TestTable};

use crate::common::{Function, Refusal, Success, account_path, full_access};

const REFUSALS: &[Refusal] = &[
    (
        "me-no-credentials",
        401,
        "the request carries no credentials; send `Authorization: Bearer <key>`",
    ),
    ("me-disabled-caller", 401, "the key presented is not valid"),
];

fn successes() -> Vec<Success> {
    let account = r#"{"serviceAccount":{"id":"SAMPLEACCOUNT001","username":"sample account SAMPLEACCOUNT001","description":"Made by the samples.","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}}"#;
    vec![
        ("me", 200, account.to_owned()),
        ("me-scoped-caller", 200, account.to_owned()),
        ("me-root", 200, r#"{"root":{}}"#.to_owned()),
    ]
}

pub(crate) fn cases() -> Vec<&'static str> {
    successes().iter().map(|case| case.0).chain(REFUSALS.iter().map(|case| case.0)).collect()
}

#[tokio::test]
async fn every_identity_is_described_as_itself() {
    let table = TestTable::start().await;
    Function::over(&table).check_successes(&successes()).await;
}

#[tokio::test]
async fn every_refusal_is_a_message_that_helps() {
    let table = TestTable::start().await;
    Function::over(&table).check_refusals(&table, REFUSALS).await;
}

#[tokio::test]
async fn the_account_is_described_as_it_is_now() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let path = account_path(ACCOUNT);
    let updated = function.patch(&full_access(), &path, r#"{"username":"renamed"}"#).await;
    let me = function.get(&full_access(), "/api/org/v1/me").await;
    assert_eq!(me.string("/serviceAccount/username"), "renamed");
    assert_eq!(me.body["serviceAccount"], updated.body);
}

/// Another environment has just verified the key, and keeps that for some seconds.
#[tokio::test]
async fn a_deleted_account_is_nobody_even_where_its_key_is_still_trusted() {
    let table = TestTable::start().await;
    let (here, elsewhere) = (Function::caching(&table), Function::caching(&table));
    let tenant = Tenant::create(&table, "tenant").await;
    let accounts = "/api/org/v1/service-accounts";
    let body = r#"{"username":"caller","description":""}"#;
    let caller = here.post(&tenant.token, accounts, body).await;
    let keys = format!("{}/keys", account_path(caller.string("/id")));
    let caller = here.post(&tenant.token, &keys, "{}").await;
    assert_eq!(here.me(&tenant.token).await, 200);

    let path = account_path(tenant.account.as_ref());
    assert_eq!(elsewhere.delete(caller.string("/key"), &path).await.status, 204);
    assert_eq!(here.me(&tenant.token).await, 401);
}
