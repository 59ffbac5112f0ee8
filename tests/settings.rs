//! The settings: code, template, documentation, and OpenAPI document give each the same name and default.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::Settings;
use chaser::AllowedScopes;
use latchkey::store::environment::Environment;
use latchkey_http::Settings as Shared;
use latchkey_testkit::project;
use serde_json::Value;

/// The default of each of the template's parameters, as it appears in a function's environment.
fn defaults() -> BTreeMap<String, String> {
    let template = project::yaml("template.yaml");
    let parameters = template["Parameters"].as_object().cloned().expect("parameters");
    let default = |parameter: &Value| match &parameter["Default"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    parameters.into_iter().map(|(name, parameter)| (name, default(&parameter))).collect()
}

/// The parameter that provides the value of each of a function's variables.
fn parameters_of_variables() -> BTreeMap<String, String> {
    let template = project::yaml("template.yaml");
    let global = &template["Globals"]["Function"];
    let own = template["Resources"].as_object().into_iter().flatten();
    let own = own.map(|(_, resource)| &resource["Properties"]);
    let variables = own.chain([global]).filter_map(|of| of["Environment"]["Variables"].as_object());
    let known = defaults();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: BTreeMap<String, String> = variables
        .flatten()
        .map(|(variable, value)| (variable.clone(), text(value)))
        .filter(|(_, parameter)| known.contains_key(parameter))
        .collect();
    // Lambda sets this variable itself.
    let level = text(&global["LoggingConfig"]["ApplicationLogLevel"]);
    found.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level);
    found
}

/// The value that a function reads if its stack was deployed with the template's defaults.
fn deployed(variable: &str) -> Option<String> {
    let parameter = parameters_of_variables().remove(variable)?;
    defaults().remove(&parameter)
}

#[test]
fn the_templates_defaults_are_the_codes() {
    let table = |variable: &str| (variable == "LATCHKEY_TABLE").then(|| "keys".to_owned());
    let unset = Environment::new(table);
    let deployed_to =
        Environment::new(move |variable| table(variable).or_else(|| deployed(variable)));
    assert_eq!(Shared::from_environment(&deployed_to), Shared::from_environment(&unset));
    assert_eq!(Settings::from_environment(&deployed_to), Settings::from_environment(&unset));
    assert_eq!(oauth::Settings::from_environment(&deployed_to), Ok(oauth::Settings::default()));
    let scopes = deployed("LATCHKEY_SCOPES").expect("scopes");
    assert_eq!(AllowedScopes::parse(&scopes), AllowedScopes::parse(""));
}

/// The words in backticks in a text.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_document_names_the_templates_scopes() {
    let schemas = &project::yaml("openapi/chaser.yaml")["components"]["schemas"];
    let scopes = &schemas["CreateServiceAccountKeyRequest"]["properties"]["scopes"];
    let mut named = quoted(scopes["description"].as_str().expect("a description"));
    named.retain(|word| word.contains('.'));
    assert_eq!(named.join(" "), defaults()["AllowedScopes"]);
}

/// Returns the rows of the tables of parameters in `docs/configuration.md`, cell by cell.
fn rows() -> Vec<Vec<String>> {
    let page = project::text("docs/configuration.md");
    let mut rows = Vec::new();
    let mut within = false;
    for line in page.lines() {
        within = line.starts_with("| Template parameter |") || within && line.starts_with('|');
        if within {
            let cells = line.trim_matches('|').split(" | ");
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
        }
    }
    rows.retain(|row: &Vec<String>| row.iter().any(|cell| cell.contains('`')));
    rows
}

#[test]
fn the_page_lists_every_parameter_with_its_variable_and_its_default() {
    let (defaults, variables) = (defaults(), parameters_of_variables());
    let mut told = BTreeSet::new();
    let mut told_variables = BTreeSet::new();
    for row in rows() {
        let (parameters, default) = match row.as_slice() {
            [parameters, default, _] => (quoted(parameters), default),
            [parameter, variable, default, _] => {
                let (parameter, variable) = (quoted(parameter), quoted(variable));
                let feeding = variables.get(variable[0]).map(String::as_str);
                assert_eq!(feeding, parameter.first().copied(), "{row:?}");
                told_variables.extend(feeding.map(|_| variable[0].to_owned()));
                (parameter, default)
            }
            _ => panic!("{row:?}"),
        };
        let shown: Vec<&str> = default.split(", ").map(|text| text.trim_matches('`')).collect();
        for (index, parameter) in parameters.into_iter().enumerate() {
            // One default for the whole row, or one for each parameter.
            let shown = shown.get(index).or(shown.first()).copied().unwrap_or_default();
            let actual = &defaults[parameter];
            match shown {
                "none" => assert_eq!(actual, "", "{parameter}"),
                "the vendor's 14" => assert_eq!(actual.split(' ').count(), 14, "{parameter}"),
                shown => assert_eq!(actual, shown, "{parameter}"),
            }
            assert!(told.insert(parameter.to_owned()), "{parameter} is told twice");
        }
    }
    assert!(told.iter().eq(defaults.keys()), "{told:?}");
    assert!(told_variables.iter().eq(variables.keys()), "{told_variables:?}");
}
