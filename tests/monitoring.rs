//! The templates monitor what the code counts: logs, metrics, alarms, queries, and the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use latchkey_http::metrics::NAMES;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

/// The functions' namespace, as the nested stack names it.
const NAMESPACE: &str = "Latchkey/${Stack}";

/// What the template itself counts, in the API's access log.
const THROTTLES: &str = "ApiThrottles";

#[test]
fn every_log_group_forgets() {
    let groups = resources("AWS::Logs::LogGroup");
    assert_eq!(groups.len(), project::functions().len() + 1);
    for (name, group) in groups {
        // The lines of the functions that change keys say who changed what.
        let days = match name.as_str() {
            "ApiLogGroup" | "AuthorizerLogGroup" => "LogRetentionDays",
            _ => "ChangeLogRetentionDays",
        };
        let group_properties = &group["Properties"];
        assert_eq!(group_properties["RetentionInDays"], days, "{name}");
        let key = json!(["HasLogKmsKey", "LogKmsKeyArn", "AWS::NoValue"]);
        assert_eq!(group_properties["KmsKeyId"], key, "{name}");
        assert_eq!(group["DeletionPolicy"], "Delete", "{name}");
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
    let template = project::yaml("template.yaml");
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["LATCHKEY_METRICS_NAMESPACE"], "Latchkey/${AWS::StackName}");
    let monitoring = &template["Resources"]["MonitoringStack"]["Properties"];
    assert_eq!(monitoring["TemplateURL"], "monitoring.yaml");
    assert_eq!(monitoring["Parameters"]["Stack"], "AWS::StackName");
}

