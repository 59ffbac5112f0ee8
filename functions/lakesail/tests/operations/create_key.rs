//! `CreateServiceAccountKey`: event in, response out, with the embedded DynamoDB in between.

use latchkey::policy::KeyPolicy;
use latchkey::token::Token;
use latchkey_testkit::contract::validate;
use latchkey_testkit::sample::SampleKey;
use latchkey_testkit::suite::change::{body, by, header, no_body};
use latchkey_testkit::suite::{Case, expectations};
use latchkey_testkit::{TestTable, project};

use crate::cases::create_key;
use crate::common::{Function, LakeSail};

#[tokio::test]
async fn a_key_is_minted_from_every_kind_of_event() {
    let table = TestTable::start().await;
    let vendor = project::json("functions/lakesail/tests/vendor/create-key.json");
    for (case, expires_at) in create_key::successes() {
        let unlimited = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
        let answer = Function::with(&table, unlimited).answer_to(&case).await;
        let case = case.name();
        assert_eq!(answer.status, 201, "{case}: {}", answer.text);
        assert_eq!(answer.body["expiresAt"].as_str(), expires_at, "{case}");
        assert_eq!(answer.string("/createdAt"), "2026-01-01T00:00:00.000Z");
        assert_eq!(answer.header("cache-control"), "no-store");
        validate(&vendor["response"], &answer.body, "vendor's response");

        let token: Token = answer.string("/key").parse().expect("a token");
        assert_eq!(token.key().as_ref(), answer.string("/id"));
        assert_eq!(token.account().as_ref(), latchkey_testkit::sample::ACCOUNT);
    }
}

#[tokio::test]
async fn fields_come_in_the_documented_order() {
    let table = TestTable::start().await;
    let answer = Function::over(&table).answer_to("create-key").await;
    let positions = ["\"id\"", "\"expiresAt\"", "\"key\"", "\"createdAt\"", "\"updatedAt\""]
        .map(|field| answer.text.find(field).expect(field));
    assert!(positions.is_sorted(), "{}", answer.text);
}

#[tokio::test]
async fn every_refusal_is_as_promised_and_writes_nothing() {
    let table = TestTable::start().await;
    let vendor = project::json("functions/lakesail/tests/vendor/create-key.json");
    let function = Function::over(&table);
    let refusals = create_key::refusals();
    expectations::every_refusal_is_as_promised_and_writes_nothing::<LakeSail>(&refusals).await;
    for (case, (status, _)) in &refusals {
        let (answer, case) = (function.answer_to(case).await, case.name());
        validate(&vendor["error"], &answer.body, "vendor's error");
        let challenge = match (status, case) {
            (401, "create-key-no-credentials" | "create-key-basic-credentials") => {
                r#"Bearer realm="latchkey""#
            }
            (401, _) => r#"Bearer realm="latchkey", error="invalid_token""#,
            // A 403's challenge would mention scopes, which this dialect does not have.
            _ => "",
        };
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        assert_eq!(answer.header("allow"), if *status == 405 { "POST, GET" } else { "" }, "{case}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large_and_one_of_64_kib_is_not() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let of_bytes =
        |bytes: usize| Case::of("create-key").with(body(format!("{{{}}}", " ".repeat(bytes - 2))));
    assert_eq!(function.answer_to(of_bytes(64 * 1024)).await.status, 201);
    let answer = function.answer_to(of_bytes(64 * 1024 + 1)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.string("/message"), "the body is larger than 65536 bytes");
}

#[tokio::test]
async fn no_key_outlives_the_deployments_maximum_lifetime() {
    let table = TestTable::start().await;
    let day = std::time::Duration::from_secs(86_400);
    let policy = KeyPolicy { max_lifetime: Some(day * 90), ..KeyPolicy::default() };
    let function = Function::with(&table, policy);

    let refused = function.answer_to("create-key").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.string("/message"),
        "`expiresAt` must be at most 90 days from now, the maximum lifetime of a key in this deployment"
    );
    let minted = function.answer_to(Case::of("create-key").with(no_body())).await;
    assert_eq!(minted.string("/expiresAt"), "2026-04-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_new_key_authenticates_and_has_its_minters_scopes() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let scoped = Case::of("create-key").with(by(SampleKey::Minter)).with(body("{}"));
    let minted = function.answer_to(scoped).await;
    let bearer = header("authorization", format!("bearer {}", minted.string("/key")));
    let second = function.answer_to(Case::of("create-key").with(no_body()).with(bearer)).await;
    assert_eq!(second.status, 201, "{}", second.text);

    let items = table.items().await;
    let scopes = items.iter().find_map(|item| {
        let id = item.get("id")?.as_s().ok()?;
        (id == second.string("/id")).then(|| item.get("scopes")?.as_l().ok().cloned())?
    });
    let scopes: Vec<String> =
        scopes.expect("scopes").iter().map(|scope| scope.as_s().expect("a text").clone()).collect();
    assert_eq!(scopes, ["keys.write", "sessions.read"]);
}
