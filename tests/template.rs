//! The template matches the code: the table, the permissions of each function, and the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{KeySchemaElement, TimeToLiveStatus};
use latchkey::service::REQUEST_TIMEOUT;
use latchkey_testkit::permissions::statements;
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

fn key_schema(keys: &[KeySchemaElement]) -> Value {
    keys.iter()
        .map(|key| json!({ "AttributeName": key.attribute_name, "KeyType": key.key_type.as_str() }))
        .collect()
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
    let indexes = described.global_secondary_indexes().iter().map(|index| {
        let projection = index.projection.as_ref().and_then(|it| it.projection_type.clone());
        json!({
            "IndexName": index.index_name,
            "KeySchema": key_schema(index.key_schema()),
            "Projection": { "ProjectionType": projection.map(|it| it.as_str().to_owned()) },
        })
    });
    let billing = described.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert!(described.local_secondary_indexes().is_empty());
    json!({
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": key_schema(described.key_schema()),
        "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
        "BillingMode": billing.map(|mode| mode.as_str().to_owned()),
        "TimeToLiveSpecification": {
            "AttributeName": ttl.attribute_name,
            "Enabled": ttl.time_to_live_status == Some(TimeToLiveStatus::Enabled),
        },
    })
}

#[tokio::test]
async fn the_local_table_is_the_templates_attribute_by_attribute() {
    let mut deployed = resources("AWS::DynamoDB::Table")["Table"]["Properties"].clone();
    let properties = deployed.as_object_mut().expect("properties");
    // Settings that protect the data in AWS and mean nothing to an embedded database.
    for guard in [
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        // `cargo dev` turns it on itself; tests need none.
        "StreamSpecification",
    ] {
        assert!(properties.remove(guard).is_some(), "the template's table has no {guard}");
    }
    assert_eq!(local_table().await, deployed);
}

/// An `Fn::If`, without its tag.
pub(crate) fn either(
    condition: &str,
    then: impl Into<Value>,
    otherwise: impl Into<Value>,
) -> Value {
    json!([condition, then.into(), otherwise.into()])
}

/// `value` if the condition holds, and otherwise nothing.
pub(crate) fn only_if(condition: &str, value: impl Into<Value>) -> Value {
    either(condition, value, "AWS::NoValue")
}

pub(crate) fn condition(name: &str) -> Value {
    project::yaml("template.yaml")["Conditions"][name].clone()
}

#[test]
fn the_table_outlives_the_stack_by_default_and_is_guarded() {
    let parameters = project::yaml("template.yaml")["Parameters"].clone();
    assert_eq!(parameters["TableDeletionPolicy"]["Default"], "Retain");
    let table = &resources("AWS::DynamoDB::Table")["Table"];
    let policy = either("RetainsTable", "Retain", "Delete");
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&policy, &policy));
    assert_eq!(condition("RetainsTable"), json!(["TableDeletionPolicy", "Retain"]));
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], either("RetainsTable", true, false));
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    let recovery = &properties["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn the_tables_cost_can_be_bounded() {
    let table = &resources("AWS::DynamoDB::Table")["Table"]["Properties"];
    let maxima = json!({
        "MaxReadRequestUnits": only_if("HasReadMaximum", "TableMaxReadUnits"),
        "MaxWriteRequestUnits": only_if("HasWriteMaximum", "TableMaxWriteUnits"),
    });
    assert_eq!(table["OnDemandThroughput"], only_if("HasMaximum", maxima));
    assert_eq!(condition("HasMaximum"), json!(["HasReadMaximum", "HasWriteMaximum"]));
}

/// The table's name: the new one's, or the existing one's.
fn table_name() -> Value {
    either("CreatesTable", "Table", "ExistingTableName")
}

fn table_arn() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}";
    either("CreatesTable", "Table.Arn", existing)
}

#[test]
fn an_existing_table_takes_the_place_of_a_new_one_everywhere() {
    let template = project::yaml("template.yaml");
    assert_eq!(condition("CreatesTable"), json!(["ExistingTableName", ""]));
    let table = &template["Resources"]["Table"];
    assert_eq!(table["Condition"], "CreatesTable");
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["LATCHKEY_TABLE"], table_name());
    assert_eq!(template["Outputs"]["TableName"]["Value"], table_name());
    assert_eq!(template["Outputs"]["TableArn"]["Value"], table_arn());
    let monitored = &template["Resources"]["MonitoringStack"]["Properties"]["Parameters"];
    assert_eq!(monitored["Table"], table_name());
    // Nothing refers to the new table without a condition.
    let mut without = template.clone();
    without["Resources"].as_object_mut().expect("resources").remove("Table");
    assert_no_reference(&without, &["Table", "Table.Arn"]);
}

