//! The token endpoint (RFC 6749, section 3.2): POST `/oauth/token`.

use latchkey_http::form::form_parameter;
use latchkey_http::{Error, Request, Response, StatusCode};

use crate::error::Problem;

/// Rejects every grant.
///
/// RFC 8414, section 2, requires a token endpoint of every server except one for only the implicit grant,
/// and strict clients reject metadata without one. Keys are created through a dialect, so this endpoint has
/// nothing to grant.
pub(crate) fn token(request: &Request) -> Result<Response, Error> {
    form_parameter(request, "grant_type")?;
    let problem = Problem {
        error: "unsupported_grant_type",
        error_description: "this service does not issue tokens; \
            use a service account's key as the bearer token"
            .to_owned(),
    };
    Ok(Response::json(StatusCode::BAD_REQUEST, &problem))
}
