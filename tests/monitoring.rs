//! The template monitors what the code counts: logs, metrics, alarms, and the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use latchkey_http::metrics::NAMES;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

const NAMESPACE: &str = "Latchkey/${AWS::StackName}";

/// What the template itself counts, in the API's access log.
const THROTTLES: &str = "ApiThrottles";

#[test]
fn every_log_group_forgets() {
    let groups = resources("AWS::Logs::LogGroup");
    assert_eq!(groups.len(), project::functions().len() + 1);
    for (name, group) in groups {
        assert_eq!(group["Properties"]["RetentionInDays"], "LogRetentionDays", "{name}");
    }
}

#[test]
fn access_logs_hold_no_key() {
    let api = &resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let settings = &api["AccessLogSettings"];
    assert_eq!(settings["DestinationArn"], "ApiLogGroup.Arn");
    let format = settings["Format"].as_str().expect("a format");
    let format: BTreeMap<String, String> = serde_json::from_str(format).expect("JSON");
    let variables: BTreeSet<&str> = format.values().map(String::as_str).collect();
    let expected = [
        "$context.error.message",
        "$context.identity.sourceIp",
        "$context.identity.userAgent",
        "$context.integration.requestId",
        "$context.integrationErrorMessage",
        "$context.integrationLatency",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.routeKey",
        "$context.status",
    ];
    assert!(variables.into_iter().eq(expected));
}

