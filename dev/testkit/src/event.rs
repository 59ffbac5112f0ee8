//! The samples of `events/`: one API Gateway or function URL event per file.

use std::collections::BTreeSet;

use latchkey_http::event::Event;
use latchkey_http::{Request, serve};
use serde_json::{Value, json};

use crate::project;

/// The sample in `events/<function>/<sample>.json`, as JSON that a test can change.
///
/// # Panics
///
/// If there is no such sample.
pub fn json(function: &str, sample: &str) -> Value {
    project::json(&format!("events/{function}/{sample}.json"))
}

/// The names of all samples in `events/<function>/`.
///
/// # Panics
///
/// If there is no such folder.
pub fn samples(function: &str) -> BTreeSet<String> {
    let folder = project::root().join("events").join(function);
    let entries = std::fs::read_dir(folder).expect("a folder of events");
    let names = entries.map(|entry| entry.expect("an entry").path());
    names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// An HTTP API event that requests `path`, including its query, with the key `token` and without a body.
pub fn call(method: &str, path: &str, token: &str) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "authorization": format!("Bearer {token}") },
        "requestContext": { "http": { "method": method, "path": path }, "stage": "$default" },
        "isBase64Encoded": false,
    })
}

/// An event like [`call`]'s, with a JSON body.
pub fn call_with(method: &str, path: &str, token: &str, body: &str) -> Value {
    let mut event = call(method, path, token);
    event["headers"]["content-type"] = "application/json".into();
    event["body"] = body.into();
    event
}

/// An event, in the form that a function receives it.
///
/// # Panics
///
/// If this is not an event.
pub fn parse(event: Value) -> Request {
    let event: Event = serde_json::from_value(event).expect("an event parses");
    event.into()
}

/// An event, in the form that a function receives it, with the request's ID.
///
/// # Panics
///
/// If this is not an event.
pub fn request(event: Value, id: &str) -> Request {
    serve::request(serde_json::from_value(event).expect("an event parses"), id)
}
