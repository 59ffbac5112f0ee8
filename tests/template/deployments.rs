//! Versions, gradual deployments, and concurrency.

use std::collections::BTreeSet;

use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use super::{only_if, texts};

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
