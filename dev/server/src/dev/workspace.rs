//! What `cargo metadata` says about the workspace.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

/// A path that a function serves, for all methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// A path template such as `/v1/keys/{key_id}` or `/verify/{*path}`.
    pub(crate) path: String,
    /// The name of the function.
    pub(crate) function: String,
}

/// Reads the metadata of the workspace in `root`.
pub(crate) async fn metadata(root: &Path) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .await
        .map_err(|error| format!("cargo metadata: {error}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The routes of `cargo lambda watch`, from the workspace's manifest.
pub(crate) fn routes(metadata: &Value) -> Vec<Route> {
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object();
    let route = |(path, function): (&String, &Value)| {
        Some(Route { path: path.clone(), function: function.as_str()?.to_owned() })
    };
    router.into_iter().flatten().filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use latchkey_testkit::contract::watch_paths;
    use latchkey_testkit::project;

    use super::*;

    #[tokio::test]
    async fn every_route_is_read() {
        let routes = routes(&metadata(&project::root()).await.expect("metadata"));
        for function in project::functions() {
            let own = routes.iter().filter(|route| route.function == function);
            let paths: BTreeSet<String> = own.map(|route| route.path.clone()).collect();
            assert_eq!(paths, watch_paths(&function));
        }
        assert!(!routes.is_empty());
    }
}
