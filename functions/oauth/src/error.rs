//! Errors as OAuth says them: `{"error", "error_description"}` (RFC 6749, section 5.2).

use lambda_http::Body;
use lambda_http::http::{Response, StatusCode};
use latchkey::error::Error;
use latchkey::http::reply_error;
use latchkey::principal::Denial;
use serde::Serialize;

#[derive(Serialize)]
struct Problem {
    error: &'static str,
    error_description: String,
}

/// Says `error` the way OAuth's clients expect to read it.
pub(crate) fn render(error: &Error) -> Response<Body> {
    let problem = Problem { error: code(error), error_description: error.to_string() };
    reply_error(error, &problem)
}

fn code(error: &Error) -> &'static str {
    match (error, error.status()) {
        (Error::Denied(Denial::MissingScope(_)), _) => "insufficient_scope",
        (_, StatusCode::UNAUTHORIZED) => "invalid_client",
        (_, StatusCode::FORBIDDEN) => "access_denied",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "temporarily_unavailable",
        (_, status) if status.is_client_error() => "invalid_request",
        _ => "server_error",
    }
}
