//! The scopes that this deployment's keys may hold.

use std::sync::Arc;

use latchkey::scope::{Scope, Scopes};
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey::text::excerpt;
use latchkey_http::Error;

const VARIABLE: &str = "LATCHKEY_SCOPES";

/// The vendor's list.
const DEFAULT: &str = "sessions.read sessions.write workspaces.read workspaces.write exec.write \
    files.read files.write keys.read keys.write billing.read billing.write audit.read \
    webhooks.read webhooks.write";

/// The scopes that this deployment's keys may hold, from `LATCHKEY_SCOPES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedScopes(Arc<Scopes>);

impl AllowedScopes {
    /// Reads the list, separated by spaces; the default is the vendor's list.
    ///
    /// # Errors
    ///
    /// Names the variable if the list contains an invalid scope.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        Self::parse(&environment.text(VARIABLE).unwrap_or_default())
    }

    /// Parses the list, separated by spaces; an empty list stands for the vendor's.
    ///
    /// # Errors
    ///
    /// Names `LATCHKEY_SCOPES` if the list contains an invalid scope.
    pub fn parse(list: &str) -> Result<Self, InvalidSetting> {
        let list = if list.trim().is_empty() { DEFAULT } else { list };
        let scopes = list.split_whitespace().map(|text| {
            text.parse::<Scope>().map_err(|problem| InvalidSetting {
                variable: VARIABLE,
                problem: format!("contains {text:?}, but {problem}"),
            })
        });
        scopes.collect::<Result<Scopes, _>>().map(|scopes| Self(Arc::new(scopes)))
    }

    /// Returns the scopes that a caller requested, in their order and without duplicates.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownScope`], which names the first scope that this deployment does not have.
    pub fn select(&self, asked: &[String]) -> Result<Scopes, Error> {
        let known = self.0.as_slice();
        let find = |text: &String| {
            let found = known.iter().find(|scope| scope.as_ref() == text.as_str());
            found
                .cloned()
                .ok_or_else(|| Error::UnknownScope { shown: excerpt(text), known: known.to_vec() })
        };
        asked.iter().map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_fourteen_are_the_default() {
        let scopes = AllowedScopes::parse(" ").expect("valid");
        assert_eq!(scopes.0.as_slice().len(), 14);
    }

    #[test]
    fn a_deployment_may_have_its_own() {
        let scopes = AllowedScopes::parse("orders:read  orders:write").expect("valid");
        let asked = ["orders:write", "orders:read", "orders:write"].map(str::to_owned);
        let selected = scopes.select(&asked).expect("known");
        let texts: Vec<&str> = selected.as_slice().iter().map(AsRef::as_ref).collect();
        assert_eq!(texts, ["orders:write", "orders:read"]);
        let error = scopes.select(&["keys.read".to_owned()]).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "`keys.read` is not a scope of this deployment; its scopes are `orders:read` and `orders:write`"
        );
    }

    #[test]
    fn a_bad_list_is_named() {
        let error = AllowedScopes::parse("orders:read \"x\"").expect_err("bad");
        assert_eq!(error.variable, "LATCHKEY_SCOPES");
    }
}
