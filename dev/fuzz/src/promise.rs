//! What every response promises, whatever the request.

use latchkey_http::Response;
use latchkey_http::http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::Value;

/// The form of an error in one function's dialect.
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    /// `{"message"}`
    Lakesail,
    /// `{"code", "message", "error": {"code", "message"}}`
    Chaser,
    /// `{"error", "error_description"}`
    Oauth,
}

/// Checks a response to a request whose faults are all its caller's.
///
/// # Panics
///
/// If the response breaks a promise.
pub fn check(dialect: Dialect, response: &Response) {
    let status = response.status.as_u16();
    assert!((200..300).contains(&status) || (400..500).contains(&status), "{response:?}");
    if status == 401 {
        assert!(response.headers.contains_key(WWW_AUTHENTICATE), "no challenge: {response:?}");
    }
    if status == 405 {
        assert!(response.headers.contains_key(ALLOW), "no methods: {response:?}");
    }
    if response.body.is_empty() {
        assert!(status < 300, "an error says why: {response:?}");
        return;
    }
    let kind = response.headers.get(CONTENT_TYPE).expect("a content type");
    assert!(kind.as_bytes().starts_with(b"application/json"), "{response:?}");
    let body: Value = serde_json::from_str(&response.body).expect("a body in JSON");
    if status >= 400 {
        check_error(dialect, &body);
    }
}

fn check_error(dialect: Dialect, body: &Value) {
    let fields: &[&str] = match dialect {
        Dialect::Lakesail => &["/message"],
        Dialect::Chaser => &["/code", "/message", "/error/code", "/error/message"],
        Dialect::Oauth => &["/error", "/error_description"],
    };
    for field in fields {
        let text = body.pointer(field).and_then(Value::as_str);
        assert!(text.is_some_and(|text| !text.is_empty()), "no {field} in {body}");
    }
}
