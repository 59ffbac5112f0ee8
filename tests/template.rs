//! The template matches the code: the table, the permissions of each function, and the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::TimeToLiveStatus;
use latchkey::service::REQUEST_TIMEOUT;
use latchkey_testkit::project::resources;
use latchkey_testkit::{TestTable, project};
use serde_json::{Value, json};

/// The strings in a list, or the single string.
fn texts(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// The table of tests and of `cargo dev`, in the template's format.
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
    // Settings that protect the data in AWS and mean nothing to an embedded database.
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

/// The name of a statement, including one inside `Fn::If`.
fn sid(statement: &Value) -> &str {
    let statement = statement.get(1).unwrap_or(statement);
    statement["Sid"].as_str().expect("a name")
}

#[test]
fn every_function_may_do_exactly_this_with_this_table_and_its_own_logs() {
    let dialect = [
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    ];
    let oauth = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"];
    let authorizer = ["dynamodb:BatchGetItem", "dynamodb:GetItem"];
    let functions = resources("AWS::Serverless::Function");
    let names = project::functions();
    assert_eq!(functions.len(), names.len());
    assert_eq!(resources("AWS::IAM::Role").len(), names.len());
    for name in names {
        let actions = match name.as_str() {
            "oauth" => &oauth[..],
            "authorizer" => &authorizer,
            _ => &dialect,
        };
        let function = project::resource(&name, "");
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
    // A function waits for its role, but not for a separate policy.
    assert!(resources("AWS::IAM::Policy").is_empty());
    assert!(resources("AWS::IAM::ManagedPolicy").is_empty());
}

#[test]
fn only_authorizers_of_this_account_may_ask_ours() {
    let permissions = resources("AWS::Lambda::Permission");
    assert!(permissions.keys().eq(["AppSyncPermission", "AuthorizerPermission"]));
    let expected = json!({
        "FunctionName": "AuthorizerFunction",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn":
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*/authorizers/*",
    });
    assert_eq!(permissions["AuthorizerPermission"]["Properties"], expected);
    let expected = json!({
        "FunctionName": "AuthorizerFunction",
        "Action": "lambda:InvokeFunction",
        "Principal": "appsync.amazonaws.com",
        "SourceArn": "arn:${AWS::Partition}:appsync:${AWS::Region}:${AWS::AccountId}:apis/*",
    });
    assert_eq!(permissions["AppSyncPermission"]["Properties"], expected);
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
    let health = json!({ "ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20 });
    for (route, settings) in settings {
        assert!(routes.contains(route), "{route} is not in {routes:?}");
        let limits = json!({
            "ThrottlingRateLimit": "VerificationRateLimit",
            "ThrottlingBurstLimit": "VerificationBurstLimit",
        });
        let limits = if route == "GET /health" { &health } else { &limits };
        assert_eq!(settings, limits, "{route}");
    }
    // The routes that a proxy or a service calls on behalf of its own clients, and the one without a key that may
    // read the table.
    let own = |route: &&String| {
        route.contains(" /verify") || route.contains("/introspect") || route.ends_with(" /health")
    };
    assert!(routes.iter().filter(own).eq(settings.keys().collect::<BTreeSet<_>>()));
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
