//! Responses, before their conversion to an event's response.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use latchkey::service::{Replay, Zeroizing};
use serde::Serialize;

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, which may be empty.
    pub body: String,
}

impl Response {
    /// Creates a response without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: String::new() }
    }

    /// Creates a 204 response without a body.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// Creates a JSON response, served as `application/json; charset=utf-8`, as LakeSail documents it.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::json_text(status, json_text(body))
    }

    /// Creates a response from a body that is already JSON.
    pub fn json_text(status: StatusCode, body: String) -> Self {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        Self { status, headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]), body }
    }

    /// Marks a response that holds a secret, so that caches do not store it (RFC 9111, section 5.2.2.5).
    #[must_use]
    pub fn no_store(mut self) -> Self {
        self.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }
}

/// Serializes a body, or a part of one, as JSON.
///
/// # Panics
///
/// Panics if `body` contains anything other than structs of strings, numbers, and lists.
pub fn json_text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("structs of strings, numbers, and lists always serialize")
}

/// Stores the status and the body of a response that creates something, which is JSON with a secret. Both of
/// its headers are restored.
impl Replay for Response {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.status.as_u16().to_be_bytes().to_vec());
        bytes.extend_from_slice(self.body.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (status, body) = bytes.split_first_chunk::<2>()?;
        let status = StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?;
        let body = String::from_utf8(body.to_vec()).ok()?;
        Some(Self::json_text(status, body).no_store())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_kept_and_given_again() {
        let body = "{\"key\":\"secret\"}".to_owned();
        let first = Response::json_text(StatusCode::CREATED, body).no_store();
        let again = Response::from_bytes(&first.to_bytes()).expect("a response");
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers, first.headers);
        for bytes in [&b""[..], b"\0", b"\0\0{}", b"\0\xc8\xff"] {
            assert!(Response::from_bytes(bytes).is_none(), "{bytes:?}");
        }
    }
}
