//! `CreateServiceAccountKey`: event in, response out, the embedded DynamoDB between.

use latchkey::policy::KeyPolicy;
use latchkey::token::Token;
use latchkey_testkit::contract::validate;
use latchkey_testkit::suite::expectations::{self, Refusal};
use latchkey_testkit::suite::refusals;
use latchkey_testkit::{TestTable, event, project};

use crate::common::{Function, LakeSail};

/// Every refusal that is this dialect's own: the event, its status, and the message that the client
/// reads.
const REFUSALS: &[Refusal] = &[
    (
        "create-key-bad-account",
        400,
        "the service account id may hold `A-Z` and `0-9` only, not 's'",
    ),
    ("create-key-null-expiry", 400, "`expiresAt` must be a string, not null"),
    (
        "create-key-bad-expiry",
        400,
        "`expiresAt` must be an RFC 3339 date-time with an offset, such as `2026-06-01T12:00:00Z`",
    ),
    ("create-key-past-expiry", 400, "`expiresAt` must be in the future"),
    (
        "create-key-unknown-field",
        400,
        "`expires_at` is not a field of this request; did you mean `expiresAt`?",
    ),
    ("create-key-duplicate-field", 400, "the body holds the field `expiresAt` twice"),
    ("create-key-missing-scope", 403, "this key may not manage service account keys"),
];

/// Every success: the event and the expiry that the client reads.
const SUCCESSES: &[(&str, Option<&str>)] = &[
    ("create-key", Some("2099-06-01T12:00:00.000Z")),
    ("create-key-offset-expiry", Some("2099-06-01T12:00:00.123Z")),
    ("create-key-base64-body", Some("2099-06-01T12:00:00.000Z")),
    ("create-key-stage-in-path", Some("2099-06-01T12:00:00.000Z")),
    ("create-key-rest-api", Some("2099-06-01T12:00:00.000Z")),
    ("create-key-function-url", Some("2099-06-01T12:00:00.000Z")),
    ("create-key-empty-body", None),
    ("create-key-empty-object", None),
    ("create-key-scoped-caller", None),
];

fn all_refusals() -> Vec<Refusal> {
    [refusals::CREATE_KEY, REFUSALS].concat()
}

pub(crate) fn cases() -> Vec<&'static str> {
    SUCCESSES.iter().map(|case| case.0).chain(all_refusals().iter().map(|case| case.0)).collect()
}

#[tokio::test]
async fn a_key_is_minted_from_every_kind_of_event() {
    let table = TestTable::start().await;
    let vendor = project::json("functions/lakesail/tests/vendor/create-key.json");
    for (case, expires_at) in SUCCESSES {
        let unlimited = KeyPolicy { key_limit: None, ..KeyPolicy::default() };
        let answer = Function::with(&table, unlimited).answer_to(case).await;
        assert_eq!(answer.status, 201, "{case}: {}", answer.text);
        assert_eq!(answer.body["expiresAt"].as_str(), *expires_at, "{case}");
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
    expectations::every_refusal_is_as_promised_and_writes_nothing::<LakeSail>(&all_refusals())
        .await;
    for (case, status, _) in all_refusals() {
        let answer = function.answer_to(case).await;
        validate(&vendor["error"], &answer.body, "vendor's error");
        let challenge = match (status, case) {
            (401, "create-key-no-credentials" | "create-key-basic-credentials") => {
                r#"Bearer realm="latchkey""#
            }
            (401, _) => r#"Bearer realm="latchkey", error="invalid_token""#,
            // A 403's would speak of scopes, which this dialect has none of.
            _ => "",
        };
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
        assert_eq!(answer.header("allow"), if status == 405 { "POST, GET" } else { "" }, "{case}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large_and_one_of_64_kib_is_not() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let mut event = event::json("lakesail", "create-key-empty-object");
    event["body"] = format!("{{{}}}", " ".repeat(64 * 1024 - 2)).into();
    assert_eq!(function.answer(event.clone()).await.status, 201);
    event["body"] = format!("{{{}}}", " ".repeat(64 * 1024 - 1)).into();
    let answer = function.answer(event).await;
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
        "`expiresAt` must be at most 90 days from now, the longest that this deployment lets a key live"
    );
    let minted = function.answer_to("create-key-empty-body").await;
    assert_eq!(minted.string("/expiresAt"), "2026-04-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_new_key_authenticates_and_has_its_minters_scopes() {
    let table = TestTable::start().await;
    let function = Function::over(&table);
    let minted = function.answer_to("create-key-scoped-caller").await;
    let mut event = event::json("lakesail", "create-key-empty-body");
    event["headers"]["authorization"] = format!("bearer {}", minted.string("/key")).into();
    let second = function.answer(event).await;
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
