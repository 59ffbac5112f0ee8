//! The part of the template that announces keys.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey_testkit::project::{self, resources};
use serde_json::{Value, json};

use crate::template::condition;

/// The resources and outputs that exist only with warnings.
fn of_warnings(template: &Value) -> BTreeMap<String, Value> {
    let sections = [&template["Resources"], &template["Outputs"]];
    let all = sections.into_iter().filter_map(Value::as_object).flatten();
    let conditional = all.filter(|(_, part)| part["Condition"] == "HasWarnings");
    conditional.map(|(name, part)| (name.clone(), part.clone())).collect()
}

#[test]
fn nothing_depends_on_the_warnings() {
    let template = project::yaml("template.yaml");
    let either_is_on = json!([[["ExpiryWarnings", "off"]], [["UnusedWarning", "off"]]]);
    assert_eq!(condition("HasWarnings"), either_is_on);
    let own = of_warnings(&template);
    let expected = [
        "WarningsFunction",
        "WarningsFunctionArn",
        "WarningsRole",
        "WarningsSchedule",
        "WarningsScheduleGroup",
        "WarningsScheduleRole",
    ];
    assert!(own.keys().eq(&expected), "{:?}", own.keys());
    for (section, parts) in [("Resources", 5), ("Outputs", 1)] {
        let mut rest = template[section].clone();
        let rest = rest.as_object_mut().expect("a section");
        let before = rest.len();
        rest.retain(|name, _| !own.contains_key(name));
        assert_eq!(before - rest.len(), parts);
        let mut rest = Value::Object(std::mem::take(rest));
        if let Some(monitored) = rest["MonitoringStack"]["Properties"]["Parameters"].as_object_mut()
        {
            for name in ["WarningsFunction", "WarningsScheduleGroup"] {
                assert_eq!(monitored.remove(name), Some(json!(["HasWarnings", name, "none"])));
            }
        }
        let left = rest.to_string();
        for name in expected {
            let used = left.contains(&format!("\"{name}\"")) || left.contains(&format!("{name}."));
            assert!(!used, "{name}");
        }
    }
}

/// A minter plans when to look at its keys, and the function when to look at them next.
#[test]
fn whoever_writes_keys_knows_when_to_look_at_them() {
    for name in project::functions() {
        let function = project::resource(&name, "Function");
        let function = &resources("AWS::Serverless::Function")[&function]["Properties"];
        let variables = &function["Environment"]["Variables"];
        let settings =
            [&variables["LATCHKEY_EXPIRY_WARNINGS"], &variables["LATCHKEY_UNUSED_WARNING"]];
        let writes_keys = ["lakesail", "chaser", "warnings"].contains(&name.as_str());
        let expected = if writes_keys {
            [json!("ExpiryWarnings"), json!("UnusedWarning")]
        } else {
            [Value::Null, Value::Null]
        };
        assert_eq!(settings, expected.each_ref(), "{name}");
    }
}

#[test]
fn the_schedule_runs_the_function_every_hour_and_no_one_else_may() {
    let schedule = &resources("AWS::Scheduler::Schedule")["WarningsSchedule"]["Properties"];
    assert_eq!(schedule["ScheduleExpression"], "rate(1 hour)");
    assert_eq!(schedule["GroupName"], "WarningsScheduleGroup");
    let target = &schedule["Target"];
    assert_eq!(target["Arn"], "WarningsFunction.Alias");
    assert_eq!(target["RoleArn"], "WarningsScheduleRole.Arn");
    // The sample is what the schedule sends.
    let input: Value =
        serde_json::from_str(target["Input"].as_str().expect("a text")).expect("JSON");
    assert_eq!(input, project::json("events/warnings/schedule.json"));
    let role = &resources("AWS::IAM::Role")["WarningsScheduleRole"]["Properties"];
    let [trust] =
        role["AssumeRolePolicyDocument"]["Statement"].as_array().expect("a list").as_slice()
    else {
        panic!("one statement");
    };
    assert_eq!(trust["Principal"], json!({ "Service": "scheduler.amazonaws.com" }));
    let of_this_stack = json!({ "StringEquals": {
        "aws:SourceAccount": "AWS::AccountId",
        "aws:SourceArn": "WarningsScheduleGroup.Arn",
    } });
    assert_eq!(trust["Condition"], of_this_stack);
    let invoke = json!([{
        "Sid": "Invoke",
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": "WarningsFunction.Alias",
    }]);
    assert_eq!(role["Policies"][0]["PolicyDocument"]["Statement"], invoke);
}

#[test]
fn a_run_ends_before_its_timeout_and_the_next_one_repeats_what_failed() {
    let function = &resources("AWS::Serverless::Function")["WarningsFunction"]["Properties"];
    let timeout = Duration::from_secs(function["Timeout"].as_u64().expect("seconds"));
    assert!(timeout > warnings::MARGIN * 5, "{timeout:?}");
    let hour = 3600;
    assert_eq!(
        function["EventInvokeConfig"],
        json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": hour })
    );
    let schedule = &resources("AWS::Scheduler::Schedule")["WarningsSchedule"]["Properties"];
    assert_eq!(schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"], hour);
}
