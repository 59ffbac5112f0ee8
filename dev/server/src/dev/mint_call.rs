//! How each dialect is asked for a key: to see that its function answers, and to show how to call it.

/// The request that mints a key in a dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MintCall {
    /// The vendor of the dialect.
    pub(crate) vendor: &'static str,
    /// The package, the binary and the function.
    pub(crate) function: &'static str,
    /// The path that mints a key, before and after the account's id.
    path: (&'static str, &'static str),
    /// A body that mints a key.
    pub(crate) body: &'static str,
}

/// One for every dialect that is served.
pub(crate) const ALL: &[MintCall] = &[
    MintCall {
        vendor: "LakeSail",
        function: "lakesail",
        path: ("/api/org/v1/service-accounts/", "/keys"),
        body: "{}",
    },
    MintCall {
        vendor: "Chaser",
        function: "chaser",
        path: ("/v1/accounts/current/service-accounts/", "/keys"),
        body: r#"{"name": "laptop"}"#,
    },
];

impl MintCall {
    /// The path that mints a key for `account`.
    pub(crate) fn path(&self, account: &str) -> String {
        let (before, after) = self.path;
        format!("{before}{account}{after}")
    }
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::contract::watch_paths;

    use super::*;

    #[test]
    fn every_dialects_mint_is_routed_to_its_function() {
        for call in ALL {
            let (before, after) = call.path;
            let is_own = |path: &String| {
                let rest = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                rest.is_some_and(|rest| rest.starts_with('{') && !rest.contains('/'))
            };
            assert!(watch_paths(call.function).iter().any(is_own), "{call:?}");
        }
    }
}
