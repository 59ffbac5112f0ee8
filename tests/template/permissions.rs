//! What each function may do, and who may call it.

use std::collections::BTreeMap;

use latchkey_testkit::permissions::statements;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use super::{either, index_arn, only_if, stream_arns, table_arn, table_name, texts};

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
                expect("Secret", &secret, webhook_secret("${ExistingWebhookSecretArn}"), None);
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
                expect("Secret", &secret, webhook_secret("${ExistingWebhookSecretArn}"), None);
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
pub(crate) fn webhook_secret(existing: &str) -> Value {
    either("CreatesWebhookSecret", "WebhookSecret.Id", existing)
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
