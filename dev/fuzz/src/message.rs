//! Requests as text, close to HTTP/1.1, which the fuzzer can change without breaking them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A request: a line with method and target, headers, an empty line, and a body.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: &'a str,
    /// The lines of the headers.
    head: &'a str,
    /// The body.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Reads a message; any text is one.
    pub fn read(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let (first, head) = head.split_once('\n').unwrap_or((head, ""));
        let (method, target) = first.split_once(' ').unwrap_or((first, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method, path, query, head, body }
    }

    /// The headers' names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name, value.trim_start_matches(' ')))
    }

    /// The values of a header.
    pub fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'a str> + 'm {
        let named = self.headers().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }

    /// Whether two headers have the same name, which payload 2.0 joins.
    pub fn repeats_a_header(&self) -> bool {
        self.headers().any(|(name, _)| self.values(name).nth(1).is_some())
    }

    /// The event of an HTTP API or a function URL: payload 2.0.
    pub fn http_api(&self) -> Value {
        json!({
            "version": "2.0",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.single(),
            "requestContext": { "http": { "method": self.method }, "stage": "$default" },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }

    /// The event of a REST API for binary bodies: payload 1.0.
    pub fn rest_api(&self) -> Value {
        let mut headers = Map::new();
        for (name, value) in self.headers() {
            push(&mut headers, name, value);
        }
        let mut query = Map::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            push(&mut query, &name, &value);
        }
        json!({
            "path": self.path,
            "httpMethod": self.method,
            "headers": self.single(),
            "multiValueHeaders": headers,
            "multiValueQueryStringParameters": query,
            "requestContext": { "stage": "prod" },
            "body": STANDARD.encode(self.body),
            "isBase64Encoded": true,
        })
    }

    /// Each header with its last value.
    pub fn single(&self) -> Map<String, Value> {
        self.headers().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

fn push(multi: &mut Map<String, Value>, name: &str, value: &str) {
    let values = multi.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    values.as_array_mut().expect("a list").push(value.into());
}
