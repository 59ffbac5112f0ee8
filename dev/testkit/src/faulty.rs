//! A DynamoDB that fails in ways that no emulator does.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use latchkey_database::{ACCESS_KEY, REGION, SECRET_KEY};

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
    let connector = SharedHttpConnector::new(Faulty(Arc::new(respond)));
    let http_client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
    // The clients of a process otherwise share the SDK's budget of retries, and so would the tests.
    let budget = RetryPartition::custom("test").token_bucket(TokenBucket::default()).build();
    let config = latchkey::store::client::config(http_client)
        .retry_partition(budget)
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"));
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
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (status, serde_json::json!({ "__type": code, "message": "as asked for" }).to_string())
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
        let target = request.headers().get("x-amz-target");
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        match (self.0)(operation, &body) {
            Reply::Silence => HttpConnectorFuture::new(std::future::pending()),
            Reply::Closed => {
                let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                HttpConnectorFuture::ready(Err(ConnectorError::io(error.into())))
            }
            Reply::Answer(status, body) => {
                let status = status.try_into().expect("a status");
                let mut response = HttpResponse::new(status, SdkBody::from(body));
                response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
                HttpConnectorFuture::ready(Ok(response))
            }
        }
    }
}