/// Asserts that no text in `value` is one of `names`, except where [`table_name`] and [`table_arn`] have it.
fn assert_no_reference(value: &Value, names: &[&str]) {
    if *value == table_name() || *value == table_arn() {
        return;
    }
    match value {
        _ if *value == stream_arns() || *value == index_arn() => {}
        Value::String(text) => {
            assert!(!names.contains(&text.as_str()), "{text} without a condition");
            assert!(!text.contains("${Table"), "{text}");
        }
        // The console's groups have a list with the title Table.
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "Metadata")
            .for_each(|(_, value)| assert_no_reference(value, names)),
        Value::Array(values) => values.iter().for_each(|value| assert_no_reference(value, names)),
        _ => {}
    }
}

/// The name of a statement, including one inside `Fn::If`.
fn sid(statement: &Value) -> &str {
    let statement = statement.get(1).unwrap_or(statement);
    statement["Sid"].as_str().expect("a name")
}

#[test]
fn every_function_may_do_exactly_this_with_this_table_and_its_own_logs() {
    let change = [
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    ];
    let only = |attributes: &[&str]| {
        json!({
            "ForAllValues:StringEquals": { "dynamodb:Attributes": attributes },
            "Null": { "dynamodb:Attributes": "false" },
        })
    };
    let within = |partitions: &[&str]| {
        json!({
            "Null": { "dynamodb:LeadingKeys": "false" },
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": partitions },
        })
    };
    let functions = resources("AWS::Serverless::Function");
    let names = project::functions();
    assert_eq!(functions.len(), names.len());
    for name in names {
        let function = project::resource(&name, "");
        let role = format!("{function}Role");
        let properties = &functions[&format!("{function}Function")]["Properties"];
        assert_eq!(properties["Role"], format!("{role}.Arn"));
        assert_eq!(properties["LoggingConfig"]["LogGroup"], format!("{function}LogGroup"));
        assert_eq!(properties.get("Policies"), None);
        let statements = statements(&role).into_iter();
        let mut statements: BTreeMap<String, Value> =
            statements.map(|one| (sid(&one).to_owned(), one)).collect();
        for (sid, condition) in match name.as_str() {
            "chaser" => &[
                ("Replay", "HasWebhooks"),
                ("Secret", "HasWebhooks"),
                ("SecretKey", "HasExistingWebhookSecret"),
            ][..],
            "webhooks" => &[("SecretKey", "HasExistingWebhookSecret")],
            _ => &[],
        } {
            let statement = statements.get_mut(*sid).expect(sid);
            let within = statement[1].clone();
            assert_eq!(*statement, only_if(condition, within.clone()), "{sid}");
            *statement = within;
        }
        let mut expect =
            |sid: &str, actions: &[&str], resource: Value, condition: Option<Value>| {
                let statement =
                    statements.remove(sid).unwrap_or_else(|| panic!("{function}: {sid}"));
                assert_eq!(statement["Effect"], "Allow", "{function}: {sid}");
                assert_eq!(texts(&statement["Action"]), actions.iter().copied().collect());
                assert_eq!(statement["Resource"], resource, "{function}: {sid}");
                assert_eq!(statement.get("Condition"), condition.as_ref(), "{function}: {sid}");
            };
        let own = matches!(name.as_str(), "events" | "webhooks");
        if own {
            expect("Stream", &STREAM, stream_arns(), None);
            let queue = format!("{function}DeadLetters.Arn");
            expect("GiveUp", &["sqs:SendMessage"], queue.into(), None);
        }
        if name == "events" {
            let bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBus}";
            expect("Publish", &["events:PutEvents"], bus.into(), None);
        } else if !own {
            expect("Read", &["dynamodb:BatchGetItem", "dynamodb:GetItem"], table_arn(), None);
        }
        let update = ["dynamodb:UpdateItem"];
        let last_use = ["pk", "sk", "last_used_at"];
        let revocation = [
            "pk",
            "sk",
            "audit_head",
            "ended",
            "expires_at",
            "last_used_at",
            "live_keys",
            "revision",
            "revoked_at",
            "scopes",
            "ttl",
            "updated_at",
        ];
        let account = ["description", "disabled", "name", "organization"];
        match name.as_str() {
            "authorizer" => expect("RecordUse", &update, table_arn(), Some(only(&last_use))),
            "events" => {}
            "warnings" => {
                expect("Find", &["dynamodb:Query"], index_arn(), None);
                expect("Walk", &["dynamodb:Scan"], table_arn(), None);
                let announced = [
                    "pk",
                    "sk",
                    "audit_head",
                    "last_used_at",
                    "review",
                    "review_at",
                    "unused_warned",
                    "updated_at",
                ];
                expect("Announce", &update, table_arn(), Some(only(&announced)));
                expect("Record", &["dynamodb:PutItem"], table_arn(), Some(of_trail()));
                let progress = json!({
                    "Null": {"dynamodb:LeadingKeys": "false"},
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["WARNINGS"]},
                });
                expect("Remember", &["dynamodb:PutItem"], table_arn(), Some(progress));
            }
            "webhooks" => {
                let deliver = [
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ];
                expect("Deliver", &deliver, table_arn(), Some(within(&["WEBHOOKS#*"])));
                // Only for the event of a webhook that it disables.
                expect("Head", &["dynamodb:GetItem"], table_arn(), Some(within(&["ORG#*"])));
                let mut head = within(&["ORG#*"]);
                head["Null"]["dynamodb:Attributes"] = "false".into();
                let moved =
                    json!({ "dynamodb:Attributes": ["pk", "sk", "audit_head", "deleting"] });
                head["ForAllValues:StringEquals"] = moved;
                expect("MoveHead", &update, table_arn(), Some(head));
                let put = ["dynamodb:PutItem"];
                expect("Record", &put, table_arn(), Some(within(&["AUDIT#*"])));
                let secret = ["secretsmanager:GetSecretValue"];
                expect("Secret", &secret, webhook_secret(), None);
                let schedules = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${WebhookSchedules}/*";
                expect("Schedule", &["scheduler:CreateSchedule"], schedules.into(), None);
                let passed = json!({
                    "StringEquals": { "iam:PassedToService": "scheduler.amazonaws.com" },
                });
                let role = "WebhookScheduleRole.Arn";
                expect("PassRole", &["iam:PassRole"], role.into(), Some(passed));
            }
            "oauth" => {
                let mut updated = only(&revocation);
                let attributes = &mut updated["ForAllValues:StringEquals"]["dynamodb:Attributes"];
                let more: Vec<&str> = revocation.iter().chain(&account).copied().collect();
                *attributes = either("DisablesLeaked", more, attributes.take());
                expect("Revoke", &update, table_arn(), Some(updated));
                expect("Record", &["dynamodb:PutItem"], table_arn(), Some(of_trail()));
            }
            "chaser" => {
                expect("Change", &change, table_arn(), None);
                let check = ["dynamodb:ConditionCheckItem"];
                expect("Replay", &check, table_arn(), Some(within(&["WEBHOOKS#*"])));
                let secret = ["secretsmanager:GetSecretValue"];
                expect("Secret", &secret, webhook_secret(), None);
            }
            _ => expect("Change", &change, table_arn(), None),
        }
        let logs = match name.as_str() {
            "events" | "warnings" | "webhooks" => json!(format!("{function}LogGroup.Arn")),
            _ => json!([format!("{function}LogGroup"), "Arn"]),
        };
        expect("Logs", &["logs:CreateLogStream", "logs:PutLogEvents"], logs, None);
        let of_this_table = json!({
            "StringEquals": {
                "kms:ViaService": "dynamodb.${AWS::Region}.amazonaws.com",
                "kms:EncryptionContext:aws:dynamodb:tableName": table_name(),
                "kms:EncryptionContext:aws:dynamodb:subscriberId": "AWS::AccountId",
            },
        });
        let keys = "arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*";
        expect("TableKey", &["kms:Decrypt"], keys.into(), Some(of_this_table));
        if matches!(name.as_str(), "chaser" | "webhooks") {
            let of_the_secret = json!({
                "StringEquals": {
                    "kms:ViaService": "secretsmanager.${AWS::Region}.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": "ExistingWebhookSecretArn",
                },
            });
            expect("SecretKey", &["kms:Decrypt"], keys.into(), Some(of_the_secret));
        }
        // Whoever serves requests can add events, and never update or delete one.
        if !own {
            let kept = statements.remove("KeepEvents");
            let denied = json!({
                "Sid": "KeepEvents",
                "Effect": "Deny",
                "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"],
                "Resource": "*",
                "Condition": {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUDIT", "AUDIT#*"]}},
            });
            assert_eq!(kept, Some(denied), "{name} may change events");
        }
        let traces = json!({
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        });
        assert_eq!(statements.remove("Traces"), Some(only_if("IsTraced", traces)), "{function}");
        assert!(statements.is_empty(), "{function} may do more: {statements:#?}");
    }
}

/// The secret from which the signing secrets of webhooks derive.
pub(crate) fn webhook_secret() -> Value {
    either("CreatesWebhookSecret", "WebhookSecret", "ExistingWebhookSecretArn")
}

/// The condition on a put that it is of an event.
fn of_trail() -> Value {
    json!({
        "Null": {"dynamodb:LeadingKeys": "false"},
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["AUDIT", "AUDIT#*"]},
    })
}

/// What Lambda needs to read a stream.
const STREAM: [&str; 4] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
];

fn stream_arns() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}/stream/*";
    either("CreatesTable", "${Table.Arn}/stream/*", existing)
}

fn index_arn() -> Value {
    let existing = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ExistingTableName}/index/reviews";
    either("CreatesTable", "${Table.Arn}/index/reviews", existing)
}

#[test]
fn every_role_has_the_path_and_the_boundary() {
    let roles = resources("AWS::IAM::Role");
    // A function each, CodeDeploy, and the schedules of warnings and of webhooks.
    assert_eq!(roles.len(), project::functions().len() + 3);
    for (name, role) in roles {
        let role = &role["Properties"];
        assert_eq!(role["Path"], "RolePath", "{name}");
        let boundary = only_if("HasPermissionsBoundary", "PermissionsBoundaryArn");
        assert_eq!(role["PermissionsBoundary"], boundary, "{name}");
    }
    // A function waits for its role, but not for a policy that names the role.
    assert!(resources("AWS::IAM::Policy").is_empty());
    for (name, policy) in resources("AWS::IAM::ManagedPolicy") {
        assert_eq!(policy["Properties"]["Path"], "RolePath", "{name}");
    }
}

/// And those of the accounts that `AuthorizerAccounts` names.
#[test]
fn only_authorizers_of_this_account_may_ask_ours() {
    let permissions = resources("AWS::Lambda::Permission");
    let of_this_account =
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*/authorizers/*";
    let of_another =
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:AuthorizerAccounts:*/authorizers/*";
    let graphql = "arn:${AWS::Partition}:appsync:${AWS::Region}:${AWS::AccountId}:apis/*";
    let expected = [
        ("AppSyncPermission", "appsync.amazonaws.com", graphql),
        ("AuthorizerPermission", "apigateway.amazonaws.com", of_this_account),
        ("AuthorizerPermissionOfAuthorizerAccounts", "apigateway.amazonaws.com", of_another),
    ];
    assert!(permissions.keys().eq(expected.map(|(name, ..)| name)));
    for (name, principal, source) in expected {
        let expected = json!({
            "FunctionName": "AuthorizerFunction.Alias",
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
            "SourceArn": source,
        });
        assert_eq!(permissions[name]["Properties"], expected, "{name}");
    }
    let others = &permissions["AuthorizerPermissionOfAuthorizerAccounts"];
    assert_eq!(others["Condition"], "HasAuthorizerAccounts");
}

#[test]
fn apis_and_other_stacks_call_the_alias() {
    let template = project::yaml("template.yaml");
    let globals = &template["Globals"]["Function"];
    assert_eq!(globals["AutoPublishAlias"], "live");
    for name in project::functions() {
        let function = project::resource(&name, "Function");
        let output = &template["Outputs"][format!("{function}Arn")];
        assert_eq!(output["Value"], format!("{function}.Alias"));
    }
    let parameter = &resources("AWS::SSM::Parameter")["AuthorizerFunctionArn"]["Properties"];
    let expected = json!({
        "Name": "/${AWS::StackName}/authorizer-function-arn",
        "Type": "String",
        "Value": "AuthorizerFunction.Alias",
    });
    assert_eq!(*parameter, expected);
}

/// SAM derives the version from a function's own properties, and not from the values of parameters in `Globals`.
#[test]
fn every_setting_that_functions_share_publishes_versions() {
    let template = project::yaml("template.yaml");
    let mut shared = BTreeSet::new();
    let globals = &template["Globals"]["Function"];
    for place in [
        &globals["Environment"]["Variables"],
        &globals["MemorySize"],
        &globals["Tracing"],
        &globals["LoggingConfig"],
    ] {
        collect_parameters(place, &template["Parameters"], &mut shared);
    }
    for (name, function) in resources("AWS::Serverless::Function") {
        let shows = &function["Properties"]["Environment"]["Variables"]["LATCHKEY_PUBLISHED_WITH"];
        assert_eq!(texts(&shows[1]), shared.iter().map(String::as_str).collect(), "{name}");
    }
}

fn collect_parameters(value: &Value, parameters: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if parameters.get(text).is_some() => {
            found.insert(text.clone());
        }
        Value::Array(values) => {
            values.iter().for_each(|value| collect_parameters(value, parameters, found));
        }
        Value::Object(fields) => {
            fields.values().for_each(|value| collect_parameters(value, parameters, found));
        }
        _ => {}
    }
}

#[test]
fn a_failed_invocation_brakes_a_gradual_deployment() {
    let globals = &project::yaml("template.yaml")["Globals"]["Function"]["DeploymentPreference"];
    let gradual = json!(["Deployments", "DeploymentPreference", "Gradual"]);
    assert_eq!(globals["Enabled"], gradual);
    assert_eq!(globals["Type"], "DeploymentPreference");
    assert_eq!(globals["Role"], "DeploymentRole.Arn");
    let alarms = resources("AWS::CloudWatch::Alarm");
    let mut functions = resources("AWS::Serverless::Function");
    // Their events, warnings, and deliveries wait for a version that works.
    for name in ["EventsFunction", "WarningsFunction", "WebhooksFunction"] {
        let waiting = functions.remove(name).expect("a function");
        assert_eq!(waiting["Properties"]["DeploymentPreference"], json!({ "Enabled": false }));
    }
    for (name, function) in functions {
        let brake = name.replace("Function", "Brake");
        let preference = &function["Properties"]["DeploymentPreference"];
        assert_eq!(*preference, json!({ "Alarms": [brake] }));
        let alarm = &alarms[&brake];
        assert_eq!(alarm["Condition"], "IsGradual");
        let alarm = &alarm["Properties"];
        assert_eq!(alarm["MetricName"], "Errors");
        assert_eq!(alarm["Dimensions"][0]["Value"], name);
        // The shortest deployment takes 5 minutes.
        assert_eq!((&alarm["Period"], &alarm["Threshold"]), (&json!(60), &json!(1)));
    }
}

#[test]
fn concurrency_is_reserved_for_the_authorizer_and_for_webhooks_by_themselves() {
    let shared = &project::yaml("template.yaml")["Globals"]["Function"];
    let functions = resources("AWS::Serverless::Function");
    let reserved = "ReservedConcurrentExecutions";
    assert_eq!(shared[reserved], only_if("HasReservedConcurrency", "ReservedConcurrency"));
    for (name, function) in &functions {
        let function = &function["Properties"];
        if name == "AuthorizerFunction" {
            let own = only_if("HasAuthorizerReservedConcurrency", "AuthorizerReservedConcurrency");
            assert_eq!(function[reserved], own);
            let provisioned =
                json!({ "ProvisionedConcurrentExecutions": "AuthorizerProvisionedConcurrency" });
            let provisioned = only_if("HasAuthorizerProvisionedConcurrency", provisioned);
            assert_eq!(function["ProvisionedConcurrencyConfig"], provisioned);
            continue;
        }
        if name == "WebhooksFunction" {
            let own = only_if("HasWebhooksReservedConcurrency", "WebhooksReservedConcurrency");
            assert_eq!(function[reserved], own);
        } else {
            assert_eq!(function.get(reserved), None, "{name}");
        }
        assert_eq!(function.get("ProvisionedConcurrencyConfig"), None, "{name}");
    }
}

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