#[test]
fn the_nested_stack_gets_exactly_its_parameters() {
    let given = resources("AWS::CloudFormation::Stack")["MonitoringStack"]["Properties"].clone();
    let given = given["Parameters"].as_object().expect("parameters");
    let taken = project::yaml("monitoring.yaml")["Parameters"].clone();
    let taken = taken.as_object().expect("parameters");
    assert!(given.keys().collect::<BTreeSet<_>>() == taken.keys().collect());
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

/// The alarms that tell someone; the others brake deployments.
fn alarms() -> BTreeMap<String, Value> {
    let mut alarms = resources("AWS::CloudWatch::Alarm");
    alarms.retain(|name, _| !name.ends_with("Brake"));
    alarms
}

#[test]
fn every_alarm_watches_what_is_counted_and_tells_someone() {
    let mut own = BTreeSet::new();
    let mut of_functions = BTreeSet::new();
    let alarms = alarms();
    for (name, alarm) in &alarms {
        let alarm = &alarm["Properties"];
        let told = json!([
            ["HasAlarmEmail", "AlarmTopic", "AWS::NoValue"],
            ["HasAlarmTopic", "AlarmTopicArn", "AWS::NoValue"],
        ]);
        assert_eq!(alarm["AlarmActions"], told, "{name}");
        assert_eq!(alarm["OKActions"], told, "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        let (namespace, metric) = (&alarm["Namespace"], &alarm["MetricName"]);
        if metric == THROTTLES || metric == "ClaimedAccountConcurrency" {
            assert_eq!(alarm.get("Dimensions"), None, "{name}");
            continue;
        }
        let [dimension] = alarm["Dimensions"].as_array().expect("dimensions").as_slice() else {
            panic!("{name} has one dimension");
        };
        if namespace == "AWS/Lambda" && metric != "Duration" {
            let function = dimension["Value"].as_str().expect("a function");
            assert_eq!(
                *name,
                format!("{}{metric}Alarm", function.replace("Function", "")).replace('"', "")
            );
            of_functions.insert((metric.to_string(), function.to_owned()));
        } else if namespace == NAMESPACE {
            assert_eq!(dimension["Name"], "Function", "{name}");
            assert_counted(metric, &dimension["Value"], name);
            own.insert((metric.to_string(), dimension["Value"].to_string()));
        }
    }
    // Errors and throttles of each, and the age of the stream's records; failures of the store and of last uses, and
    // rejected keys.
    let functions = project::functions();
    assert_eq!(of_functions.len(), 2 * functions.len() + 2, "{of_functions:?}");
    // The others accept no keys.
    let with_keys: Vec<String> = functions
        .into_iter()
        .filter(|name| !["events", "warnings", "webhooks"].contains(&name.as_str()))
        .collect();
    assert_eq!(own.len(), 3 * with_keys.len(), "{own:?}");
    for function in with_keys {
        let refused = &alarms[&project::resource(&function, "RefusedAlarm")]["Properties"];
        assert_eq!(refused["Threshold"], "RefusedAlarmThreshold");
        assert_eq!(refused["Dimensions"][0]["Value"], function);
    }
    // Every metric is billed.
    let with =
        |condition: &str| alarms.values().filter(|alarm| alarm["Condition"] == condition).count();
    let of_events = with("HasEvents");
    let (of_warnings, of_webhooks) = (with("HasWarnings"), with("HasWebhooks"));
    let page = project::text("docs/costs.md");
    for told in [
        format!(
            "| alarms: {} metrics at 0.10 |",
            alarms.len() - of_events - of_warnings - of_webhooks
        ),
        format!("An `EventBus` adds {of_events} alarms"),
        format!("Warnings add {of_warnings} alarms"),
        format!("`Webhooks` add {of_webhooks} alarms"),
    ] {
        assert!(page.contains(&told), "docs/costs.md does not say {told}");
    }
}

#[test]
fn throttles_of_the_table_and_a_busy_account_set_off_alarms() {
    let alarms = alarms();
    for kind in ["Read", "Write"] {
        let alarm = &alarms[&format!("Table{kind}ThrottlesAlarm")]["Properties"];
        assert_eq!(alarm["MetricName"], format!("{kind}ThrottleEvents"));
        assert_eq!(alarm["Dimensions"][0]["Value"], "Table");
    }
    let alarm = &alarms["AccountConcurrencyAlarm"]["Properties"];
    assert_eq!(alarm["Threshold"], "ConcurrencyAlarmThreshold");
}

#[test]
fn records_that_wait_or_are_given_up_set_off_alarms() {
    let alarms = alarms();
    for name in ["Events", "Webhooks"] {
        let (condition, function) = (format!("Has{name}"), format!("{name}Function"));
        let watched = |alarm: &str| {
            let alarm = &alarms[&format!("{name}{alarm}Alarm")];
            assert_eq!(alarm["Condition"], condition, "{name}");
            let alarm = &alarm["Properties"];
            (alarm["MetricName"].clone(), alarm["Dimensions"][0]["Value"].clone())
        };
        assert_eq!(watched("IteratorAge"), ("IteratorAge".into(), function.clone().into()));
        let visible = "ApproximateNumberOfMessagesVisible";
        let queue = format!("{name}DeadLetters");
        assert_eq!(watched("DeadLetters"), (visible.into(), queue.clone().into()));
        let given =
            &resources("AWS::CloudFormation::Stack")["MonitoringStack"]["Properties"]["Parameters"];
        assert_eq!(given[&function], json!([condition, function, "none"]));
        assert_eq!(given[&queue], json!([condition, format!("{queue}.QueueName"), "none"]));
    }
}

#[test]
fn a_schedule_that_cannot_invoke_the_function_sets_off_an_alarm() {
    let alarm = &alarms()["WarningsScheduleAlarm"];
    assert_eq!(alarm["Condition"], "HasWarnings");
    let alarm = &alarm["Properties"];
    assert_eq!(
        (&alarm["Namespace"], &alarm["MetricName"]),
        (&json!("AWS/Scheduler"), &json!("InvocationDroppedCount"))
    );
    let group = json!([{ "Name": "ScheduleGroup", "Value": "WarningsScheduleGroup" }]);
    assert_eq!(alarm["Dimensions"], group);
}

#[test]
fn cloudwatch_may_use_the_key_of_the_topic() {
    let topic = &resources("AWS::SNS::Topic")["AlarmTopic"]["Properties"];
    assert_eq!(topic["KmsMasterKeyId"], json!(["IsEncrypted", "AlarmKey", "AWS::NoValue"]));
    let key = &resources("AWS::KMS::Key")["AlarmKey"];
    assert_eq!(key["Condition"], "IsEncrypted");
    let statements = key["Properties"]["KeyPolicy"]["Statement"].as_array().expect("statements");
    let expected = json!({
        "Sid": "Publish",
        "Effect": "Allow",
        "Principal": { "Service": "cloudwatch.amazonaws.com" },
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": { "StringEquals": { "aws:SourceAccount": "AWS::AccountId" } },
    });
    assert_eq!(statements[1..], [expected]);
}

#[test]
fn queries_are_of_log_groups_that_there_are() {
    let groups = resources("AWS::Logs::LogGroup").into_values();
    let mut names: BTreeSet<String> = groups
        .map(|group| group["Properties"]["LogGroupName"].as_str().expect("a name").to_owned())
        .map(|name| name.replace("${AWS::StackName}", "${Stack}"))
        .collect();
    names.insert("ApiLogGroup".to_owned());
    let queries = resources("AWS::Logs::QueryDefinition");
    assert_eq!(queries.len(), 4);
    for (name, query) in queries {
        for group in query["Properties"]["LogGroupNames"].as_array().expect("log groups") {
            assert!(names.contains(group.as_str().expect("a name")), "{name}: {group}");
        }
    }
}

#[test]
fn queries_ask_for_what_a_request_records() {
    let recorded = project::text("shared/http/src/serve.rs");
    let mut asked = BTreeSet::new();
    for query in resources("AWS::Logs::QueryDefinition").into_values() {
        let query = query["Properties"]["QueryString"].as_str().expect("a query").to_owned();
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
        asked.extend(words.filter_map(|word| word.strip_prefix("span.")).map(str::to_owned));
    }
    assert!(asked.contains("caller.key.id"), "{asked:?}");
    for field in asked.iter().filter(|field| *field != "id") {
        assert!(recorded.contains(&format!("{field} = Empty")), "no span has {field}");
    }
}

/// The dashboard, with the names of resources in place of their values.
fn dashboard() -> Value {
    let dashboard = &resources("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"];
    let (body, parts) = (&dashboard["DashboardBody"][0], &dashboard["DashboardBody"][1]);
    let mut body = body.as_str().expect("a body").to_owned();
    for part in ["OfEvents", "OfWarnings", "OfWebhooks"] {
        let text = parts[part][1].as_str().expect("a part");
        body = body.replace(&format!("${{{part}}}"), text);
    }
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("the dashboard's body: {error}"))
}

/// The function's own metric that a search finds, if it is one.
fn searched(expression: &str, title: &str) -> Option<String> {
    let (schema, rest) = expression.split_once("} MetricName=\"").expect("a search");
    let (metric, rest) = rest.split_once('"').expect("a name");
    if schema == "SEARCH('{AWS/Lambda,FunctionName" {
        for function in project::functions() {
            let name = format!("${{{}}}", project::resource(&function, "Function"));
            assert!(rest.contains(&name), "{title} does not show {function}");
        }
        return None;
    }
    let dimension = match metric {
        "Refused" => ",Reason",
        "KeysExpiring" => ",Days",
        _ => "",
    };
    assert_eq!(schema, format!("SEARCH('{{\"{NAMESPACE}\",Function{dimension}"), "{title}");
    Some(metric.to_owned())
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
                shown.extend(searched(expression, title));
            } else if metric[0] == NAMESPACE && metric[1] == THROTTLES {
                assert!(metric[2].is_object(), "{title}: {THROTTLES} has no dimension");
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
    let alarms = alarms();
    let parameters = project::yaml("monitoring.yaml")["Parameters"].clone();
    let body = dashboard().to_string();
    let mut shown = BTreeSet::new();
    for reference in body.split("${").skip(1) {
        let name = reference.split('}').next().expect("a name");
        let alarm = name.strip_suffix(".Arn").filter(|alarm| alarms.contains_key(*alarm));
        assert!(
            name.starts_with("AWS::") || alarm.is_some() || parameters.get(name).is_some(),
            "{name}"
        );
        shown.extend(alarm.map(str::to_owned));
    }
    assert!(shown.iter().eq(alarms.keys()));
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
