//! The deployment's choices: read from the environment once, at the start.

use latchkey::config::InvalidConfig;
use latchkey::organizations::AllowedOrganizations;

use crate::RouteScopes;

/// The choices of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `LATCHKEY_AUTHORIZER_HEADER`: where callers put their key. Default `Authorization`.
    pub header: String,
    /// `LATCHKEY_AUTHORIZER_RESPONSE`: what HTTP APIs with payload 2.0 expect. Default `simple`.
    pub response: ResponseForm,
    /// `LATCHKEY_ROUTE_SCOPES`: the scopes that each route needs. Default: any valid key will do.
    pub routes: RouteScopes,
    /// `LATCHKEY_AUTHORIZER_ORGANIZATIONS`: the organizations with keys that pass. Default: every
    /// organization.
    pub organizations: AllowedOrganizations,
}

/// What an HTTP API with payload 2.0 expects; everything else takes a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseForm {
    /// `EnableSimpleResponses: true`
    Simple,
    /// `EnableSimpleResponses: false`
    Policy,
}

impl Settings {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    ///
    /// Names the first variable that has a bad value.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        Self::from_lookup(|variable| std::env::var(variable).ok())
    }

    /// Reads the settings from `lookup`; an empty value counts as absent.
    ///
    /// # Errors
    ///
    /// Names the first variable that has a bad value.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let read = |variable: &str| lookup(variable).unwrap_or_default();
        let invalid = |variable, problem: String| Err(InvalidConfig { variable, problem });
        let header = match read("LATCHKEY_AUTHORIZER_HEADER") {
            unset if unset.is_empty() => "Authorization".to_owned(),
            name if lambda_http::http::HeaderName::from_bytes(name.as_bytes()).is_ok() => name,
            name => {
                let problem = format!("must be the name of a header, not {name:?}");
                return invalid("LATCHKEY_AUTHORIZER_HEADER", problem);
            }
        };
        let response = match read("LATCHKEY_AUTHORIZER_RESPONSE").as_str() {
            "" | "simple" => ResponseForm::Simple,
            "policy" => ResponseForm::Policy,
            other => {
                let problem = format!("must be `simple` or `policy`, not {other:?}");
                return invalid("LATCHKEY_AUTHORIZER_RESPONSE", problem);
            }
        };
        let routes = RouteScopes::parse(&read("LATCHKEY_ROUTE_SCOPES"))?;
        let variable = "LATCHKEY_AUTHORIZER_ORGANIZATIONS";
        let organizations = AllowedOrganizations::parse(variable, &read(variable))?;
        Ok(Self { header, response, routes, organizations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variable: &str, value: &str) -> Result<Settings, InvalidConfig> {
        Settings::from_lookup(|asked| (asked == variable).then(|| value.to_owned()))
    }

    #[test]
    fn a_variable_that_is_unset_has_its_default() {
        let defaults = settings("", "").expect("valid");
        assert_eq!(defaults.header, "Authorization");
        assert_eq!(defaults.response, ResponseForm::Simple);
        assert_eq!(defaults.routes, RouteScopes::default());
        assert!(!defaults.organizations.is_restricted());
    }

    #[test]
    fn a_bad_value_is_named() {
        for (variable, value) in [
            ("LATCHKEY_AUTHORIZER_HEADER", "X Api Key"),
            ("LATCHKEY_AUTHORIZER_RESPONSE", "both"),
            ("LATCHKEY_ROUTE_SCOPES", "orders"),
            ("LATCHKEY_AUTHORIZER_ORGANIZATIONS", "acme; example"),
        ] {
            assert_eq!(settings(variable, value).expect_err(value).variable, variable);
        }
    }
}
