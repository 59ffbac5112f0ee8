//! The project's own files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The workspace's folder.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The text of a file, named from the workspace's folder.
///
/// # Panics
///
/// If the file cannot be read.
pub fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of a YAML file. CloudFormation tags fall away: `!Ref Table` reads as `Table`.
///
/// # Panics
///
/// If the file cannot be read or is not YAML.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The logical id of a function's own resource in the template: `LakesailRole` of `lakesail`.
pub fn resource(function: &str, kind: &str) -> String {
    let (initial, rest) = function.split_at(1);
    format!("{}{rest}{kind}", initial.to_ascii_uppercase())
}

/// The resources of a type in the template, by their logical ids.
///
/// # Panics
///
/// If the template cannot be read or has no resources.
pub fn resources(r#type: &str) -> BTreeMap<String, Value> {
    let template = yaml("template.yaml");
    let all = template["Resources"].as_object().expect("resources").clone();
    all.into_iter().filter(|(_, resource)| resource["Type"] == r#type).collect()
}

/// The content of a JSON file.
///
/// # Panics
///
/// If the file cannot be read or is not JSON.
pub fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
