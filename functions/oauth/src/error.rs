//! Errors as OAuth says them: `{"error", "error_description"}` (RFC 6749, section 5.2).

use lambda_http::Body;
use lambda_http::http::header::WWW_AUTHENTICATE;
use lambda_http::http::{HeaderValue, Response, StatusCode};
use latchkey::error::{Error, Unauthenticated};
use latchkey::http::reply_error;
use latchkey::principal::Denial;
use serde::Serialize;

/// Why a request is refused, and how its caller says who it is.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    pub(crate) scheme: Scheme,
}

/// How a caller says who it is: in whose words it is told that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By a key as its bearer token (RFC 6750).
    Bearer,
    /// As a client, by a key as its password (RFC 6749, section 2.3.1).
    Basic,
    /// By neither, where both are taken.
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

/// Says why a request is refused the way OAuth's clients expect to read it.
pub(crate) fn render(Refused { error, scheme }: &Refused) -> Response<Body> {
    let (challenge, description) = match error {
        Error::Unauthenticated(why) => credentials(*why, *scheme),
        _ => (None, None),
    };
    let error_description = description.map_or_else(|| error.to_string(), str::to_owned);
    let problem = Problem { error: code(error, *scheme), error_description };
    let mut response = reply_error(error, &problem);
    if let Some(challenge) = challenge {
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The challenge and the words for a caller who did not say who it is, where those for a bearer would
/// be wrong. They never say which half of a client's credentials was wrong.
fn credentials(
    why: Unauthenticated,
    scheme: Scheme,
) -> (Option<&'static str>, Option<&'static str>) {
    let basic = Some(r#"Basic realm="latchkey""#);
    let both = Some(r#"Bearer realm="latchkey", Basic realm="latchkey""#);
    match (scheme, why) {
        (Scheme::Bearer, _) | (Scheme::Neither, Unauthenticated::Refused(_)) => (None, None),
        (Scheme::Basic, Unauthenticated::Refused(_)) => (
            basic,
            Some(
                "the client id and the password are not a service account's id and a valid key of it",
            ),
        ),
        (Scheme::Basic, Unauthenticated::Missing | Unauthenticated::Scheme) => (
            basic,
            Some(
                "the `Authorization` header is not `Basic` and `<service account id>:<key>` in Base64",
            ),
        ),
        (Scheme::Neither, Unauthenticated::Missing) => (
            both,
            Some(
                "the request carries no credentials; send `Authorization: Bearer <key>`, \
                 or a service account's id and a key of it as `Basic`",
            ),
        ),
        (Scheme::Neither, Unauthenticated::Scheme) => {
            (both, Some("the `Authorization` header is neither `Bearer <key>` nor `Basic`"))
        }
    }
}

fn code(error: &Error, scheme: Scheme) -> &'static str {
    match (error, error.status()) {
        // RFC 6749, section 5.2, for clients; RFC 6750, section 3.1, for bearers.
        (Error::Unauthenticated(_), _) if scheme != Scheme::Bearer => "invalid_client",
        (Error::Unauthenticated(Unauthenticated::Refused(_)), _) => "invalid_token",
        (Error::Denied(_), _) => "insufficient_scope",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "temporarily_unavailable",
        (_, status) if status.is_client_error() => "invalid_request",
        _ => "server_error",
    }
}
