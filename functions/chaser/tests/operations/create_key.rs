//! `create-current-service-account-key`: event in, response out, the embedded DynamoDB between.

use latchkey::policy::KeyPolicy;
use latchkey::token::Token;
use latchkey_testkit::contract::validate;
use latchkey_testkit::sample;
use latchkey_testkit::suite::expectations::{self, Refusal};
use latchkey_testkit::suite::refusals;
use latchkey_testkit::{TestTable, event, project};
use serde_json::json;

use crate::common::{Chaser, Function};

/// Every refusal that is this dialect's own: the event, its status, and the message that the client
/// reads.
const REFUSALS: &[Refusal] = &[
    (
        "create-key-unknown-field",
        400,
        "`scope` is not a field of this request; did you mean `scopes`?",
    ),
    ("create-key-duplicate-field", 400, "the body holds the field `scopes` twice"),
    ("create-key-name-not-a-string", 400, "`name` must be a string or null, not a number"),
    ("create-key-long-name", 400, "`name` must be at most 128 characters"),
    ("create-key-control-character", 400, "`name` must not hold control characters"),
    (
        "create-key-scopes-not-a-list",
        400,
        "`scopes` must be a list of strings or null, not a string",
    ),
    ("create-key-scope-not-a-string", 400, "`scopes[1]` must be a string, not a number"),
    (
        "create-key-unknown-scope",
        400,
        "`sessions.admin` is not a scope of this deployment; its scopes are `sessions.read`, \
         `sessions.write`, `workspaces.read`, `workspaces.write`, `exec.write`, `files.read`, \
         `files.write`, `keys.read`, `keys.write`, `billing.read`, `billing.write`, `audit.read`, \
         `webhooks.read` and `webhooks.write`",
    ),
    ("create-key-missing-scope", 403, "this key lacks the scope `keys.write`"),
    (
        "create-key-scope-not-held",
        403,
        "this key does not hold the scope `files.read`, so no key can get it from this one",
    ),
    (
        "create-key-full-access-not-held",
        403,
        "this key has scopes, so no key can get full access from it; name scopes that it holds",
    ),
    (
        "create-key-other-account-selected",
        403,
        "this key belongs to another account than the one selected",
    ),
    ("create-key-bad-account", 404, "this service account does not exist"),
];

/// Every success: the event, the key's name and its scopes.
const SUCCESSES: &[(&str, Option<&str>, &[&str])] = &[
    ("create-key", Some("ci"), &["sessions.read", "files.read"]),
    ("create-key-base64-body", Some("ci"), &["sessions.read", "files.read"]),
    ("create-key-stage-in-path", Some("ci"), &["sessions.read", "files.read"]),
    ("create-key-rest-api", Some("ci"), &["sessions.read", "files.read"]),
    ("create-key-function-url", Some("ci"), &["sessions.read", "files.read"]),
    ("create-key-empty-body", None, &[]),
    ("create-key-empty-object", None, &[]),
    ("create-key-null-fields", None, &[]),
    ("create-key-empty-fields", Some(""), &[]),
    ("create-key-scoped-caller", None, &["sessions.read"]),
    ("create-key-by-account-id", None, &[]),
    ("create-key-by-account-name", None, &[]),
];

fn all_refusals() -> Vec<Refusal> {
    [refusals::CREATE_KEY, REFUSALS].concat()
}

pub(crate) fn cases() -> Vec<&'static str> {
    SUCCESSES.iter().map(|case| case.0).chain(all_refusals().iter().map(|case| case.0)).collect()
}

fn unlimited(table: &TestTable) -> Function {
    Function::with(table, KeyPolicy { key_limit: None, ..KeyPolicy::default() })
}

#[tokio::test]
async fn a_key_is_minted_from_every_kind_of_event() {
    let table = TestTable::start().await;
    let vendor = project::json("functions/chaser/tests/vendor/create-key.json");
    for (case, name, scopes) in SUCCESSES {
        let answer = unlimited(&table).answer_to(case).await;
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
    expectations::every_refusal_is_as_promised_and_writes_nothing::<Chaser>(&all_refusals()).await;
    for (case, status, _) in all_refusals() {
        let answer = function.answer_to(case).await;
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
        assert_eq!(answer.header("allow"), if status == 405 { "POST, GET" } else { "" }, "{case}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large() {
    let table = TestTable::start().await;
    let mut event = event::json("chaser", "create-key-empty-object");
    event["body"] = format!("{{{}}}", " ".repeat(64 * 1024 - 1)).into();
    let answer = Function::over(&table).answer(event).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.string("/error/code"), "payload_too_large");
}

#[tokio::test]
async fn the_maximum_lifetime_holds_although_this_dialect_has_no_expiry() {
    let table = TestTable::start().await;
    let day = std::time::Duration::from_secs(86_400);
    let policy = KeyPolicy { max_lifetime: Some(day), ..KeyPolicy::default() };
    let minted = Function::with(&table, policy).answer_to("create-key-empty-body").await;
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
