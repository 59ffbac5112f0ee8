//! The current account, and `X-Chaser-Account`, which selects it.

use latchkey_local::sample::{ACCOUNT, SampleKey};
use latchkey_local::{TestTable, event};

use crate::common::{Function, Refusal, Success, account_path, full_access, key_path, keys_path};

const OTHER_ACCOUNT: &str = "this key belongs to another account than the one selected";

const REFUSALS: &[Refusal] = &[
    (
        "current-account-no-credentials",
        401,
        "the request carries no credentials; send `Authorization: Bearer <key>`",
    ),
    ("current-account-disabled-caller", 401, "the key presented is not valid"),
    ("current-account-other-account-selected", 403, OTHER_ACCOUNT),
    ("current-account-unknown-account-selected", 403, OTHER_ACCOUNT),
    (
        "current-account-root-key",
        403,
        "a root key belongs to no organization; present a service account's key instead",
    ),
];

fn successes() -> Vec<Success> {
    let cases = [
        "current-account",
        "current-account-scoped-caller",
        "current-account-by-account-id",
        "current-account-by-account-name",
    ];
    cases
        .map(|case| (case, 200, r#"{"id":"sample","name":"Sample Organization"}"#.to_owned()))
        .into()
}

pub(crate) fn cases() -> Vec<&'static str> {
    successes().iter().map(|case| case.0).chain(REFUSALS.iter().map(|case| case.0)).collect()
}

#[tokio::test]
async fn every_success_is_as_promised() {
    let table = TestTable::start().await;
    Function::over(&table).check_successes(&successes()).await;
}

#[tokio::test]
async fn every_refusal_is_a_message_that_helps() {
    let table = TestTable::start().await;
    Function::over(&table).check_refusals(&table, REFUSALS).await;
}

/// Every operation: its method, its path, and a body that succeeds.
fn operations() -> Vec<(&'static str, String, &'static str)> {
    let reader = SampleKey::Reader.mint().0.id;
    let key = key_path(ACCOUNT, reader.as_ref());
    let (accounts, account) = (account_path(""), account_path("SAMPLEACCOUNT002"));
    let accounts = accounts.trim_end_matches('/').to_owned();
    vec![
        ("POST", keys_path(ACCOUNT), "{}"),
        ("GET", keys_path(ACCOUNT), ""),
        ("GET", key.clone(), ""),
        ("PATCH", key.clone(), "{}"),
        ("POST", format!("{key}/rotate"), "{}"),
        ("DELETE", key, ""),
        ("POST", accounts.clone(), r#"{"name":"n"}"#),
        ("GET", accounts, ""),
        ("GET", account.clone(), ""),
        ("PATCH", account.clone(), "{}"),
        ("DELETE", account, ""),
        ("GET", "/v1/accounts/current".to_owned(), ""),
    ]
}

#[tokio::test]
async fn every_operation_obeys_the_account_selected() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    assert_eq!(operations().len(), chaser::ROUTES.len());
    let before = table.items().await;
    for selected in ["other", "Other Organization", "nobody", "SAMPLE", "sample organization", ""] {
        for (method, path, body) in operations() {
            let mut event = event::call_with(method, &path, &full_access(), body);
            event["headers"]["x-chaser-account"] = selected.into();
            let answer = function.answer(event).await;
            assert_eq!(answer.status, 403, "{method} {path} for {selected}");
            assert_eq!(answer.string("/error/message"), OTHER_ACCOUNT);
        }
    }
    assert!(table.items().await == before, "a refusal wrote something");
    for selected in ["sample", "Sample Organization"] {
        let table = TestTable::start().await;
        let function = Function::over(&table);
        for (method, path, body) in operations() {
            let mut event = event::call_with(method, &path, &full_access(), body);
            event["headers"]["x-chaser-account"] = selected.into();
            let answer = function.answer(event).await;
            assert!(matches!(answer.status, 200 | 204), "{method} {path}: {}", answer.text);
        }
    }
}
