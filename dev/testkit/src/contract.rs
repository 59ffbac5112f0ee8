//! Compares the code with the OpenAPI documents, the template, and the local router.

use std::collections::BTreeSet;
use std::process::Command;

use latchkey_http::route::Route;
use serde_json::{Value, json};

use crate::{Answer, project};

/// A method and a path template.
pub type Endpoint = (String, String);

/// An OpenAPI document of `openapi/`.
#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    /// Loads `openapi/<dialect>.yaml`.
    ///
    /// # Panics
    ///
    /// If there is no such document.
    pub fn load(dialect: &str) -> Self {
        Self { document: project::yaml(&format!("openapi/{dialect}.yaml")) }
    }

    /// The endpoints of all operations.
    pub fn endpoints(&self) -> BTreeSet<Endpoint> {
        let methods = ["get", "put", "post", "patch", "delete", "head", "options", "trace"];
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let endpoints = paths.flat_map(|(path, operations)| {
            let methods = methods.iter().filter(|method| !operations[**method].is_null());
            methods.map(|method| (method.to_ascii_uppercase(), path.clone()))
        });
        endpoints.collect()
    }

    /// Checks that a response is one that the document promises for the operation at its endpoint.
    ///
    /// The document must list its status explicitly, even if a `default` covers the others, and every
    /// header.
    ///
    /// # Panics
    ///
    /// If the document does not promise the response; the message lists all differences.
    pub fn check(&self, (method, path): (&str, &str), answer: &Answer) {
        let response = ["paths", path, &method.to_ascii_lowercase(), "responses"]
            .into_iter()
            .chain([answer.status.to_string().as_str()])
            .fold(&self.document, |value, key| self.resolve(&value[key]));
        assert!(response.is_object(), "{method} {path} promises no {}", answer.status);

        let promised = response["headers"].as_object().into_iter().flatten();
        let mut unpromised: BTreeSet<&str> =
            answer.headers.keys().map(|name| name.as_str()).collect();
        // The content implies it.
        unpromised.remove("content-type");
        for (name, header) in promised {
            let header = self.resolve(header);
            let found = unpromised.remove(name.to_ascii_lowercase().as_str());
            assert!(found || header["required"] != true, "{} promises `{name}`", answer.status);
            if found && header["schema"]["type"] == "string" {
                self.validate(&header["schema"], &json!(answer.header(name)), name);
            }
        }
        assert!(unpromised.is_empty(), "{method} {path} promises no {unpromised:?}");
        let content = &response["content"]["application/json"]["schema"];
        assert_eq!(content.is_null(), answer.body.is_null(), "a body where one is promised");
        if !content.is_null() {
            assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
            self.validate(content, &answer.body, "body");
        }
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => value,
        }
    }

    fn validate(&self, schema: &Value, instance: &Value, what: &str) {
        // The schema's references still need the document's other schemas.
        let mut whole = schema.clone();
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("components".to_owned(), self.document["components"].clone());
        }
        validate(&whole, instance, what);
    }
}

/// Checks an instance against a JSON Schema, including formats.
///
/// # Panics
///
/// If it does not match; the message lists all errors.
pub fn validate(schema: &Value, instance: &Value, what: &str) {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .unwrap_or_else(|error| panic!("the schema of the {what}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "the {what} {instance} is not as promised: {errors:#?}");
}

/// Every endpoint that the template routes to the function with the logical ID `function`.
///
/// # Panics
///
/// If the template has no such function.
pub fn template_endpoints(function: &str) -> BTreeSet<Endpoint> {
    let template = project::yaml("template.yaml");
    let events = template["Resources"][function]["Properties"]["Events"].as_object().cloned();
    let events = events.unwrap_or_else(|| panic!("the template has no function {function}"));
    let endpoint = |event: &Value| {
        let text = |key: &str| event["Properties"][key].as_str().unwrap_or_default().to_owned();
        (text("Method"), text("Path"))
    };
    events.values().map(endpoint).collect()
}

/// Every path that the workspace's manifest routes to `function` for `cargo lambda watch`, for all methods.
///
/// # Panics
///
/// If `cargo metadata` fails.
pub fn watch_paths(function: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(project::root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object();
    let routes = router.expect("a router").iter();
    routes.filter(|(_, target)| *target == function).map(|(path, _)| path.clone()).collect()
}

/// Checks that the routes of `function` are the same everywhere.
///
/// Compares the code with its OpenAPI document, the template, and the local router.
///
/// # Panics
///
/// If they differ.
pub fn check_routes<O>(function: &str, routes: &[Route<O>]) {
    let code: BTreeSet<Endpoint> =
        routes.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(code, Contract::load(function).endpoints());
    assert_eq!(code, template_endpoints(&project::resource(function, "Function")));
    let paths: BTreeSet<String> = code.into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, watch_paths(function));
}
