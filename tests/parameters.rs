//! The template's parameters match the code that reads them.
//!
//! No function rejects a value at its start that the template accepts.

use std::collections::BTreeMap;

use authorizer::Settings;
use chaser::AllowedScopes;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::Settings as Shared;
use latchkey_testkit::project;
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use regex::Regex;
use serde_json::Value;

/// How many values to try for each pattern.
const VALUES: usize = 500;

/// Lists of organizations that the template accepts.
const ORGANIZATIONS: &[&str] =
    &["", "acme", "Acme-2.b_c", "acme,example", "acme, example", "a b c"];

/// Lists that it rejects: the first ones would stop a function from starting; the others are unnecessary.
const NO_ORGANIZATIONS: &[&str] =
    &["-acme", "acme;b", "a/b", ",", " ", "acme,,b", "acme,", " acme", "*"];

/// The parameters that functions read, by the names of their variables.
fn parameters() -> BTreeMap<String, Value> {
    let template = project::yaml("template.yaml");
    let functions = template["Resources"].as_object().expect("resources").values();
    let own = functions.map(|resource| &resource["Properties"]["Environment"]["Variables"]);
    let shared = &template["Globals"]["Function"]["Environment"]["Variables"];
    let variables = own.chain([shared]).filter_map(Value::as_object).flatten();
    let parameters = variables.filter_map(|(variable, value)| {
        // A value composed of several parameters is not one that an operator enters.
        let parameter = template["Parameters"].get(value.as_str()?)?;
        Some((variable.clone(), parameter.clone()))
    });
    parameters.collect()
}

/// Reads `value` as each function does at its start.
fn read(variable: &str, value: &str) -> Result<(), InvalidSetting> {
    let environment = Environment::from_iter([
        ("LATCHKEY_TABLE", "table"),
        ("LATCHKEY_EVENT_BUS", "default"),
        (variable, value),
    ]);
    Shared::from_environment(&environment)?;
    Settings::from_environment(&environment)?;
    oauth::Settings::from_environment(&environment)?;
    AllowedScopes::from_environment(&environment)?;
    events::Settings::from_environment(&environment)?;
    Ok(())
}

/// The pattern of a parameter.
fn pattern(parameter: &Value) -> Option<Regex> {
    let pattern = parameter["AllowedPattern"].as_str()?;
    assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{pattern} is for a part only");
    Some(Regex::new(pattern).expect("a pattern"))
}

/// Values that the template accepts, some of them at the limits.
fn taken(parameter: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(text).collect();
    }
    if parameter["Type"] == "Number" {
        return ["MinValue", "MaxValue"].map(|bound| text(&parameter[bound])).to_vec();
    }
    let pattern = pattern(parameter).expect("a pattern");
    let pattern = pattern.as_str().trim_start_matches('^').trim_end_matches('$');
    let strategy = string_regex(pattern).expect("a pattern");
    let longest = parameter["MaxLength"].as_u64().unwrap_or(4096);
    let mut runner = TestRunner::deterministic();
    let values = (0..VALUES).map(|_| strategy.new_tree(&mut runner).expect("a value").current());
    values.filter(|value| value.len() as u64 <= longest).collect()
}

#[test]
fn a_function_starts_with_every_value_that_the_template_takes() {
    let parameters = parameters();
    assert_eq!(parameters.len(), 19, "{:?}", parameters.keys());
    for (variable, parameter) in parameters {
        for value in taken(&parameter) {
            assert_eq!(read(&variable, &value), Ok(()));
        }
    }
}

#[test]
fn the_template_takes_what_people_write_and_refuses_what_would_stop_the_functions() {
    let parameters = parameters();
    for (variable, good, bad) in [
        (
            "LATCHKEY_PREFIX",
            &["sk", "_", "a_prefix_of_16__"][..],
            &["", "SK", "a_prefix_of_17___"][..],
        ),
        (
            "LATCHKEY_MAX_LIFETIME",
            &["", "1s", "90d", "99999h", "9999d", "999w"],
            &["0d", "10000d", "1000w", "9999w", "90", "d"],
        ),
        ("LATCHKEY_RETENTION", &["30d", "99999m", "9999d"], &["", "0d", "9999w", "30 days"]),
        ("LATCHKEY_AUDIT_RETENTION", &["0", "365d", "9999d"], &["", "0d", "9999w", "1 year"]),
        (
            "LATCHKEY_SCOPES",
            &["orders:read", "a b.c:d/*"],
            &["", " a", "a  b", "\"a\"", &"a".repeat(65)],
        ),
        (
            "LATCHKEY_CACHE_TTL",
            &["0s", "10s", "999s", "2999s", "3600s", "1m", "60m"],
            &["", "3601s", "3610s", "61m", "90m", "9999s", "1h", "-1s"],
        ),
        ("LATCHKEY_LAST_USED_INTERVAL", &["0s", "5m", "9999d"], &["", "5", "5w", "10000d"]),
        ("LATCHKEY_AUTHORIZER_ORGANIZATIONS", ORGANIZATIONS, NO_ORGANIZATIONS),
        ("LATCHKEY_VERIFY_ORGANIZATIONS", ORGANIZATIONS, NO_ORGANIZATIONS),
        (
            "LATCHKEY_EVENT_BUS",
            &["default", "audit", "Audit.of_acme-2"],
            &["", "a/b", "a b", "arn:aws:events:us-east-1:123456789012:event-bus/audit"],
        ),
        (
            "LATCHKEY_EXPIRY_WARNINGS",
            &["off", "1", "30,7,1", "3650", "10,9,8,7,6,5,4,3,2,1", "7,7"],
            &[
                "",
                "0",
                "3651",
                "9999",
                "30, 7",
                "30,",
                ",30",
                "30;7",
                "7d",
                "1,2,3,4,5,6,7,8,9,10,11",
                "off,1",
            ],
        ),
        ("LATCHKEY_UNUSED_WARNING", &["off", "1", "90", "3650"], &["", "0", "3651", "90d", "30,7"]),
        ("LATCHKEY_AUTHORIZER_HEADER", &["Authorization", "X-Api-Key"], &["", "X Api Key", "a:b"]),
        (
            "LATCHKEY_ROUTE_SCOPES",
            &[
                "",
                "GET /health",
                "GET /orders/{id} orders.read; POST /orders orders.write orders.read",
                "ANY /{proxy+} a;$default b",
                "$connect chat.use; $appsync; GET /health",
            ],
            &[
                "$other x",
                "$connected x",
                "get /orders x",
                "/orders x",
                "orders",
                "GET x",
                "GET /a; ",
                ";",
                "GET  /a",
            ],
        ),
    ] {
        let pattern = pattern(&parameters[variable]).expect("a pattern");
        for value in good {
            assert!(pattern.is_match(value), "{variable}: {value:?} is refused");
            assert_eq!(read(variable, value), Ok(()));
        }
        for value in bad {
            assert!(!pattern.is_match(value), "{variable}: {value:?} is taken");
        }
    }
}
