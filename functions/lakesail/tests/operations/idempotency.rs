//! `Idempotency-Key` on every create.

use std::time::Duration;

use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::suite::idempotency::{Create, check_same};
use latchkey_testkit::{TestTable, idempotency_tests};
use serde_json::json;

use crate::common::{Function, LakeSail};

const CREATE_KEY: Create = Create {
    caller: SampleKey::Other,
    path: "/api/org/v1/service-accounts/SAMPLEACCOUNT004/keys",
    body: "{}",
    other_body: r#"{"expiresAt":"2099-01-01T00:00:00Z"}"#,
    once: None,
};

const CREATE_ACCOUNT: Create = Create {
    path: "/api/org/v1/service-accounts",
    body: r#"{"username":"nightly-report","description":""}"#,
    other_body: r#"{"username":"weekly-report","description":""}"#,
    ..CREATE_KEY
};

const CREATE_ROOT_KEY: Create =
    Create { caller: SampleKey::Root, path: "/api/admin/v1/keys", ..CREATE_KEY };

idempotency_tests!(LakeSail, &[CREATE_KEY, CREATE_ACCOUNT, CREATE_ROOT_KEY]);

#[tokio::test]
async fn a_retry_is_answered_although_its_expiry_has_passed_by_now() {
    let table = TestTable::start().await;
    let soon = sample::now().saturating_add(Duration::from_secs(1));
    let later = soon.saturating_add(Duration::from_secs(60));
    let body = json!({ "expiresAt": soon }).to_string();
    let event = || CREATE_KEY.event("expiring", &body);
    let first = Function::over(&table).answer(event()).await;
    let again = Function::at(&table, later).answer(event()).await;
    check_same::<LakeSail>(&first, &again, CREATE_KEY.path);
}
