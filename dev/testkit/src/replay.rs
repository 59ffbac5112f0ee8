//! What a test that needs no dialect answers a request with.
//!
//! It is the very type that functions answer with, so that a response is sealed, kept and given again as
//! theirs are.

use latchkey_http::{Response, StatusCode};

/// A response whose body is `text`.
pub fn text_response(text: impl Into<String>) -> Response {
    Response { body: text.into(), ..Response::empty(StatusCode::OK) }
}
