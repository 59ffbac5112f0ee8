//! The API: its domain, its throttles, and its functions behind it.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::service::REQUEST_TIMEOUT;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use super::{condition, either, only_if};

#[test]
fn a_domain_can_ask_for_certificates_and_turns_the_other_address_off() {
    let api = &resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let off = either("HidesDefaultEndpoint", true, false);
    assert_eq!(api["DisableExecuteApiEndpoint"], off);
    assert_eq!(
        condition("HidesDefaultEndpoint"),
        json!(["HasDomain", ["DefaultEndpoint", "auto"]])
    );
    let domain = &resources("AWS::ApiGatewayV2::DomainName")["Domain"]["Properties"];
    let version = only_if("HasTruststoreVersion", "TruststoreVersion");
    let trust = json!({ "TruststoreUri": "TruststoreUri", "TruststoreVersion": version });
    assert_eq!(domain["MutualTlsAuthentication"], only_if("HasTruststore", trust));
}

#[test]
fn a_budget_tells_who_receives_the_alarms() {
    let budget = &resources("AWS::Budgets::Budget")["MonthlyCosts"];
    assert_eq!(budget["Condition"], "HasBudget");
    let budget = &budget["Properties"];
    let limit = json!({ "Amount": "MonthlyBudget", "Unit": "USD" });
    assert_eq!(budget["Budget"]["BudgetLimit"], limit);
    let email = json!({ "SubscriptionType": "EMAIL", "Address": "AlarmEmail" });
    let topic = json!({ "SubscriptionType": "SNS", "Address": "AlarmTopicArn" });
    let told = json!([only_if("HasAlarmEmail", email), only_if("HasAlarmTopic", topic)]);
    let notifications = budget["NotificationsWithSubscribers"].as_array().expect("notifications");
    assert_eq!(notifications.len(), 2);
    for notification in notifications {
        assert_eq!(notification["Subscribers"], told);
    }
}

#[test]
fn throttles_of_their_own_are_for_routes_that_there_are() {
    let functions = resources("AWS::Serverless::Function");
    let events = functions.values().filter_map(|function| {
        function["Properties"]["Events"].as_object().map(|events| events.values())
    });
    let text = |event: &Value, name: &str| event["Properties"][name].as_str().map(str::to_owned);
    let routes: BTreeSet<String> = events
        .flatten()
        .filter_map(|event| Some(format!("{} {}", text(event, "Method")?, text(event, "Path")?)))
        .collect();
    let api = &resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let settings = api["RouteSettings"].as_object().expect("routes with settings");
    let limits = |of: &str| {
        json!({
            "ThrottlingRateLimit": format!("{of}RateLimit"),
            "ThrottlingBurstLimit": format!("{of}BurstLimit"),
        })
    };
    assert_eq!(api["DefaultRouteSettings"], limits("Throttling"));
    let mut settings = settings.clone();
    let few = json!({ "ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20 });
    assert_eq!(settings.remove("GET /health"), Some(few));
    for (route, settings) in &settings {
        assert!(routes.contains(route), "{route} is not in {routes:?}");
        assert_eq!(*settings, limits("Verification"), "{route}");
    }
    // The routes that a proxy or a service calls on behalf of its own clients.
    let verifying = |route: &&String| route.contains(" /verify") || route.contains("/introspect");
    assert!(routes.iter().filter(verifying).eq(settings.keys().collect::<BTreeSet<_>>()));
    assert!(routes.contains("GET /health"));
}

/// Otherwise, the caller would get API Gateway's error and not the dialect's.
#[test]
fn a_function_outlasts_its_longest_request() {
    let globals = &project::yaml("template.yaml")["Globals"]["Function"];
    let timeout = Duration::from_secs(globals["Timeout"].as_u64().expect("seconds"));
    // The work after a response takes at most a second.
    assert!(timeout > REQUEST_TIMEOUT + Duration::from_secs(1));
}

#[test]
fn the_example_asks_our_authorizer() {
    let template = project::yaml("examples/orders-api/template.yaml");
    let auth = &template["Resources"]["Api"]["Properties"]["Auth"];
    assert_eq!(auth["DefaultAuthorizer"], "Latchkey");
    let imported = &auth["Authorizers"]["Latchkey"]["FunctionArn"]["Fn::ImportValue"];
    let exported = &project::yaml("template.yaml")["Outputs"]["AuthorizerFunctionArn"];
    assert_eq!(exported["Export"]["Name"], "${AWS::StackName}-AuthorizerFunctionArn");
    assert_eq!(*imported, "${LatchkeyStack}-AuthorizerFunctionArn");
}
