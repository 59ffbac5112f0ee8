//! The response of a test that needs no dialect.
//!
//! It has the same type as the functions' responses, so that it is sealed, stored, and replayed like
//! theirs.

use latchkey_http::{Response, StatusCode};

/// A response whose body is `text`.
pub fn text_response(text: impl Into<String>) -> Response {
    Response { body: text.into(), ..Response::empty(StatusCode::OK) }
}