#[test]
fn throttled_requests_are_counted_in_the_access_log() {
    let api = &resources("AWS::Serverless::HttpApi")["Api"]["Properties"];
    let format = api["AccessLogSettings"]["Format"].as_str().expect("a format");
    // The status is a string, which the filter compares with a string.
    assert!(format.contains(r#""status":"$context.status""#));
    let filters = resources("AWS::Logs::MetricFilter");
    assert!(filters.keys().eq(["ApiThrottlesFilter"]));
    let filter = &filters["ApiThrottlesFilter"]["Properties"];
    assert_eq!(filter["LogGroupName"], "ApiLogGroup");
    assert_eq!(filter["FilterPattern"], r#"{ $.status = "429" }"#);
    let counted = json!([{
        "MetricNamespace": NAMESPACE,
        "MetricName": THROTTLES,
        "MetricValue": "1",
        "Unit": "Count",
    }]);
    assert_eq!(filter["MetricTransformations"], counted);
    assert!(!NAMES.contains(&THROTTLES), "a function counts the same");
}

#[test]
fn metrics_are_of_this_stack_only() {
    let globals = &project::yaml("template.yaml")["Globals"]["Function"]["Environment"];
    assert_eq!(globals["Variables"]["LATCHKEY_METRICS_NAMESPACE"], NAMESPACE);
}

/// Asserts that the functions count `metric` with the dimension `Function`.
fn assert_counted(metric: &Value, function: &Value, place: &str) {
    let (metric, function) = (metric.as_str(), function.as_str());
    assert!(metric.is_some_and(|name| NAMES.contains(&name)), "{place}: {metric:?}");
    assert!(
        function.is_some_and(|name| project::functions().iter().any(|known| known == name)),
        "{place}: {function:?}"
    );
}

#[test]
fn every_alarm_watches_what_is_counted_and_tells_someone() {
    let mut own = BTreeSet::new();
    let mut watched = 0;
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        assert_eq!(
            alarm["AlarmActions"],
            json!([
                ["HasAlarmEmail", "AlarmTopic", "AWS::NoValue"],
                ["HasAlarmTopic", "AlarmTopicArn", "AWS::NoValue"],
            ]),
            "{name}"
        );
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        let queries = alarm["Metrics"].as_array().cloned().unwrap_or_default();
        let metrics = queries.iter().filter_map(|query| query["MetricStat"].get("Metric"));
        for metric in metrics.chain([alarm]) {
            let Some(namespace) = metric["Namespace"].as_str() else { continue };
            watched += 1;
            if metric["MetricName"] == THROTTLES {
                assert_eq!((namespace, metric.get("Dimensions")), (NAMESPACE, None), "{name}");
                continue;
            }
            let [dimension] = metric["Dimensions"].as_array().expect("dimensions").as_slice()
            else {
                panic!("{name} has one dimension");
            };
            if namespace.starts_with("AWS/") {
                continue;
            }
            assert_eq!(namespace, NAMESPACE, "{name}");
            assert_eq!(dimension["Name"], "Function", "{name}");
            assert_counted(&metric["MetricName"], &dimension["Value"], &name);
            own.insert((metric["MetricName"].to_string(), dimension["Value"].to_string()));
        }
    }
    assert_eq!(own.len(), 2 * project::functions().len(), "{own:?}");
    // Every metric is billed.
    let told = format!("| alarms: {watched} metrics at 0.10 |");
    let page = project::text("docs/costs.md");
    assert!(page.contains(&told), "docs/costs.md does not say {told}");
}

/// The dashboard, with the names of resources in place of their values.
fn dashboard() -> Value {
    let dashboard = &resources("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"];
    let body = dashboard["DashboardBody"].as_str().expect("a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("the dashboard's body: {error}"))
}

#[test]
fn the_dashboard_shows_every_metric_and_none_that_is_not_counted() {
    let dashboard = dashboard();
    let mut shown = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().expect("widgets") {
        let widget = &widget["properties"];
        let title = widget["title"].as_str().unwrap_or("the text");
        for metric in widget["metrics"].as_array().into_iter().flatten() {
            let metric = metric.as_array().expect("a metric");
            if let Some(expression) = metric[0]["expression"].as_str() {
                let search = format!("SEARCH('{{\"{NAMESPACE}\",Function,Reason}} MetricName=");
                assert!(expression.starts_with(&search), "{title}: {expression}");
                assert!(expression.contains("MetricName=\"Refused\"'"), "{title}: {expression}");
                shown.insert("Refused".to_owned());
            } else if metric[0] == NAMESPACE && metric[1] == THROTTLES {
                assert!(metric[2].is_object(), "{title}: {THROTTLES} has no dimension");
            } else if metric[0] == NAMESPACE {
                assert_eq!(metric[2], "Function", "{title}");
                assert_counted(&metric[1], &metric[3], title);
                shown.insert(metric[1].as_str().expect("a name").to_owned());
            } else {
                let namespace = metric[0].as_str().expect("a namespace");
                assert!(["AWS/ApiGateway", "AWS/DynamoDB", "AWS/Lambda"].contains(&namespace));
            }
        }
    }
    assert!(shown.iter().map(String::as_str).eq(NAMES.iter().copied().collect::<BTreeSet<_>>()));
}

#[test]
fn the_dashboard_refers_to_what_there_is_and_shows_every_alarm() {
    let resources_all = project::yaml("template.yaml")["Resources"].clone();
    let body = dashboard().to_string();
    let mut alarms = BTreeSet::new();
    for reference in body.split("${").skip(1) {
        let name = reference.split('}').next().expect("a name");
        let resource = name.split('.').next().expect("a name");
        assert!(name.starts_with("AWS::") || resources_all.get(resource).is_some(), "{name}");
        if resources_all[resource]["Type"] == "AWS::CloudWatch::Alarm" {
            alarms.insert(resource.to_owned());
        }
    }
    assert!(alarms.iter().eq(resources("AWS::CloudWatch::Alarm").keys()));
}

#[test]
fn no_two_widgets_overlap() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().expect("widgets") {
        let number = |name: &str| widget[name].as_u64().expect("a number");
        assert!(number("x") + number("width") <= 24, "{widget}");
        for x in number("x")..number("x") + number("width") {
            for y in number("y")..number("y") + number("height") {
                assert!(taken.insert((x, y)), "{widget}");
            }
        }
    }
}
