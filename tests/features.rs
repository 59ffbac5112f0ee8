//! The features that each build gives to its dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use latchkey_testkit::project;

/// Feature sets by package. A package has several where build scripts or macros use it with other features.
type Features = BTreeMap<String, BTreeSet<BTreeSet<String>>>;

/// The platform to compare for. Others add a few features of their own, such as those of `windows-sys`.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What `cargo tree` says of a build of the packages that `arguments` select.
fn features(arguments: &[&str]) -> Features {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--target", PLATFORM, "--prefix", "none"])
        .args(["--format", "{p}|{f}"])
        .args(arguments)
        .current_dir(project::root())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let mut found = Features::new();
    for line in String::from_utf8(tree.stdout).expect("UTF-8").lines() {
        let Some((package, features)) = line.split_once('|') else { continue };
        let features = features.trim_end_matches("(*)").trim().split(',').filter(|f| !f.is_empty());
        let sets = found.entry(package.to_owned()).or_default();
        sets.insert(features.map(str::to_owned).collect());
    }
    assert!(found.keys().any(|package| package.starts_with("aws-sdk-dynamodb ")), "{found:?}");
    found
}

fn functions() -> Vec<String> {
    project::functions().into_iter().flat_map(|name| ["--package".to_owned(), name]).collect()
}

/// The tests build the command line itself without its feature `dev`. That is one small program, not a dependency.
fn is_the_command_line(package: &str) -> bool {
    package.starts_with("latchkey-cli ")
}

#[test]
fn a_dependency_compiles_once_for_all_development_builds() {
    let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    let functions = functions();
    let functions = functions.iter().map(String::as_str).chain(["--features", "dev"]).collect();
    let builds = [
        ("`cargo dev`", vec!["--package", "latchkey-dev"]),
        ("`cargo lambda watch`", functions),
        ("`cargo latchkey`", vec!["--package", "latchkey-cli", "--features", "dev"]),
        ("`cargo simulate`", vec!["--package", "latchkey-simulator"]),
    ];
    let mut missing = Vec::new();
    for (build, selection) in builds {
        let arguments = [selection, vec!["--edges", "normal,build"]].concat();
        for (package, sets) in features(&arguments) {
            if is_the_command_line(&package) {
                continue;
            }
            let wanted = &tests[&package];
            for set in sets.difference(wanted) {
                missing.push(format!("{package}: {build} has {set:?}, the tests {wanted:?}"));
            }
        }
    }
    let advice = "compiles twice; name the features that differ in dev/features/Cargo.toml";
    assert!(missing.is_empty(), "{advice}:\n{}", missing.join("\n"));
}

#[test]
fn nothing_that_is_shipped_has_the_features_of_development() {
    let functions = functions();
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    for selection in [functions, vec!["--package", "latchkey-cli"]] {
        let shipped = features(&[selection, vec!["--edges", "normal,build"]].concat());
        let names = shipped.keys().filter(|package| package.starts_with("latchkey-features "));
        assert_eq!(names.count(), 0);
        let tokio = shipped.iter().find(|(package, _)| package.starts_with("tokio "));
        let sets = tokio.expect("every program uses tokio").1;
        assert!(sets.iter().all(|set| !set.contains("test-util")), "{sets:?}");
    }
}
