//! Authorization: an event of each form in, its verdict out, with the embedded DynamoDB in between.

use authorizer::{App, NoVerdict, Settings, handle};
use latchkey::Latchkey;
use latchkey::policy::KeyPolicy;
use latchkey::service::Clock;
use latchkey::store::KeyStore;
use latchkey::store::environment::Environment;
use latchkey_testkit::sample::{self, SampleKey};
use latchkey_testkit::suite::change::{self, by};
use latchkey_testkit::suite::{Case, check_tables};
use latchkey_testkit::{NO_CACHE, TestTable, event, faulty};
use serde_json::{Value, json};

use crate::cases::{self, Form};

/// A deployment with these environment variables.
fn app(latchkey: Latchkey, variables: &[(&str, &str)]) -> App {
    let environment = Environment::from_iter(variables.iter().copied());
    let settings = Settings::from_environment(&environment);
    App { latchkey, settings: settings.expect("valid settings") }
}

async fn try_judge(app: &App, event: Value) -> Result<Value, NoVerdict> {
    let event = serde_json::from_value(event).expect("an event");
    // Boxed, because the compiler cannot lay out so many nested futures.
    let response = Box::pin(handle(app, event)).await?;
    Ok(serde_json::to_value(response).expect("JSON"))
}

async fn judge(table: &TestTable, variables: &[(&str, &str)], case: impl Into<Case>) -> Value {
    let app = app(table.latchkey(KeyPolicy::default()), variables);
    try_judge(&app, case.into().event("authorizer")).await.expect("a verdict")
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
    let allow = |stage| policy(sample::ACCOUNT, "Allow", stage, Some(reader_context()));
    for (case, form) in cases::forms() {
        let expected = match form {
            Form::Simple => json!({ "isAuthorized": true, "context": reader_context() }),
            Form::Policy => allow("prod"),
            Form::AppSync => app_sync(Some("false")),
        };
        assert_eq!(judge(&table, &[], &case).await, expected, "{}", case.name());
    }
    let as_policy = [("LATCHKEY_AUTHORIZER_RESPONSE", "policy")];
    assert_eq!(judge(&table, &as_policy, "http-api-2").await, allow("$default"));
}

/// A denial.
fn denied(form: Form) -> Value {
    match form {
        Form::Simple => json!({ "isAuthorized": false }),
        Form::Policy => policy("anonymous", "Deny", "prod", None),
        Form::AppSync => app_sync(None),
    }
}

/// The response to AppSync: the key's owner if the key passes, as strings, and never cached.
fn app_sync(full_access: Option<&str>) -> Value {
    let mut response = json!({ "isAuthorized": full_access.is_some(), "ttlOverride": 0 });
    if let Some(full_access) = full_access {
        response["resolverContext"] = reader_context();
        response["resolverContext"]["full_access"] = full_access.into();
    }
    response
}

#[tokio::test]
async fn app_sync_takes_a_key_with_or_without_bearer_and_texts_only() {
    let table = TestTable::start().await;
    // AppSync always uses this header, whatever header the gateway's APIs use.
    for variables in [&[][..], &[("LATCHKEY_AUTHORIZER_HEADER", "X-Api-Key")]] {
        let app = app(table.latchkey(KeyPolicy::default()), variables);
        for token in [SampleKey::Reader.token(), format!("Bearer {}", SampleKey::Reader.token())] {
            let mut event = event::json("authorizer", "appsync");
            event["authorizationToken"] = token.into();
            let verdict = try_judge(&app, event).await.expect("a verdict");
            assert_eq!(verdict, app_sync(Some("false")));
        }
    }
    let app = app(table.latchkey(KeyPolicy::default()), &[]);
    let mut event = event::json("authorizer", "appsync");
    event["authorizationToken"] = SampleKey::FullAccess.token().into();
    let context = &try_judge(&app, event).await.expect("a verdict")["resolverContext"];
    assert_eq!((&context["scopes"], &context["full_access"]), (&json!(""), &json!("true")));
    assert!(context.as_object().expect("a map").values().all(Value::is_string), "{context}");
}

#[tokio::test]
async fn an_event_api_of_app_sync_is_not_served() {
    let table = TestTable::start().await;
    let app = app(table.latchkey(KeyPolicy::default()), &[]);
    let mut event = event::json("authorizer", "appsync");
    event["requestContext"]["operation"] = "EVENT_PUBLISH".into();
    assert!(matches!(try_judge(&app, event).await, Err(NoVerdict::NoApi)));
}

#[tokio::test]
async fn full_access_has_no_scopes_and_no_expiry_is_left_out() {
    let table = TestTable::start().await;
    let context = &judge(&table, &[], cases::full_access()).await["context"];
    assert_eq!((&context["scopes"], &context["full_access"]), (&json!(""), &json!(true)));
    assert!(context.get("expires_at").is_none());
}

#[tokio::test]
async fn every_form_denies_with_a_response() {
    let table = TestTable::start().await;
    for (case, form) in cases::denials() {
        assert_eq!(judge(&table, &[], &case).await, denied(form), "{}", case.name());
    }
}

