//! Errors in the form that Chaser's clients read: `{"code", "message", "error": {"code", "message"}}`.

use latchkey_http::{Error, Response, StatusCode};
use serde::Serialize;

/// An error body in the vendor's two formats.
///
/// The top level is what the vendor's SDK reads, and `error` is what its newer API documents. The SDK would
/// take a string `error` for the message, so `error` is never a string.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(flatten)]
    top: ProblemDetail<'a>,
    error: ProblemDetail<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct ProblemDetail<'a> {
    code: &'static str,
    message: &'a str,
}

/// Renders `error` as this dialect's clients expect it.
pub(crate) fn render(error: &Error) -> Response {
    let message = error.to_string();
    let detail = ProblemDetail { code: code(error.status()), message: &message };
    error.response(&Problem { top: detail, error: detail })
}

/// Ours: the codes of the vendor's newer API, if it has one for the status.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "invalid_request",
        _ => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_code() {
        for (status, expected) in [
            (400, "invalid_request"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (409, "conflict"),
            (413, "payload_too_large"),
            (415, "unsupported_media_type"),
            (500, "internal"),
            (503, "unavailable"),
        ] {
            assert_eq!(code(StatusCode::from_u16(status).expect("a status")), expected);
        }
    }
}
