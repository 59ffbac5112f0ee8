//! One request of each dialect: to see that its function answers, and to show how to call it.

/// What to send to a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// The vendor's name.
    pub(crate) name: &'static str,
    /// The package, the binary and the function.
    pub(crate) function: &'static str,
    /// The path that mints a key, before and after the account's id.
    path: (&'static str, &'static str),
    /// A body that mints a key.
    pub(crate) body: &'static str,
}

/// Every dialect that is served.
pub(crate) const ALL: &[Dialect] = &[
    Dialect {
        name: "LakeSail",
        function: "lakesail",
        path: ("/api/org/v1/service-accounts/", "/keys"),
        body: "{}",
    },
    Dialect {
        name: "Chaser",
        function: "chaser",
        path: ("/v1/accounts/current/service-accounts/", "/keys"),
        body: r#"{"name": "laptop"}"#,
    },
];

impl Dialect {
    /// The path that mints a key for `account`.
    pub(crate) fn path(&self, account: &str) -> String {
        let (before, after) = self.path;
        format!("{before}{account}{after}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use latchkey_local::project;
    use serde_json::Value;

    use super::*;

    /// The paths of each function, as `cargo lambda watch` is told them.
    fn routed() -> BTreeMap<String, Vec<String>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(project::root())
            .output()
            .expect("cargo runs");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
        let router = &metadata["metadata"]["lambda"]["watch"]["router"];
        let mut paths = BTreeMap::<String, Vec<String>>::new();
        for (path, function) in router.as_object().expect("a router") {
            let function = function.as_str().expect("a function for all methods");
            paths.entry(function.to_owned()).or_default().push(path.clone());
        }
        paths.values_mut().for_each(|paths| paths.sort());
        paths
    }

    #[test]
    fn cargo_lambda_routes_every_path_of_the_documents() {
        let documented = ALL.iter().map(|dialect| {
            let document = project::yaml(&format!("openapi/{}.yaml", dialect.function));
            let paths = document["paths"].as_object().expect("paths").keys().cloned();
            let mut paths: Vec<String> = paths.collect();
            paths.sort();
            (dialect.function.to_owned(), paths)
        });
        assert_eq!(routed(), documented.collect());
    }

    #[test]
    fn every_dialects_request_is_routed_to_its_function() {
        let routed = routed();
        for dialect in ALL {
            let (before, after) = dialect.path;
            let is_own = |path: &String| {
                let rest = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                rest.is_some_and(|rest| rest.starts_with('{') && !rest.contains('/'))
            };
            assert!(routed[dialect.function].iter().any(is_own), "{dialect:?}");
        }
    }
}
