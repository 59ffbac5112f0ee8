//! Authorizing: an event of each form in, its verdict out, the embedded DynamoDB between.

use authorizer::{App, NoVerdict, Settings, handle};
use latchkey::Latchkey;
use latchkey::config::KeyPolicy;
use latchkey::store::KeyStore;
use latchkey::time::Clock;
use latchkey_local::sample::{self, SampleKey};
use latchkey_local::{NO_CACHE, TestTable, event, faulty};
use serde_json::{Value, json};

/// A deployment with these variables.
fn app(latchkey: Latchkey, variables: &[(&str, &str)]) -> App {
    let settings = Settings::from_lookup(|asked| {
        let found = variables.iter().find(|(variable, _)| *variable == asked);
        found.map(|(_, value)| (*value).to_owned())
    });
    App { latchkey, settings: settings.expect("valid settings") }
}

async fn try_judge(app: &App, event: Value) -> Result<Value, NoVerdict> {
    let event = serde_json::from_value(event).expect("an event");
    let response = handle(app, event).await?;
    Ok(serde_json::to_value(response).expect("JSON"))
}

async fn judge(table: &TestTable, variables: &[(&str, &str)], case: &str) -> Value {
    let app = app(table.latchkey(KeyPolicy::default()), variables);
    try_judge(&app, event::json("authorizer", case)).await.expect("a verdict")
}

fn reader_context() -> Value {
    json!({
        "organization": sample::ORGANIZATION,
        "service_account": sample::ACCOUNT,
        "key_id": SampleKey::Reader.mint().0.id.as_ref(),
        "scopes": "keys.read",
        "full_access": false,
        "expires_at": "2035-12-30T00:00:00.000Z",
    })
}

fn policy(principal: &str, effect: &str, stage: &str, context: Option<Value>) -> Value {
    let resource = format!("arn:aws:execute-api:us-east-1:123456789012:abc123/{stage}/*");
    let statement =
        json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let mut policy = json!({ "principalId": principal, "policyDocument": document });
    if let Some(context) = context {
        policy["context"] = context;
    }
    policy
}

#[tokio::test]
async fn every_form_allows_a_valid_key_and_tells_the_backend_whose_it_is() {
    let table = TestTable::start().await;
    let simple = json!({ "isAuthorized": true, "context": reader_context() });
    assert_eq!(judge(&table, &[], "http-api-2").await, simple);

    let as_policy = [("LATCHKEY_AUTHORIZER_RESPONSE", "policy")];
    let allow = |stage| policy(sample::ACCOUNT, "Allow", stage, Some(reader_context()));
    assert_eq!(judge(&table, &as_policy, "http-api-2").await, allow("$default"));
    for case in ["http-api-1", "rest-request", "rest-token"] {
        assert_eq!(judge(&table, &[], case).await, allow("prod"), "{case}");
    }
}

#[tokio::test]
async fn full_access_has_no_scopes_and_no_expiry_is_left_out() {
    let table = TestTable::start().await;
    let context = &judge(&table, &[], "http-api-2-full-access").await["context"];
    assert_eq!((&context["scopes"], &context["full_access"]), (&json!(""), &json!(true)));
    assert!(context.get("expires_at").is_none());
}

#[tokio::test]
async fn every_form_denies_with_a_response() {
    let table = TestTable::start().await;
    for case in ["http-api-2-expired-key", "http-api-2-root-key", "http-api-2-no-key"] {
        let denied = judge(&table, &[], case).await;
        assert_eq!(denied, json!({ "isAuthorized": false }), "{case}");
    }
    for case in ["rest-request-revoked-key", "rest-token-disabled-account"] {
        let denied = judge(&table, &[], case).await;
        assert_eq!(denied, policy("anonymous", "Deny", "prod", None), "{case}");
    }
}

#[tokio::test]
async fn another_header_takes_the_key_with_or_without_bearer() {
    let table = TestTable::start().await;
    let header = [("LATCHKEY_AUTHORIZER_HEADER", "X-Api-Key")];
    let allowed = async |event: Value| {
        let app = app(table.latchkey(KeyPolicy::default()), &header);
        try_judge(&app, event).await.expect("a verdict")["isAuthorized"] == true
    };
    let bare = event::json("authorizer", "http-api-2-api-key-header");
    assert!(allowed(bare.clone()).await);
    let mut bearer = bare.clone();
    bearer["headers"]["x-api-key"] = format!("Bearer {}", SampleKey::Reader.token()).into();
    assert!(allowed(bearer).await);
    // The key in `Authorization` counts for nothing now, nor does a header given twice.
    assert!(!allowed(event::json("authorizer", "http-api-2")).await);
    let mut twice = bare;
    twice["headers"]["X-API-KEY"] = SampleKey::Unknown.token().into();
    assert!(!allowed(twice).await);
    assert_eq!(judge(&table, &[], "http-api-2-api-key-header").await["isAuthorized"], false);
}

#[tokio::test]
async fn a_route_takes_keys_with_its_scopes_only() {
    let table = TestTable::start().await;
    for (routes, allowed) in [
        ("GET /orders/{id} keys.read", true),
        ("ANY /orders/{id} keys.read", true),
        ("GET /orders/{id}", true),
        ("GET /orders/{id} keys.read orders.read", false),
        ("GET /orders/{id} orders.read; ANY /orders/{id}", false),
        // With a map, what is not on it takes no key.
        ("GET /orders keys.read; POST /orders/{id} keys.read", false),
    ] {
        let variables = [("LATCHKEY_ROUTE_SCOPES", routes)];
        let simple = judge(&table, &variables, "http-api-2").await;
        assert_eq!(simple["isAuthorized"], allowed, "{routes}");
        let effect = if allowed { "Allow" } else { "Deny" };
        for case in ["http-api-1", "rest-request"] {
            let policy = judge(&table, &variables, case).await;
            assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], effect, "{routes}");
        }
    }
    let variables = [("LATCHKEY_ROUTE_SCOPES", "GET /orders/{id} orders.read")];
    assert_eq!(judge(&table, &variables, "http-api-2-full-access").await["isAuthorized"], true);
}

#[tokio::test]
async fn a_mistaken_deployment_lets_nobody_in_and_caches_nothing() {
    let table = TestTable::start().await;
    let mapped = [("LATCHKEY_ROUTE_SCOPES", "GET /orders/{id} keys.read")];
    let routed = app(table.latchkey(KeyPolicy::default()), &mapped);
    let verdict = try_judge(&routed, event::json("authorizer", "rest-token")).await;
    assert!(matches!(verdict, Err(NoVerdict::NoRoute)), "{verdict:?}");
    let nothing = app(table.latchkey(KeyPolicy::default()), &[]);
    assert!(matches!(try_judge(&nothing, json!({})).await, Err(NoVerdict::NoApi)));
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_an_error_for_the_gateway_and_no_deny() {
    for answer in [
        faulty::error(500, "InternalServerError"),
        faulty::error(400, "ThrottlingException"),
        faulty::error(400, "AccessDeniedException"),
        (200, "<html>".to_owned()),
    ] {
        let store = KeyStore::new(faulty::client(move |_, _| answer.clone()), "table");
        let clock = Clock::new(sample::now);
        let app = app(Latchkey::new(store, KeyPolicy::default(), &NO_CACHE, clock), &[]);
        for case in ["http-api-2", "rest-request", "rest-token"] {
            let verdict = try_judge(&app, event::json("authorizer", case)).await;
            assert!(matches!(verdict, Err(NoVerdict::Store(_))), "{verdict:?}");
        }
    }
}