#[tokio::test]
async fn every_form_denies_a_full_access_key_of_another_organization() {
    let table = TestTable::start().await;
    let restricted = ("LATCHKEY_AUTHORIZER_ORGANIZATIONS", "acme, sample");
    let as_policy = ("LATCHKEY_AUTHORIZER_RESPONSE", "policy");
    let deny = policy("anonymous", "Deny", "$default", None);
    let mut forms = vec![(Case::of("http-api-2"), vec![restricted, as_policy], deny)];
    forms.extend(
        cases::forms().into_iter().map(|(case, form)| (case, vec![restricted], denied(form))),
    );
    for (case, variables, denied) in forms {
        let variables = variables.as_slice();
        let restricted = app(table.latchkey(KeyPolicy::default()), variables);
        let every = app(table.latchkey(KeyPolicy::default()), &variables[1..]);
        let event = |key| case.clone().with(by(key)).event("authorizer");
        let other = event(SampleKey::Other);
        let verdict = try_judge(&restricted, other.clone()).await.expect("a verdict");
        assert_eq!(verdict, denied, "{case:?}");
        // The denial is due to the organization: without the restriction, the same key passes.
        let verdict = try_judge(&every, other).await.expect("a verdict");
        assert_ne!(verdict, denied, "{case:?}");
        let own = event(SampleKey::FullAccess);
        let verdict = try_judge(&restricted, own).await.expect("a verdict");
        assert_ne!(verdict, denied, "{case:?}");
    }
    for (case, form) in cases::other_organization() {
        let verdict = judge(&table, &[restricted], &case).await;
        assert_eq!(verdict, denied(form), "{}", case.name());
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
    let bare = cases::api_key_header().event("authorizer");
    assert!(allowed(bare.clone()).await);
    let mut bearer = bare.clone();
    bearer["headers"]["x-api-key"] = format!("Bearer {}", SampleKey::Reader.token()).into();
    assert!(allowed(bearer).await);
    // The key in `Authorization` is now ignored, and a repeated header is rejected.
    assert!(!allowed(event::json("authorizer", "http-api-2")).await);
    let mut twice = bare;
    twice["headers"]["X-API-KEY"] = SampleKey::Unknown.token().into();
    assert!(!allowed(twice).await);
    assert_eq!(judge(&table, &[], cases::api_key_header()).await["isAuthorized"], false);
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
        // With a list, a route that is not listed accepts no key.
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
    assert_eq!(judge(&table, &variables, cases::full_access()).await["isAuthorized"], true);
}

#[tokio::test]
async fn a_route_for_all_methods_goes_by_the_requests_method() {
    let table = TestTable::start().await;
    for (routes, post, get) in [
        ("POST /orders orders.write; ANY /orders keys.read", false, true),
        ("ANY /orders keys.read; POST /orders orders.write", false, true),
        ("ANY /orders orders.read; POST /orders keys.read", true, false),
        ("ANY /orders keys.read", true, true),
        // Without `ANY`, a method that is not listed accepts no key.
        ("POST /orders keys.read", true, false),
        // Another path and `$default` are other routes.
        ("$default keys.read; ANY /orders/{id} keys.read", false, false),
    ] {
        let app = app(table.latchkey(KeyPolicy::default()), &[("LATCHKEY_ROUTE_SCOPES", routes)]);
        // A backend may accept any spelling of the listed method.
        for (method, allowed) in [("POST", post), ("post", post), ("GET", get)] {
            let event = cases::any_route().with(change::method(method)).event("authorizer");
            let verdict = try_judge(&app, event).await.expect("a verdict");
            assert_eq!(verdict["isAuthorized"], allowed, "{method} with {routes}");
        }
    }
}

#[tokio::test]
async fn a_default_route_goes_by_its_name_alone() {
    let table = TestTable::start().await;
    let default = |case: &str| {
        let mut event = event::json("authorizer", case);
        let place = if case == "http-api-2" { "routeKey" } else { "resource" };
        event[place] = "$default".into();
        event
    };
    for (routes, allowed) in [
        ("$default keys.read", true),
        ("$default orders.read", false),
        ("GET /orders/{id} keys.read; ANY /orders/{id} keys.read", false),
    ] {
        let app = app(table.latchkey(KeyPolicy::default()), &[("LATCHKEY_ROUTE_SCOPES", routes)]);
        let verdict = try_judge(&app, default("http-api-2")).await.expect("a verdict");
        assert_eq!(verdict["isAuthorized"], allowed, "{routes}");
        let verdict = try_judge(&app, default("http-api-1")).await.expect("a verdict");
        let effect = if allowed { "Allow" } else { "Deny" };
        assert_eq!(verdict["policyDocument"]["Statement"][0]["Effect"], effect, "{routes}");
    }
}

#[tokio::test]
async fn web_sockets_and_app_sync_are_listed_like_routes() {
    let table = TestTable::start().await;
    for (routes, web_socket, graphql) in [
        ("$connect keys.read", true, false),
        ("$connect chat.use; $appsync keys.read", false, true),
        ("$connect; $appsync graph.read", true, false),
        ("ANY /orders keys.read; $default keys.read", false, false),
    ] {
        let variables = [("LATCHKEY_ROUTE_SCOPES", routes)];
        let verdict = judge(&table, &variables, "websocket-connect").await;
        let effect = if web_socket { "Allow" } else { "Deny" };
        assert_eq!(verdict["policyDocument"]["Statement"][0]["Effect"], effect, "{routes}");
        let verdict = judge(&table, &variables, "appsync").await;
        assert_eq!(verdict["isAuthorized"], graphql, "{routes}");
    }
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
        for case in ["http-api-2", "rest-request", "rest-token", "websocket-connect", "appsync"] {
            let verdict = try_judge(&app, event::json("authorizer", case)).await;
            assert!(matches!(verdict, Err(NoVerdict::Store(_))), "{verdict:?}");
        }
    }
}

#[test]
fn every_event_has_its_expectation() {
    check_tables("authorizer", &cases::all());
}
