//! The request that a function reads from an event.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use latchkey::audit::Origin;

use crate::body::{BODY_BYTES_MAX, InvalidBody};

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method. A missing or malformed one becomes `CONNECT`, which only `ANY` routes match.
    pub method: Method,
    /// The path as sent, which may start with the stage.
    pub path: String,
    /// The query string as sent, without the question mark.
    pub query: String,
    /// The stage that the request came through, if its gateway has stages.
    pub stage: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `None` if it was marked as base64 and could not be decoded.
    pub body: Option<Vec<u8>>,
    /// Where the request comes from, as its gateway says, which the audit trail names.
    pub origin: Origin,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::GET,
            path: String::new(),
            query: String::new(),
            stage: None,
            headers: HeaderMap::new(),
            body: Some(Vec::new()),
            origin: Origin::default(),
        }
    }
}

impl Request {
    /// Returns the body if it is not too large.
    ///
    /// # Errors
    ///
    /// [`InvalidBody::TooLarge`], [`InvalidBody::Base64`].
    pub fn body(&self) -> Result<&[u8], InvalidBody> {
        self.body_within(BODY_BYTES_MAX)
    }

    /// Returns the body if it has at most `max` bytes.
    ///
    /// # Errors
    ///
    /// The errors of [`Request::body`].
    pub fn body_within(&self, max: usize) -> Result<&[u8], InvalidBody> {
        let body = self.body.as_deref().ok_or(InvalidBody::Base64)?;
        if body.len() > max { Err(InvalidBody::TooLarge { max }) } else { Ok(body) }
    }

    /// Returns the values of the query parameter `name`.
    pub fn query_parameters<'q>(&'q self, name: &'q str) -> impl Iterator<Item = Cow<'q, str>> {
        let parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.filter(move |(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns a header's value, if it exists and is text.
    pub(crate) fn header(&self, name: http::header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
