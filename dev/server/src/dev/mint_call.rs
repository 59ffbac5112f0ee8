//! How to request a key in each dialect, to check that its function responds and to show how to call it.
//!
//! Each function declares this under `package.metadata.latchkey` in its manifest.

use serde_json::Value;

/// The placeholder for the account's ID in a path.
const ACCOUNT: &str = "{account}";

/// The request that creates a key in a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MintCall {
    /// The vendor of the dialect.
    pub(crate) vendor: String,
    /// The name of the package, the binary, and the function.
    pub(crate) function: String,
    /// The path that creates a key, with [`ACCOUNT`] in it.
    path: String,
    /// A body that creates a key.
    pub(crate) body: String,
}

impl MintCall {
    /// The path that creates a key for `account`.
    pub(crate) fn path(&self, account: &str) -> String {
        self.path.replace(ACCOUNT, account)
    }
}

/// The calls for all dialects of the workspace with these metadata.
pub(crate) fn all(metadata: &Value) -> Result<Vec<MintCall>, String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let calls: Vec<MintCall> = packages.filter_map(mint_call).collect();
    if calls.is_empty() {
        return Err("no function declares `package.metadata.latchkey`".to_owned());
    }
    Ok(calls)
}

fn mint_call(package: &Value) -> Option<MintCall> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let own = &package["metadata"]["latchkey"];
    Some(MintCall {
        vendor: text(&own["vendor"])?,
        function: text(&package["name"])?,
        path: text(&own["mint"]["path"])?,
        body: text(&own["mint"]["body"])?,
    })
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::contract::watch_paths;

    use super::*;
    use crate::dev::workspace;

    #[tokio::test]
    async fn every_dialects_mint_is_routed_to_its_function() {
        let metadata = workspace::metadata(&crate::project::root()).await.expect("metadata");
        let calls = all(&metadata).expect("dialects");
        assert!(calls.len() >= 2, "{calls:?}");
        for call in calls {
            let (before, after) = call.path.split_once(ACCOUNT).expect("an account");
            let is_own = |path: &String| {
                let rest = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                rest.is_some_and(|rest| rest.starts_with('{') && !rest.contains('/'))
            };
            assert!(watch_paths(&call.function).iter().any(is_own), "{call:?}");
            // The banner puts the body in single quotes.
            assert!(!call.body.contains('\''), "{call:?}");
        }
    }
}
