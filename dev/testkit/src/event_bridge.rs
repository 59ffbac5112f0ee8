//! An `EventBridge` of a test: it keeps what it accepts, and fails as asked for.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http1::Message;

/// A server on a free loopback port, which stops with the test.
pub struct EventBridge {
    /// The URL, for `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub url: String,
    state: Arc<Mutex<State>>,
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every entry is accepted.
    Accept,
    /// The entry at this position fails with this code, and the others are accepted.
    Entry(usize, &'static str),
    /// The request fails with this status and code.
    Refuse(u16, &'static str),
    /// The connection is closed before anything is accepted.
    Close,
    /// The connection is closed after everything was accepted.
    CloseAfterEffect,
    /// The response has no results.
    NoResults,
}

/// An entry of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The bus.
    pub bus: String,
    /// `Source`.
    pub source: String,
    /// `DetailType`.
    pub detail_type: String,
    /// `Detail`, which must be JSON.
    pub detail: Value,
}

#[derive(Default)]
struct State {
    next: VecDeque<Outcome>,
    always: Option<Outcome>,
    refused: Option<(&'static str, &'static str)>,
    requests: Vec<usize>,
    accepted: Vec<Entry>,
}

impl EventBridge {
    /// Starts a server that accepts everything.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// Gives the next requests these outcomes.
    pub fn next(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        lock(&self.state).next = outcomes.into_iter().collect();
    }

    /// Gives every request without another outcome this one.
    pub fn always(&self, outcome: Outcome) {
        lock(&self.state).always = Some(outcome);
    }

    /// Fails each entry whose detail has this ID, with this code.
    pub fn refuse(&self, id: &'static str, code: &'static str) {
        lock(&self.state).refused = Some((id, code));
    }

    /// The entries that were accepted so far, in order.
    pub fn accepted(&self) -> Vec<Entry> {
        lock(&self.state).accepted.clone()
    }

    /// How many entries each request so far had.
    pub fn requests(&self) -> Vec<usize> {
        lock(&self.state).requests.clone()
    }
}

impl State {
    /// The response to a request, or `None` for a closed connection.
    fn answer(&mut self, request: &Message) -> Option<Message> {
        let target = request.header("x-amz-target");
        assert_eq!(target, Some("AWSEvents.PutEvents"), "{}", request.head);
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        let entries: Vec<Entry> =
            body["Entries"].as_array().expect("entries").iter().map(entry).collect();
        assert!((1..=10).contains(&entries.len()), "{} entries", entries.len());
        self.requests.push(entries.len());
        let outcome = self.next.pop_front().or(self.always.clone()).unwrap_or(Outcome::Accept);
        let failing = match &outcome {
            Outcome::Refuse(status, code) => {
                let body = json!({ "__type": code, "message": "as asked for" });
                return Some(Message::json(&format!("{status} Refused"), "", &body.to_string()));
            }
            Outcome::Close => return None,
            Outcome::NoResults => {
                let body = json!({ "FailedEntryCount": 0, "Entries": [] });
                return Some(Message::json("200 OK", "", &body.to_string()));
            }
            Outcome::Entry(position, code) => Some((*position, *code)),
            Outcome::Accept | Outcome::CloseAfterEffect => None,
        };
        let mut results = Vec::new();
        for (position, entry) in entries.into_iter().enumerate() {
            let code = failing.filter(|(of, _)| *of == position).map(|(_, code)| code);
            let refused = self.refused.filter(|(id, _)| entry.detail["id"] == *id);
            match code.or(refused.map(|(_, code)| code)) {
                Some(code) => {
                    results.push(json!({ "ErrorCode": code, "ErrorMessage": "as asked for" }))
                }
                None => {
                    results.push(json!({ "EventId": format!("event-{}", self.accepted.len()) }));
                    self.accepted.push(entry);
                }
            }
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        let body = json!({ "FailedEntryCount": failed, "Entries": results });
        (outcome != Outcome::CloseAfterEffect)
            .then(|| Message::json("200 OK", "", &body.to_string()))
    }
}

fn entry(entry: &Value) -> Entry {
    let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
    let detail = serde_json::from_str(&text("Detail")).expect("JSON");
    Entry {
        bus: text("EventBusName"),
        source: text("Source"),
        detail_type: text("DetailType"),
        detail,
    }
}

/// Serves one connection, one request at a time.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = Message::read(&mut stream).await?;
        let answer = lock(&state).answer(&request)?;
        stream.get_mut().write_all(&answer.bytes()).await.ok()?;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
