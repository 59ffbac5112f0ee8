//! `create-current-service-account-key`: event in, response out, with the embedded DynamoDB in between.

use latchkey::policy::KeyPolicy;
use latchkey::token::Token;
use latchkey_testkit::contract::validate;
use latchkey_testkit::sample;
use latchkey_testkit::suite::change::{body, no_body};
use latchkey_testkit::suite::{Case, expectations};
use latchkey_testkit::{TestTable, event, project};
use serde_json::json;

use crate::cases::create_key;
use crate::common::{Chaser, Function};

fn unlimited(table: &TestTable) -> Function {
    Function::with(table, KeyPolicy { key_limit: None, ..KeyPolicy::default() })
}

#[tokio::test]
async fn a_key_is_minted_from_every_kind_of_event() {
    let table = TestTable::start().await;
    let vendor = project::json("functions/chaser/tests/vendor/create-key.json");
    for (case, (name, scopes)) in create_key::successes() {
        let (answer, case) = (unlimited(&table).answer_to(&case).await, case.name());
        assert_eq!(answer.status, 200, "{case}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        validate(&vendor["response"], &answer.body, "vendor's response");

        let token: Token = answer.string("/key").parse().expect("a token");
        let expected = json!({
            "full_access": scopes.is_empty(),
            "id": token.key().as_ref(),
            "key": token.expose(),
            "key_prefix": token.key_prefix(),
            "name": name,
            "scopes": scopes,
            "service_account": {
                "created_at": "2026-01-01T00:00:00.000Z",
                "created_by_user_id": "ROOT",
                "disabled": false,
                "id": sample::ACCOUNT,
                "name": "sample account SAMPLEACCOUNT001",
                "updated_at": "2026-01-01T00:00:00.000Z",
            },
        });
        assert_eq!(answer.body, expected, "{case}");
    }
}

#[tokio::test]
async fn fields_come_in_the_documented_order() {
    let table = TestTable::start().await;
    let answer = unlimited(&table).answer_to("create-key").await;
    let fields = ["full_access", "id", "key", "key_prefix", "name", "scopes", "service_account"];
    let positions = fields.map(|field| answer.text.find(&format!("\"{field}\":")).expect(field));
    assert!(positions.is_sorted(), "{}", answer.text);
}

#[tokio::test]
async fn every_refusal_is_as_promised_and_writes_nothing() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let refusals = create_key::refusals();
    expectations::every_refusal_is_as_promised_and_writes_nothing::<Chaser>(&refusals).await;
    for (case, (status, _)) in &refusals {
        let (answer, case) = (function.answer_to(case).await, case.name());
        let challenge = match (status, case) {
            (401, "create-key-no-credentials" | "create-key-basic-credentials") => {
                r#"Bearer realm="latchkey""#
            }
            (401, _) => r#"Bearer realm="latchkey", error="invalid_token""#,
            (403, "create-key-missing-scope") => {
                r#"Bearer realm="latchkey", error="insufficient_scope", scope="keys.write""#
            }
            (403, "create-key-scope-not-held") => {
                r#"Bearer realm="latchkey", error="insufficient_scope", scope="files.read""#
            }
            (403, "create-key-other-account-selected") => "",
            (403, _) => r#"Bearer realm="latchkey", error="insufficient_scope""#,
            _ => "",
        };
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        assert_eq!(answer.header("allow"), if *status == 405 { "POST, GET" } else { "" }, "{case}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large() {
    let table = TestTable::start().await;
    let large = format!("{{{}}}", " ".repeat(64 * 1024 - 1));
    let case = Case::of("create-key").with(body(large));
    let answer = Function::over(&table).answer_to(case).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.string("/error/code"), "payload_too_large");
}

#[tokio::test]
async fn the_maximum_lifetime_holds_although_this_dialect_has_no_expiry() {
    let table = TestTable::start().await;
    let day = std::time::Duration::from_secs(86_400);
    let policy = KeyPolicy { max_lifetime: Some(day), ..KeyPolicy::default() };
    let empty = Case::of("create-key").with(no_body());
    let minted = Function::with(&table, policy).answer_to(empty).await;
    assert_eq!(minted.status, 200);
    assert!(!minted.text.contains("expires"), "{}", minted.text);

    let items = table.items().await;
    let id = minted.string("/id");
    let of = |name: &str| {
        let item =
            items.iter().find(|item| item.get("id").is_some_and(|v| v.as_s() == Ok(&id.into())));
        item.and_then(|item| item.get(name)?.as_n().ok()?.parse::<i64>().ok())
    };
    let end = sample::now().saturating_add(day).as_millis();
    assert_eq!(of("expires_at"), Some(end));
    assert_eq!(of("ttl"), Some(end / 1000 + 30 * 86_400));
}

#[tokio::test]
async fn two_selected_accounts_are_none() {
    let table = TestTable::start().await;
    let mut event = event::json("chaser", "create-key-rest-api");
    event["multiValueHeaders"]["X-Chaser-Account"] = json!(["sample", "other"]);
    assert_eq!(Function::over(&table).answer(event).await.status, 403);
}
