//! The deployment's settings: read from the environment once, at startup.

use std::fmt;
use std::str::FromStr;

use latchkey::leak::LeakAction;
use latchkey::organizations::AllowedOrganizations;
use latchkey::store::environment::{Environment, InvalidSetting};
use latchkey_http::http::Uri;

/// A deployment's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `LATCHKEY_ISSUER`: the service's base URL. Default: the URL that the client called.
    pub issuer: Option<Issuer>,
    /// `LATCHKEY_VERIFY_ORGANIZATIONS`: the organizations with keys that `/verify` accepts. Default: every
    /// organization.
    pub organizations: AllowedOrganizations,
    /// `LATCHKEY_LEAK_REPORTS`: what a report of a leaked key causes, `revoke` or `disable`. Default `off`: no
    /// reports are accepted.
    pub leak_action: Option<LeakAction>,
}

/// The service's base URL in the metadata.
///
/// An `https` URL without query and fragment (RFC 8414, section 2), to which paths can be appended. A
/// service on your own machine may use `http`.
///
/// ```
/// use oauth::Issuer;
///
/// assert!("https://keys.example.com".parse::<Issuer>().is_ok());
/// assert!("https://keys.example.com/".parse::<Issuer>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// The error for a text that is not an [`Issuer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an https URL without a user, query, fragment, or trailing slash, \
     such as `https://keys.example.com`"
)]
pub struct InvalidIssuer;

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `Uri` drops a fragment.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
            return Err(InvalidIssuer);
        }
        let url: Uri = text.parse().map_err(|_| InvalidIssuer)?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(InvalidIssuer);
        };
        let encrypted = scheme == "https" || (scheme == "http" && is_loopback(authority.host()));
        let plain = url.query().is_none() && !authority.as_str().contains('@');
        if encrypted && plain && !authority.host().is_empty() && !text.ends_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIssuer)
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a host, without its port, is the local machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

impl Settings {
    /// Reads the settings from `environment`.
    ///
    /// # Errors
    ///
    /// Names the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let issuer = environment.read("LATCHKEY_ISSUER", |value| {
            value.parse().map_err(|error: InvalidIssuer| format!("{error}, not {value:?}"))
        })?;
        let organizations = environment.read("LATCHKEY_VERIFY_ORGANIZATIONS", str::parse)?;
        let leak_action = environment.read("LATCHKEY_LEAK_REPORTS", |value| match value {
            "off" => Ok(None),
            "revoke" => Ok(Some(LeakAction::Revoke)),
            "disable" => Ok(Some(LeakAction::Disable)),
            _ => Err(format!("must be `off`, `revoke`, or `disable`, not {value:?}")),
        })?;
        let organizations = organizations.unwrap_or_default();
        Ok(Self { issuer, organizations, leak_action: leak_action.flatten() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variable: &'static str, value: &'static str) -> Result<Settings, InvalidSetting> {
        let given = move |asked: &str| (asked == variable).then(|| value.to_owned());
        Settings::from_environment(&Environment::new(given))
    }

    fn settings(issuer: &'static str) -> Result<Settings, InvalidSetting> {
        of("LATCHKEY_ISSUER", issuer)
    }

    #[test]
    fn an_issuer_is_where_clients_find_the_service() {
        for issuer in [
            "https://keys.example.com",
            "https://keys.example.com:8443",
            "https://example.com/latchkey",
            "http://127.0.0.1:9000",
            "http://localhost",
            "http://[::1]:9000",
        ] {
            let read = settings(issuer).expect(issuer).issuer.expect("an issuer");
            assert_eq!(read.to_string(), issuer);
        }
        assert_eq!(settings(""), Ok(Settings::default()));
    }

    #[test]
    fn organizations_are_read_and_a_bad_one_is_named() {
        let settings = |value: &'static str| of("LATCHKEY_VERIFY_ORGANIZATIONS", value);
        assert!(!settings("").expect("valid").organizations.is_restricted());
        let organizations = settings("acme, example").expect("valid").organizations;
        assert!(organizations.allows(&"example".parse().expect("an ID")));
        let error = settings("acme; example").expect_err("a semicolon");
        assert_eq!(error.variable, "LATCHKEY_VERIFY_ORGANIZATIONS");
    }

    #[test]
    fn reports_of_leaks_are_off_unless_the_deployment_says_what_they_cause() {
        let action = |value| of("LATCHKEY_LEAK_REPORTS", value).map(|read| read.leak_action);
        assert_eq!(action(""), Ok(None));
        assert_eq!(action("off"), Ok(None));
        assert_eq!(action("revoke"), Ok(Some(LeakAction::Revoke)));
        assert_eq!(action("disable"), Ok(Some(LeakAction::Disable)));
        let error = action("delete").expect_err("no action");
        assert!(error.to_string().contains("must be `off`, `revoke`, or `disable`"), "{error}");
    }

    #[test]
    fn a_bad_issuer_is_named_with_what_it_should_be() {
        for value in [
            "keys.example.com",
            "https://",
            "https:///path",
            "http://keys.example.com",
            "http://localhost.example.com",
            "https://keys.example.com/",
            "https://keys.example.com?a=b",
            "https://keys.example.com#a",
            "https://user@keys.example.com",
            "https://keys.example.com/a b",
            "https://keys.example.com/ü",
            "ftp://keys.example.com",
        ] {
            let error = settings(value).expect_err(value);
            assert_eq!(error.variable, "LATCHKEY_ISSUER");
            assert!(error.problem.contains("such as `https://keys.example.com`"), "{error}");
            assert!(error.problem.ends_with(&format!("not {value:?}")), "{error}");
        }
    }
}
