//! The part of the template that delivers to webhooks.

use std::time::Duration;

use latchkey::webhook::TIMEOUT;
use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use crate::template::{condition, either, only_if, webhook_secret};

#[test]
fn webhooks_exist_only_if_asked_for() {
    assert_eq!(condition("HasWebhooks"), json!(["Webhooks", "on"]));
    assert_eq!(condition("HasStream"), json!(["HasEvents", "HasWebhooks"]));
    let template = project::yaml("template.yaml");
    assert_eq!(template["Parameters"]["Webhooks"]["Default"], "off");
    let mut own = Vec::new();
    for section in ["Resources", "Outputs"] {
        for (name, part) in template[section].as_object().expect("a section") {
            if name.starts_with("Webhook") {
                let expected = match name.as_str() {
                    "WebhookSecret" | "WebhookSecretArn" => "CreatesWebhookSecret",
                    _ => "HasWebhooks",
                };
                assert_eq!(part["Condition"], expected, "{name}");
                own.push(name.clone());
            }
        }
    }
    assert_eq!(own.len(), 11, "{own:?}");
    // Nothing else names them without the condition, except the loop of log groups.
    for section in ["Resources", "Outputs"] {
        let rest = template[section].as_object().expect("a section").iter();
        for (name, part) in rest.filter(|(name, _)| !own.contains(name)) {
            // Has conditional statements; `template/permissions.rs` compares them.
            if name == "ChaserPolicy" {
                continue;
            }
            let text = part.to_string();
            for own in &own {
                let named = text.matches(&format!("\"{own}")).count();
                let condition = match own.as_str() {
                    "WebhookSecret" | "WebhookSecretArn" => "CreatesWebhookSecret",
                    _ => "HasWebhooks",
                };
                let conditional = text.matches(&format!("[\"{condition}\",\"{own}")).count();
                let parameter = text.matches(&format!("\"{own}\":[\"HasWebhooks\"")).count();
                assert_eq!(named, conditional + parameter, "{name} names {own}");
            }
        }
    }
}

#[test]
fn the_api_has_the_secret_and_its_paths_are_the_same_without_it() {
    let chaser = &resources("AWS::Serverless::Function")["ChaserFunction"]["Properties"];
    let secret = &chaser["Environment"]["Variables"]["LATCHKEY_WEBHOOK_SECRET"];
    let existing = only_if("HasWebhooks", "ExistingWebhookSecretArn");
    assert_eq!(*secret, either("CreatesWebhookSecret", "WebhookSecret.Id", existing));
    let webhooks = &resources("AWS::Serverless::Function")["WebhooksFunction"]["Properties"];
    let variables = &webhooks["Environment"]["Variables"];
    assert_eq!(variables["LATCHKEY_WEBHOOK_SECRET"], webhook_secret("ExistingWebhookSecretArn"));
    let events = chaser["Events"].as_object().expect("events").values();
    let paths = events.filter_map(|event| event["Properties"]["Path"].as_str());
    assert_eq!(paths.filter(|path| path.starts_with("/v1/webhooks")).count(), 7);
}

#[test]
fn the_function_follows_events_and_new_deliveries() {
    let mapping = &resources("AWS::Lambda::EventSourceMapping")["WebhooksMapping"]["Properties"];
    let existing = only_if("HasExistingStream", "ExistingTableStreamArn");
    assert_eq!(mapping["EventSourceArn"], either("CreatesTable", "Table.StreamArn", existing));
    assert_eq!(mapping["FunctionName"], "WebhooksFunction.Alias");
    let filters = mapping["FilterCriteria"]["Filters"].as_array().expect("filters");
    let patterns = filters.iter().map(|filter| {
        let pattern = filter["Pattern"].as_str().expect("a pattern");
        serde_json::from_str::<Value>(pattern).expect("JSON")
    });
    let insertion = |keys: Value| json!({ "eventName": ["INSERT"], "dynamodb": { "Keys": keys } });
    let prefix = |prefix: &str| json!({ "S": [{ "prefix": prefix }] });
    let expected = [
        insertion(json!({ "pk": prefix("AUDIT#") })),
        insertion(json!({ "pk": prefix("WEBHOOKS#"), "sk": prefix("DELIVERY#") })),
    ];
    assert!(patterns.eq(expected));
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    let queue = json!({ "OnFailure": { "Destination": "WebhooksDeadLetters.Arn" } });
    assert_eq!(mapping["DestinationConfig"], queue);
    let queues = resources("AWS::SQS::Queue");
    assert_eq!(queues["WebhooksDeadLetters"]["Properties"]["SqsManagedSseEnabled"], true);
    // An attempt and its bookkeeping.
    let function = &resources("AWS::Serverless::Function")["WebhooksFunction"]["Properties"];
    let timeout = Duration::from_secs(function["Timeout"].as_u64().expect("seconds"));
    assert!(timeout >= TIMEOUT * 2);
}

#[test]
fn only_schedules_of_this_stack_call_the_function() {
    let role = &resources("AWS::IAM::Role")["WebhookScheduleRole"]["Properties"];
    let trusted = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trusted["Principal"]["Service"], "scheduler.amazonaws.com");
    let source =
        json!({ "aws:SourceAccount": "AWS::AccountId", "aws:SourceArn": "WebhookSchedules.Arn" });
    assert_eq!(trusted["Condition"], json!({ "StringEquals": source }));
    assert_eq!(role.get("Policies"), None);
    let policy = &resources("AWS::IAM::ManagedPolicy")["WebhookSchedulePolicy"]["Properties"];
    assert_eq!(policy["Roles"], json!(["WebhookScheduleRole"]));
    let expected = json!([{
        "Sid": "Deliver",
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": "WebhooksFunction.Alias",
    }]);
    assert_eq!(policy["PolicyDocument"]["Statement"], expected);
}

#[test]
fn the_secret_is_long_and_stays_with_the_table() {
    let secret = &resources("AWS::SecretsManager::Secret")["WebhookSecret"];
    let policy = either("RetainsTable", "Retain", "Delete");
    assert_eq!((&secret["DeletionPolicy"], &secret["UpdateReplacePolicy"]), (&policy, &policy));
    let generated = json!({ "PasswordLength": 64, "ExcludePunctuation": true });
    assert_eq!(secret["Properties"]["GenerateSecretString"], generated);
    assert_eq!(secret["Properties"].get("SecretString"), None);
    let text = "a".repeat(64);
    assert!(text.parse::<latchkey::webhook::DeploymentSecret>().is_ok());
}
