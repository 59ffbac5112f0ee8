//! OAuth error responses: `{"error", "error_description"}` (RFC 6749, section 5.2).

use latchkey::principal::Denial;
use latchkey_http::http::HeaderValue;
use latchkey_http::http::header::WWW_AUTHENTICATE;
use latchkey_http::{Error, Response, StatusCode};
use serde::Serialize;

/// A refusal, and the scheme in which its caller authenticates.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    pub(crate) scheme: Scheme,
}

/// How a caller authenticates, which decides how a failure is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// With a key as a bearer token (RFC 6750).
    Bearer,
    /// As a client, with a key as the password (RFC 6749, section 2.3.1).
    Basic,
    /// With neither, where both are accepted.
    Neither,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, scheme: Scheme::Bearer }
    }
}

impl AsRef<Error> for Refused {
    fn as_ref(&self) -> &Error {
        &self.error
    }
}

impl From<latchkey::Error> for Refused {
    fn from(error: latchkey::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Error::from(denial).into()
    }
}

#[derive(Serialize)]
pub(crate) struct Problem {
    pub(crate) error: &'static str,
    pub(crate) error_description: String,
}

/// Renders an error as OAuth clients expect it.
pub(crate) fn render(Refused { error, scheme }: &Refused) -> Response {
    let (challenge, description) = credentials(error, *scheme);
    let error_description = description.map_or_else(|| error.to_string(), str::to_owned);
    let problem = Problem { error: code(error, *scheme), error_description };
    let mut response = error.response(&problem);
    if let Some(challenge) = challenge {
        let challenge = HeaderValue::from_static(challenge);
        response.headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The challenge and the description for an unauthenticated caller, where a bearer's would be wrong.
///
/// They never say which half of a client's credentials was wrong.
fn credentials(error: &Error, scheme: Scheme) -> (Option<&'static str>, Option<&'static str>) {
    let basic = Some(r#"Basic realm="latchkey""#);
    let both = Some(r#"Bearer realm="latchkey", Basic realm="latchkey""#);
    match (scheme, error) {
        (Scheme::Basic, Error::Service(latchkey::Error::Unauthenticated(_))) => (
            basic,
            Some(
                "the client ID must be a service account's ID, and the password one of its valid keys",
            ),
        ),
        (Scheme::Basic, Error::NoCredentials | Error::OtherScheme) => (
            basic,
            Some(
                "the `Authorization` header must be `Basic` followed by `<service account ID>:<key>` in Base64",
            ),
        ),
        (Scheme::Neither, Error::NoCredentials) => (
            both,
            Some(
                "the request has no credentials; send `Authorization: Bearer <key>`, \
                 or `Basic` with a service account ID and one of its keys",
            ),
        ),
        (Scheme::Neither, Error::OtherScheme) => {
            (both, Some("the `Authorization` header must be `Bearer <key>` or `Basic`"))
        }
        _ => (None, None),
    }
}

fn code(error: &Error, scheme: Scheme) -> &'static str {
    match (error.status(), scheme) {
        // RFC 6749, section 5.2, for clients; RFC 6750, section 3.1, for bearers.
        (StatusCode::UNAUTHORIZED, Scheme::Basic | Scheme::Neither) => "invalid_client",
        (StatusCode::UNAUTHORIZED, Scheme::Bearer) => match error {
            Error::NoCredentials | Error::OtherScheme => "invalid_request",
            _ => "invalid_token",
        },
        (StatusCode::FORBIDDEN, _) => match error {
            // RFC 6749, section 4.1.2.1: no scope would help.
            Error::InvalidSignature(_) => "access_denied",
            _ => "insufficient_scope",
        },
        (StatusCode::SERVICE_UNAVAILABLE, _) => "temporarily_unavailable",
        (status, _) if status.is_client_error() => "invalid_request",
        _ => "server_error",
    }
}
