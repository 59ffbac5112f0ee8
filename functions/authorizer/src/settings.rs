//! The deployment's settings: read from the environment once, at startup.

use latchkey::organizations::AllowedOrganizations;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::http::HeaderName;

use crate::RouteScopes;

/// A deployment's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `LATCHKEY_AUTHORIZER_HEADER`: the header that holds the key. Default: `Authorization`.
    pub header: String,
    /// `LATCHKEY_AUTHORIZER_RESPONSE`: what HTTP APIs with payload 2.0 expect. Default: `simple`.
    pub response: ResponseForm,
    /// `LATCHKEY_ROUTE_SCOPES`: the scopes that each route needs. Default: any valid key will do.
    pub routes: RouteScopes,
    /// `LATCHKEY_AUTHORIZER_ORGANIZATIONS`: the organizations with keys that pass. Default: every
    /// organization.
    pub organizations: AllowedOrganizations,
}

/// What an HTTP API with payload 2.0 expects; every other API gets a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseForm {
    /// `EnableSimpleResponses: true`
    Simple,
    /// `EnableSimpleResponses: false`
    Policy,
}

impl Settings {
    /// Reads the settings from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let header = environment.parse("LATCHKEY_AUTHORIZER_HEADER", "a header name", |name| {
            HeaderName::from_bytes(name.as_bytes()).is_ok().then(|| name.to_owned())
        })?;
        let response =
            environment.parse("LATCHKEY_AUTHORIZER_RESPONSE", "`simple` or `policy`", |form| {
                match form {
                    "simple" => Some(ResponseForm::Simple),
                    "policy" => Some(ResponseForm::Policy),
                    _ => None,
                }
            })?;
        let routes = environment.text("LATCHKEY_ROUTE_SCOPES").unwrap_or_default();
        let organizations = environment.read("LATCHKEY_AUTHORIZER_ORGANIZATIONS", str::parse)?;
        Ok(Self {
            header: header.unwrap_or_else(|| "Authorization".to_owned()),
            response: response.unwrap_or(ResponseForm::Simple),
            routes: RouteScopes::parse(&routes)?,
            organizations: organizations.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variable: &'static str, value: &'static str) -> Result<Settings, InvalidSetting> {
        let given = move |asked: &str| (asked == variable).then(|| value.to_owned());
        Settings::from_environment(&Environment::new(given))
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
