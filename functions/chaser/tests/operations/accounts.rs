//! Creating, listing, describing, updating, and deleting service accounts.

use latchkey_testkit::sample::{
    ACCOUNT, DISABLED_ACCOUNT, FULL_ACCOUNT, SampleKey, after_hours, full_access,
};
use latchkey_testkit::suite::accounts::check_new;
use latchkey_testkit::suite::change::{account, body};
use latchkey_testkit::suite::refusals::OWN_ACCOUNT;
use latchkey_testkit::suite::{Case, Dialect};
use latchkey_testkit::{Answer, TestTable, event_tests, scenario_tests};

use crate::cases;
use crate::common::{Chaser, Function};

event_tests!(Chaser, cases::accounts::successes(), cases::accounts::refusals());
scenario_tests!(Chaser, accounts(): a_deleted_account_is_gone_with_all_of_its_keys);

#[tokio::test]
async fn a_new_account_is_listed_and_gets_keys() {
    let account_of = async |_: &Function, minted: &Answer| minted.body["service_account"].clone();
    check_new::<Chaser>(["/service_account/created_at", "/service_account/updated_at"], account_of)
        .await;
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_when() {
    let table = TestTable::start().await;
    let (token, path) = (full_access(), Chaser::account_path(FULL_ACCOUNT));
    let mut expected = Function::over(&table).get(&token, &path).await.body;
    let updates = [
        (1, r#"{"name":"renamed"}"#, "name", "renamed".into(), "2026-01-01T01:00:00.000Z"),
        (2, r#"{"disabled":true}"#, "disabled", true.into(), "2026-01-01T02:00:00.000Z"),
        (3, "{}", "disabled", true.into(), "2026-01-01T02:00:00.000Z"),
        (4, r#"{"disabled":false}"#, "disabled", false.into(), "2026-01-01T04:00:00.000Z"),
    ];
    for (hour, body, field, value, updated_at) in updates {
        let function = Function::at(&table, after_hours(hour));
        let updated = function.patch(&token, &path, body).await;
        expected["service_account"][field] = value;
        expected["service_account"]["updated_at"] = updated_at.into();
        assert_eq!(updated.body, expected, "{body}");
        assert_eq!(function.get(&token, &path).await.body, expected, "{body}");
    }
    // The updates did not reset the count of keys: the account is still full.
    let full = Function::over(&table).post(&token, &Chaser::keys_path(FULL_ACCOUNT), "{}").await;
    assert_eq!(full.status, 409);
}

#[tokio::test]
async fn disabling_stops_every_key_and_enabling_restores_those_that_were_live() {
    let table = TestTable::start().await;
    // With the cache of a deployed function, which already contains the keys.
    let function = Function::caching(&table);
    let account = function.answer_to("create-account").await;
    let (id, path) = (account.id(), Chaser::account_path(account.id()));
    let mint = || async { function.post(&full_access(), &Chaser::keys_path(id), "{}").await };
    let (live, revoked) = (mint().await, mint().await);
    let live = live.string("/key");
    assert_eq!(function.identify(live).await, 200);
    let revoked_path = Chaser::key_path(id, revoked.string("/id"));
    assert_eq!(function.delete(&full_access(), &revoked_path).await.status, 204);
    let keys = function.get(&full_access(), &Chaser::keys_path(id)).await;

    for _ in 0..2 {
        let disabled = function.patch(&full_access(), &path, r#"{"disabled":true}"#).await;
        assert_eq!(
            (disabled.status, &disabled.body["service_account"]["disabled"]),
            (200, &true.into())
        );
        assert_eq!(function.identify(live).await, 401);
        let refused = mint().await;
        assert_eq!(refused.status, 409);
        assert_eq!(
            refused.string("/error/message"),
            format!("service account `{id}` is disabled; enable it before you create keys for it")
        );
        // Its keys are still visible.
        assert_eq!(function.get(&full_access(), &Chaser::keys_path(id)).await.body, keys.body);
    }

    let enabled = function.patch(&full_access(), &path, r#"{"disabled":false}"#).await;
    assert_eq!(
        (enabled.status, &enabled.body["service_account"]["disabled"]),
        (200, &false.into())
    );
    assert_eq!(function.identify(live).await, 200);
    assert_eq!(function.identify(revoked.string("/key")).await, 401);
    assert_eq!(function.get(&full_access(), &Chaser::keys_path(id)).await.body, keys.body);
    assert_eq!(mint().await.status, 200);
}

#[tokio::test]
async fn a_key_revoked_while_its_account_is_disabled_stays_revoked() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let path = Chaser::key_path(DISABLED_ACCOUNT, SampleKey::Disabled.mint().0.id.as_ref());
    assert_eq!(function.delete(&full_access(), &path).await.status, 204);
    let enabled = Case::of("update-account")
        .with(account(DISABLED_ACCOUNT))
        .with(body(r#"{"disabled":false}"#));
    assert_eq!(function.answer_to(enabled).await.status, 200);
    assert_eq!(function.identify(&SampleKey::Disabled.token()).await, 401);
}

#[tokio::test]
async fn nobody_disables_itself_even_while_renaming() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let before = table.items().await;
    let body = r#"{"name":"own","disabled":true}"#;
    let refused = function.patch(&full_access(), &Chaser::account_path(ACCOUNT), body).await;
    assert_eq!((refused.status, refused.string("/error/message")), (409, OWN_ACCOUNT));
    assert!(table.items().await == before, "a refusal wrote something");
    let body = r#"{"disabled":false}"#;
    assert_eq!(
        function.patch(&full_access(), &Chaser::account_path(ACCOUNT), body).await.status,
        200
    );
}
