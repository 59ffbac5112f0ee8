//! A function's response, parsed for a test.

use latchkey_http::Response;
use latchkey_http::http::HeaderMap;
use serde_json::Value;

/// A function's response.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent.
    pub text: String,
    /// The body as JSON; `null` if it is empty.
    pub body: Value,
}

impl From<Response> for Answer {
    fn from(Response { status, headers, body: text }: Response) -> Self {
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).expect("a JSON body"),
        };
        Self { status: status.as_u16(), headers, text, body }
    }
}

impl Answer {
    /// A header's value; empty if the header is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    /// A string in the body, by its JSON pointer.
    ///
    /// # Panics
    ///
    /// If there is no such string.
    pub fn string(&self, pointer: &str) -> &str {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no string at {pointer} in {}", self.text))
    }

    /// The ID of the response's subject, which may be in an envelope.
    ///
    /// # Panics
    ///
    /// If there is no ID.
    pub fn id(&self) -> &str {
        let enveloped = self.body.as_object().into_iter().flat_map(|fields| fields.values());
        let mut candidates = std::iter::once(&self.body).chain(enveloped);
        let id = candidates.find_map(|candidate| candidate["id"].as_str());
        id.unwrap_or_else(|| panic!("no id in {}", self.text))
    }

    /// The entries of a list.
    ///
    /// # Panics
    ///
    /// If the body contains no list, or several.
    pub fn entries(&self) -> &[Value] {
        let fields = self.body.as_object().into_iter().flat_map(|fields| fields.values());
        let lists: Vec<&Vec<Value>> = fields.filter_map(Value::as_array).collect();
        let [list] = lists.as_slice() else { panic!("not one list: {}", self.text) };
        list
    }

    /// The IDs of a list's entries.
    ///
    /// # Panics
    ///
    /// If the body contains no list, or an entry has no ID.
    pub fn ids(&self) -> Vec<String> {
        let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
        self.entries().iter().map(id).collect()
    }
}
