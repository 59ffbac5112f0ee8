//! `Idempotency-Key` on every create and rotate.

use latchkey_testkit::sample::{ACCOUNT, SampleKey, full_access};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::suite::idempotency::{Create, check_same};
use latchkey_testkit::{TestTable, event, idempotency_tests};

use crate::common::{Chaser, Function};

const CREATE_KEY: Create = Create {
    caller: SampleKey::Other,
    path: "/v1/accounts/current/service-accounts/SAMPLEACCOUNT004/keys",
    body: "{}",
    other_body: r#"{"name":"ci"}"#,
    once: None,
};

const CREATE_ACCOUNT: Create = Create {
    path: "/v1/accounts/current/service-accounts",
    body: r#"{"name":"nightly report"}"#,
    other_body: r#"{"name":"weekly report"}"#,
    ..CREATE_KEY
};

/// The rotated key is the caller's own.
const ROTATE_KEY: Create = Create {
    path: "/v1/accounts/current/service-accounts/SAMPLEACCOUNT004/keys/018HULLP3GUC5MYZ/rotate",
    other_body: r#"{"grace_days":3}"#,
    once: Some((
        409,
        "key `018HULLP3GUC5MYZ` was already rotated; rotate the key that replaced it",
    )),
    ..CREATE_KEY
};

const CREATE_OWN_KEY: Create = Create { path: "/v1/keys", ..CREATE_KEY };

const ROTATE_OWN_KEY: Create = Create { path: "/v1/keys/018HULLP3GUC5MYZ/rotate", ..ROTATE_KEY };

const CREATE_WEBHOOK: Create = Create {
    path: "/v1/webhooks",
    body: r#"{"url":"https://hooks.example.com/a"}"#,
    other_body: r#"{"url":"https://hooks.example.com/b"}"#,
    ..CREATE_KEY
};

idempotency_tests!(
    Chaser,
    &[CREATE_KEY, CREATE_ACCOUNT, ROTATE_KEY, CREATE_OWN_KEY, ROTATE_OWN_KEY, CREATE_WEBHOOK]
);

/// The response to a rotation was lost, and the replaced key has ended since then.
#[tokio::test]
async fn a_rotation_is_answered_again_although_the_old_key_has_ended() {
    for (key, body) in [("no-grace", r#"{"grace_days":0}"#), ("grace", "{}")] {
        let table = TestTable::start().await;
        let function = Function::over(&table);
        let path = Chaser::key_path(ACCOUNT, SampleKey::Minter.mint().0.id.as_ref());
        let rotate = || {
            let mut event =
                event::call_with("POST", &format!("{path}/rotate"), &full_access(), body);
            event["headers"]["idempotency-key"] = key.into();
            function.answer(event)
        };
        let first = rotate().await;
        assert_eq!(function.delete(&full_access(), &path).await.status, 204, "{key}");
        check_same::<Chaser>(&first, &rotate().await, key);
        assert_eq!(function.identify(first.string("/key")).await, 200, "{key}");
    }
}
