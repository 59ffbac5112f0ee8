//! A second table that receives the same writes later, for reads that are only eventually consistent.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};
use serde_json::{Value, json};

use super::upstream::Upstream;
use crate::http1::Message;

/// What the replica's name adds to the table's.
const SUFFIX: &str = "-replica";

/// The writes that the replica does not have yet, oldest first.
#[derive(Debug)]
pub(super) struct Replica {
    table: String,
    pending: VecDeque<(Instant, Message)>,
    /// The client request tokens of transactions that took effect. A repeated one has no second effect.
    tokens: BTreeSet<String>,
}

impl Replica {
    pub(super) fn new(table: &str) -> Self {
        Self { table: table.to_owned(), pending: VecDeque::new(), tokens: BTreeSet::new() }
    }

    /// The name of the replica of `table`.
    pub(super) fn name(table: &str) -> String {
        format!("{table}{SUFFIX}")
    }

    /// Notes a write that just took effect.
    pub(super) fn note(&mut self, request: &Message, body: &Value) {
        let mut copy = body.clone();
        if let Some(token) = copy.as_object_mut().and_then(|map| map.remove("ClientRequestToken")) {
            let token = token.as_str().unwrap_or_default().to_owned();
            if !self.tokens.insert(token) {
                return;
            }
        }
        self.pending.push_back((Instant::now(), self.redirected(request, &copy)));
    }

    /// Applies the writes that are at least `lag` old.
    pub(super) async fn catch_up(&mut self, upstream: &mut Upstream, lag: Duration) {
        while let Some((_, write)) = self.pending.pop_front_if(|(at, _)| at.elapsed() >= lag) {
            let applied = upstream.exchange(&write).await.expect("the embedded database answers");
            let body = String::from_utf8_lossy(&applied.body);
            assert!(applied.line().contains(" 200 "), "the replica refuses a write: {body}");
        }
    }

    /// The replica's response to a read.
    pub(super) async fn read(
        &self,
        upstream: &mut Upstream,
        request: &Message,
        body: &Value,
    ) -> Message {
        let answer = upstream.exchange(&self.redirected(request, body)).await;
        let answer = answer.expect("the embedded database answers");
        let text = String::from_utf8(answer.body).expect("JSON");
        let text = text.replace(&quoted(&Self::name(&self.table)), &quoted(&self.table));
        Message::json(status(&answer.head), "", &text)
    }

    /// The same request to the replica.
    fn redirected(&self, request: &Message, body: &Value) -> Message {
        let body =
            body.to_string().replace(&quoted(&self.table), &quoted(&Self::name(&self.table)));
        resized(request, &body)
    }
}

/// Whether a read may be stale.
pub(super) fn may_be_stale(operation: &str, body: &Value) -> bool {
    match operation {
        "GetItem" | "Query" | "Scan" => body["ConsistentRead"] != true,
        "BatchGetItem" => {
            let mut tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.all(|(_, keys)| keys["ConsistentRead"] != true)
        }
        _ => false,
    }
}

/// A batch in which each item is from one response or the other, since items have replicas of their own.
pub(super) fn mixed(body: &Value, fresh: &Message, stale: &Message, rng: &mut impl Rng) -> Message {
    let parse = |message: &Message| serde_json::from_slice::<Value>(&message.body).ok();
    let (Some(fresh_body), Some(stale_body)) = (parse(fresh), parse(stale)) else {
        return fresh.clone();
    };
    let mut responses = serde_json::Map::new();
    for (table, keys) in body["RequestItems"].as_object().into_iter().flatten() {
        let mut items = Vec::new();
        for key in keys["Keys"].as_array().into_iter().flatten() {
            let source = if rng.random() { &fresh_body } else { &stale_body };
            let found = source["Responses"][table].as_array().into_iter().flatten();
            items.extend(found.filter(|item| has_key(item, key)).cloned());
        }
        responses.insert(table.clone(), items.into());
    }
    let body = json!({ "Responses": responses, "UnprocessedKeys": {} });
    Message::json("200 OK", "", &body.to_string())
}

/// Whether an item has this primary key.
fn has_key(item: &Value, key: &Value) -> bool {
    key.as_object().into_iter().flatten().all(|(name, value)| item[name] == *value)
}

/// `request` with another body.
pub(super) fn resized(request: &Message, body: &str) -> Message {
    let length = format!("content-length: {}", body.len());
    let lines = request.head.lines().map(|line| {
        let is_length = line.to_ascii_lowercase().starts_with("content-length:");
        if is_length { &length } else { line }
    });
    let head = lines.flat_map(|line| [line, "\r\n"]).collect();
    Message { head, body: body.as_bytes().to_vec() }
}

fn status(head: &str) -> &str {
    let line = head.lines().next().unwrap_or_default();
    line.split_once(' ').map_or("500 Internal Server Error", |(_, status)| status)
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
