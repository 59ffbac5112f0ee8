//! The layers of the code: each imports only those before it.

use std::path::{Path, PathBuf};
use std::process::Command;

use latchkey_testkit::project;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let paths = entries.flat_map(|entry| {
        let path = entry.path();
        if path.is_dir() { sources(&path) } else { vec![path] }
    });
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// What the files of each layer must not name: later layers, and what is below or beside the layer.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "domain",
        &[
            "crate::store",
            "crate::service",
            "crate::Latchkey",
            "crate::operator",
            "aws_sdk",
            "tokio::",
        ],
    ),
    ("store", &["crate::service", "crate::Latchkey", "crate::operator"]),
    ("service", &["aws_sdk"]),
];

#[test]
fn no_layer_of_core_names_a_later_one_or_http() {
    for (layer, forbidden) in FORBIDDEN {
        let files = sources(&project::root().join("shared/core/src").join(layer));
        assert!(!files.is_empty(), "{layer} is empty");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file");
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                // The SDK's transport, not the crate `http`.
                let code = code.replace("client::http::", "");
                let found = forbidden.iter().chain(&["http::", "lambda", "StatusCode"]);
                let found = found.filter(|name| code.contains(*name)).collect::<Vec<_>>();
                assert!(found.is_empty(), "{}:{}: {found:?}", file.display(), number + 1);
            }
        }
    }
}

/// The dependencies of `package`, without those of its tests.
fn dependencies(package: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
        .current_dir(project::root())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).expect("UTF-8")
}

/// This covers the core and the programs for operators and developers.
#[test]
fn no_lambda_and_no_http_of_ours_beside_the_functions() {
    for package in ["latchkey", "latchkey-cli", "latchkey-dev"] {
        let tree = dependencies(package);
        assert!(tree.contains("aws-sdk-dynamodb"), "{tree}");
        for other in ["lambda", "latchkey-http", "latchkey-testkit"] {
            assert!(!tree.contains(other), "{package} is built of {other}");
        }
    }
}

#[test]
fn only_one_place_reads_the_environment_of_a_function() {
    let mut readers = Vec::new();
    for folder in ["shared", "functions", "cli/src"] {
        for file in sources(&project::root().join(folder)) {
            let text = std::fs::read_to_string(&file).expect("a file");
            let is_test = file.components().any(|part| part.as_os_str() == "tests");
            if !is_test && text.contains("env::var") {
                readers.push(file.file_name().expect("a name").to_owned());
            }
        }
    }
    assert_eq!(readers, ["environment.rs"]);
}
