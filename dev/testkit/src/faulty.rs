//! A DynamoDB that fails in ways that no emulator does.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::TokenBucket;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::connector;

/// How to reply to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and a body.
    Answer(u16, String),
    /// No reply, ever.
    Silence,
    /// The connection is closed.
    Closed,
}

impl From<(u16, String)> for Reply {
    fn from((status, body): (u16, String)) -> Self {
        Self::Answer(status, body)
    }
}

/// A client with the shipped configuration; `respond` replies to its requests.
///
/// `respond` gets the operation, such as `GetItem`, and the body.
pub fn client<R: Into<Reply>>(respond: impl Fn(&str, &str) -> R + Send + Sync + 'static) -> Client {
    let respond = move |operation: &str, body: &str| respond(operation, body).into();
    let config = connector::config(Faulty(Arc::new(respond)), TokenBucket::default());
    Client::from_conf(config.build())
}

/// A client that is denied every request, and its requests so far: each operation with its body.
pub fn denied() -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let client = client(move |operation, body| {
        note.lock().expect("no panic").push(format!("{operation} {body}"));
        error(400, "AccessDeniedException")
    });
    (client, asked)
}

/// An error in DynamoDB's format: a status and a body.
pub fn error(status: u16, code: &str) -> (u16, String) {
    connector::error(status, code, &[])
}

type Respond = dyn Fn(&str, &str) -> Reply + Send + Sync;

struct Faulty(Arc<Respond>);

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl HttpConnector for Faulty {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = connector::received(&request);
        match (self.0)(&operation, &body) {
            Reply::Silence => HttpConnectorFuture::new(std::future::pending()),
            Reply::Closed => HttpConnectorFuture::ready(Err(connector::closed())),
            Reply::Answer(status, body) => {
                HttpConnectorFuture::ready(Ok(connector::response((status, body))))
            }
        }
    }
}
