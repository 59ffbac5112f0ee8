//! The events of `events/`: one API Gateway or function URL event a file.

use std::collections::BTreeSet;

use lambda_http::Request;
use latchkey::gateway::Event;
use serde_json::Value;

use crate::project;

/// The event in `events/<function>/<case>.json`, as JSON to be changed.
///
/// # Panics
///
/// If there is no such event.
pub fn json(function: &str, case: &str) -> Value {
    project::json(&format!("events/{function}/{case}.json"))
}

/// The names of all events in `events/<function>/`.
///
/// # Panics
///
/// If there is no such folder.
pub fn cases(function: &str) -> BTreeSet<String> {
    let folder = project::root().join("events").join(function);
    let entries = std::fs::read_dir(folder).expect("a folder of events");
    let names = entries.map(|entry| entry.expect("an entry").path());
    names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// An event, as a function receives it.
///
/// # Panics
///
/// If this is no event at all.
pub fn parse(event: Value) -> Request {
    let event: Event = serde_json::from_value(event).expect("an event parses");
    event.into()
}
