//! The current account, and `X-Chaser-Account`, which selects it.

use latchkey::operator::bootstrap;
use latchkey::policy::KeyPolicy;
use latchkey_http::http::HeaderValue;
use latchkey_testkit::sample::{
    ACCOUNT, FAILED_DELIVERY, FULL_ACCOUNT, SampleKey, WEBHOOK, full_access, now,
};
use latchkey_testkit::suite::Dialect;
use latchkey_testkit::{TestTable, event, event_tests};

use crate::cases;
use crate::common::{Chaser, Function};

const OTHER_ACCOUNT: &str = "this key does not belong to the selected account";

event_tests!(Chaser, cases::current_account::successes(), cases::current_account::refusals());

/// Every operation: its method, its path, and a body that succeeds.
fn operations() -> Vec<(&'static str, String, &'static str)> {
    let reader = SampleKey::Reader.mint().0.id;
    let key = Chaser::key_path(ACCOUNT, reader.as_ref());
    let (own_keys, minter) = ("/v1/keys", SampleKey::Minter.mint().0.id);
    let (accounts, account) = (Chaser::ACCOUNTS.to_owned(), Chaser::account_path(FULL_ACCOUNT));
    let webhooks = "/v1/webhooks";
    let delivery = format!("{webhooks}/deliveries/{FAILED_DELIVERY}");
    vec![
        ("POST", Chaser::keys_path(ACCOUNT), "{}"),
        ("GET", Chaser::keys_path(ACCOUNT), ""),
        ("GET", key.clone(), ""),
        ("PATCH", key.clone(), "{}"),
        ("POST", format!("{key}/rotate"), "{}"),
        ("DELETE", key, ""),
        ("POST", accounts.clone(), r#"{"name":"n"}"#),
        ("GET", accounts, ""),
        ("GET", account.clone(), ""),
        ("PATCH", account.clone(), "{}"),
        ("DELETE", account, ""),
        ("GET", Chaser::IDENTITY.to_owned(), ""),
        ("GET", "/v1/accounts".to_owned(), ""),
        ("POST", own_keys.to_owned(), "{}"),
        ("GET", own_keys.to_owned(), ""),
        ("POST", format!("{own_keys}/{minter}/rotate"), "{}"),
        ("DELETE", format!("{own_keys}/{minter}"), ""),
        ("GET", "/v1/audit/events".to_owned(), ""),
        ("GET", webhooks.to_owned(), ""),
        ("POST", webhooks.to_owned(), r#"{"url":"https://hooks.example.com/"}"#),
        ("GET", format!("{webhooks}/deliveries"), ""),
        ("GET", delivery.clone(), ""),
        ("POST", format!("{delivery}/replay"), ""),
        ("POST", format!("{delivery}/discard"), ""),
        ("DELETE", format!("{webhooks}/{WEBHOOK}"), ""),
    ]
}

async fn bootstrap_mueller(table: &TestTable) -> String {
    let (store, policy) = (table.store(), KeyPolicy::default());
    let bootstrapped = bootstrap(
        &store,
        &policy,
        now(),
        "mueller".parse().expect("an id"),
        "Müller GmbH".parse().expect("a name"),
        "first".parse().expect("a name"),
    );
    let minted = bootstrapped.await.expect("a new organization").minted;
    minted.token.expose().to_owned()
}

#[tokio::test]
async fn a_name_that_is_not_ascii_selects_its_account() {
    let table = TestTable::start().await;
    let token = bootstrap_mueller(&table).await;
    let function = Function::over(&table);
    for (selected, status) in [("Müller GmbH", 200), ("Muller GmbH", 403), ("M\u{fc}ller", 403)] {
        let mut event = event::call("GET", Chaser::IDENTITY, &token);
        event["headers"]["x-chaser-account"] = selected.into();
        let answer = function.answer(event).await;
        assert_eq!(answer.status, status, "{selected}: {}", answer.text);
    }
}

/// No known gateway forwards such a header, but a client that is not behind one may send it.
#[tokio::test]
async fn a_name_in_latin_1_selects_its_account() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let token = bootstrap_mueller(&table).await;
    for (selected, status) in [(&b" M\xfcller GmbH"[..], 200), (b"M\xfc", 403), (b"\xff\xfe", 403)]
    {
        let mut request = event::parse(event::call("GET", Chaser::IDENTITY, &token));
        let value = HeaderValue::from_bytes(selected).expect("a header's value");
        request.headers.insert("x-chaser-account", value);
        assert_eq!(function.serve(request).await.status, status, "{selected:?}");
    }
}

#[tokio::test]
async fn every_operation_obeys_the_account_selected() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    assert_eq!(operations().len(), chaser::ROUTES.len());
    let before = table.items().await;
    for selected in [
        "other",
        "Other Organization",
        "nobody",
        "SAMPLE",
        "sample organization",
        "Personal",
        "",
        " ",
    ] {
        for (method, path, body) in operations() {
            let mut event = event::call_with(method, &path, &full_access(), body);
            event["headers"]["x-chaser-account"] = selected.into();
            let answer = function.answer(event).await;
            assert_eq!(answer.status, 403, "{method} {path} for {selected}");
            assert_eq!(answer.string("/error/message"), OTHER_ACCOUNT);
        }
    }
    assert!(table.items().await == before, "a refusal wrote something");
    for selected in ["sample", "Sample Organization", "personal", " sample ", "\tpersonal "] {
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
