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
    use latchkey_local::contract::watch_paths;

    use super::*;

    #[test]
    fn every_dialects_request_is_routed_to_its_function() {
        for dialect in ALL {
            let (before, after) = dialect.path;
            let is_own = |path: &String| {
                let rest = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                rest.is_some_and(|rest| rest.starts_with('{') && !rest.contains('/'))
            };
            assert!(watch_paths(dialect.function).iter().any(is_own), "{dialect:?}");
        }
    }
}
