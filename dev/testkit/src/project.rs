//! The project's own files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::expansion;

/// The workspace's folder.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The text of a file, by its path from the workspace's folder.
///
/// # Panics
///
/// If the file cannot be read.
pub fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of a YAML file. CloudFormation tags are dropped: `!Ref Table` reads as `Table`.
///
/// # Panics
///
/// If the file cannot be read or is not YAML.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the functions, each of which is a folder in `functions/`.
///
/// # Panics
///
/// If there is no such folder.
pub fn functions() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("functions")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    names
}

/// The files in `folder` that end in `.extension`, by their paths from the workspace's folder, in order.
///
/// # Panics
///
/// If there is no such folder.
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let mut files: Vec<String> = names
        .filter(|name| name.strip_suffix(extension).is_some_and(|stem| stem.ends_with('.')))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    files.sort();
    files
}

/// The logical ID of a function's own resource in the template, such as `LakesailRole` for `lakesail`.
pub fn resource(function: &str, kind: &str) -> String {
    let (initial, rest) = function.split_at(1);
    format!("{}{rest}{kind}", initial.to_ascii_uppercase())
}

/// The template and the nested stack that it contains.
pub const TEMPLATES: [&str; 2] = ["template.yaml", "monitoring.yaml"];

/// The resources of a type in the templates, by their logical IDs.
///
/// # Panics
///
/// If a template cannot be read or has no resources.
pub fn resources(r#type: &str) -> BTreeMap<String, Value> {
    let all = TEMPLATES.into_iter().flat_map(|path| {
        expansion::expand(&yaml(path))["Resources"].as_object().expect("resources").clone()
    });
    all.filter(|(_, resource)| resource["Type"] == r#type).collect()
}

/// The content of a JSON file.
///
/// # Panics
///
/// If the file cannot be read or is not JSON.
pub fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
