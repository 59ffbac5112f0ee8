//! The template against the code: the table, what each function may do, and what is watched.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::TimeToLiveStatus;
use latchkey::metrics::NAMES;
use latchkey_local::{TestTable, project};
use serde_json::{Value, json};

const NAMESPACE: &str = "Latchkey/${AWS::StackName}";

const FUNCTIONS: [&str; 4] = ["lakesail", "chaser", "oauth", "authorizer"];

/// What the template itself counts, in the API's access log.
const THROTTLES: &str = "ApiThrottles";

/// The resources of a type, by their logical ids.
fn resources(r#type: &str) -> BTreeMap<String, Value> {
    let template = project::yaml("template.yaml");
    let all = template["Resources"].as_object().expect("resources").clone();
    all.into_iter().filter(|(_, resource)| resource["Type"] == r#type).collect()
}

/// The texts of a list, or the one text.
fn texts(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// The table of tests and of `cargo dev`, as the template would say it.
async fn local_table() -> Value {
    let table = TestTable::start().await;
    let client = &table.client;
    let described = client.describe_table().table_name(table.name()).send().await;
    let described = described.expect("a table").table.expect("a description");
    let ttl = client.describe_time_to_live().table_name(table.name()).send().await;
    let ttl = ttl.expect("a table").time_to_live_description.expect("a description");
    let attributes = described.attribute_definitions().iter().map(|attribute| {
        json!({
            "AttributeName": attribute.attribute_name,
            "AttributeType": attribute.attribute_type.as_str(),
        })
    });
    let keys = described.key_schema().iter().map(
        |key| json!({ "AttributeName": key.attribute_name, "KeyType": key.key_type.as_str() }),
    );
    let billing = described.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert!(described.global_secondary_indexes().is_empty());
    assert!(described.local_secondary_indexes().is_empty());
    json!({
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": keys.collect::<Vec<_>>(),
        "BillingMode": billing.map(|mode| mode.as_str().to_owned()),
        "TimeToLiveSpecification": {
            "AttributeName": ttl.attribute_name,
            "Enabled": ttl.time_to_live_status == Some(TimeToLiveStatus::Enabled),
        },
    })
}

#[tokio::test]
async fn the_local_table_is_the_templates_attribute_by_attribute() {
    let template = project::yaml("template.yaml");
    let mut deployed = template["Resources"]["Table"]["Properties"].clone();
    let properties = deployed.as_object_mut().expect("properties");
    // What guards the data in AWS and has no meaning for an embedded database.
    for guard in
        ["DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification"]
    {
        assert!(properties.remove(guard).is_some(), "the template's table has no {guard}");
    }
    assert_eq!(local_table().await, deployed);
}

#[test]
fn the_table_outlives_the_stack_and_is_guarded() {
    let template = project::yaml("template.yaml");
    let table = &template["Resources"]["Table"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    let recovery = &properties["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
}

/// The statements of a role, by their names.
fn statements(role: &str) -> BTreeMap<String, Value> {
    let role = &resources("AWS::IAM::Role")[role]["Properties"];
    assert_eq!(role.get("ManagedPolicyArns"), None);
    let policies = role["Policies"].as_array().expect("policies").iter();
    let statements = policies.flat_map(|policy| {
        policy["PolicyDocument"]["Statement"].as_array().cloned().expect("statements")
    });
    statements.map(|one| (sid(&one).to_owned(), one)).collect()
}

/// The name of a statement, also of one that is there for a choice only.
fn sid(statement: &Value) -> &str {
    let statement = statement.get(1).unwrap_or(statement);
    statement["Sid"].as_str().expect("a name")
}

#[test]
fn every_function_may_do_exactly_this_with_this_table_and_its_own_logs() {
    let dialect = [
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    ];
    let oauth = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"];
    let authorizer = ["dynamodb:BatchGetItem", "dynamodb:GetItem"];
    let store: [(&str, &[&str]); 4] = [
        ("Lakesail", &dialect),
        ("Chaser", &dialect),
        ("Oauth", &oauth),
        ("Authorizer", &authorizer),
    ];
    let functions = resources("AWS::Serverless::Function");
    assert_eq!(functions.len(), store.len());
    assert_eq!(resources("AWS::IAM::Role").len(), store.len());
    for (function, actions) in store {
        let properties = &functions[&format!("{function}Function")]["Properties"];
        assert_eq!(properties["Role"], format!("{function}Role.Arn"));
        assert_eq!(properties["LoggingConfig"]["LogGroup"], format!("{function}LogGroup"));
        assert_eq!(properties.get("Policies"), None);

        let mut statements = statements(&format!("{function}Role"));
        let mut expect = |sid: &str, actions: &[&str], resource: &str, condition: Option<Value>| {
            let statement = statements.remove(sid).unwrap_or_else(|| panic!("{function}: {sid}"));
            assert_eq!(statement["Effect"], "Allow", "{function}: {sid}");
            assert_eq!(texts(&statement["Action"]), actions.iter().copied().collect());
            assert_eq!(statement["Resource"], resource, "{function}: {sid}");
            assert_eq!(statement.get("Condition"), condition.as_ref(), "{function}: {sid}");
        };
        expect("KeyStore", actions, "Table.Arn", None);
        let logs = format!("{function}LogGroup.Arn");
        expect("Logs", &["logs:CreateLogStream", "logs:PutLogEvents"], &logs, None);
        if function == "Authorizer" {
            let only_last_uses = json!({
                "ForAllValues:StringEquals": {
                    "dynamodb:Attributes": ["pk", "sk", "last_used_at"],
                },
                "Null": { "dynamodb:Attributes": "false" },
            });
            expect("LastUsed", &["dynamodb:UpdateItem"], "Table.Arn", Some(only_last_uses));
        }
        let of_this_table = json!({
            "StringEquals": {
                "kms:ViaService": "dynamodb.${AWS::Region}.amazonaws.com",
                "kms:EncryptionContext:aws:dynamodb:tableName": "Table",
                "kms:EncryptionContext:aws:dynamodb:subscriberId": "AWS::AccountId",
            },
        });
        let keys = "arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*";
        expect("TableKey", &["kms:Decrypt"], keys, Some(of_this_table));
        let traces = json!([
            "IsTraced",
            {
                "Sid": "Traces",
                "Effect": "Allow",
                "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                "Resource": "*",
            },
            "AWS::NoValue",
        ]);
        assert_eq!(statements.remove("Traces"), Some(traces), "{function}");
        assert!(statements.is_empty(), "{function} may do more: {statements:#?}");
    }
    // A function waits for its role, and for no policy beside it.
    assert!(resources("AWS::IAM::Policy").is_empty());
    assert!(resources("AWS::IAM::ManagedPolicy").is_empty());
}

#[test]
fn only_authorizers_of_this_account_may_ask_ours() {
    let permissions = resources("AWS::Lambda::Permission");
    assert!(permissions.keys().eq(["AuthorizerPermission"]));
    let expected = json!({
        "FunctionName": "AuthorizerFunction",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn":
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*/authorizers/*",
    });
    assert_eq!(permissions["AuthorizerPermission"]["Properties"], expected);
}

#[test]
fn every_log_group_forgets() {
    let groups = resources("AWS::Logs::LogGroup");
    assert_eq!(groups.len(), FUNCTIONS.len() + 1);
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
    // A text, which the filter compares with a text.
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
    for (route, settings) in settings {
        assert!(routes.contains(route), "{route} is not in {routes:?}");
        let limits = json!({
            "ThrottlingRateLimit": "VerificationRateLimit",
            "ThrottlingBurstLimit": "VerificationBurstLimit",
        });
        assert_eq!(*settings, limits, "{route}");
    }
    // Whatever a proxy or a service asks on behalf of its own clients.
    let verifying = |route: &&String| route.contains(" /verify") || route.contains("/introspect");
    assert!(routes.iter().filter(verifying).eq(settings.keys().collect::<BTreeSet<_>>()));
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
    assert!(function.is_some_and(|name| FUNCTIONS.contains(&name)), "{place}: {function:?}");
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
    assert_eq!(own.len(), 2 * FUNCTIONS.len(), "{own:?}");
    // Each is billed.
    let told = format!("| alarms: {watched} metrics at 0.10 |");
    assert!(project::text("README.md").contains(&told), "the README says otherwise than {told}");
}

/// The dashboard as it is, with the names of resources in place of their values.
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
