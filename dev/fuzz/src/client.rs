//! A DynamoDB client whose requests never leave the process.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

type Answer = dyn Fn(&str, &[u8]) -> (u16, String) + Send + Sync;

/// A client with the shipped configuration; `answer` gets each operation, such as `GetItem`, and its body, and
/// returns a status and a body.
pub fn client(answer: impl Fn(&str, &[u8]) -> (u16, String) + Send + Sync + 'static) -> Client {
    let connector = SharedHttpConnector::new(Canned(Arc::new(answer)));
    let http_client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
    let config = latchkey::store::client::config(http_client)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("fuzz", "fuzz", None, None, "fuzz"));
    Client::from_conf(config.build())
}

struct Canned(Arc<Answer>);

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target");
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        let (status, body) = (self.0)(operation, request.body().bytes().unwrap_or_default());
        let status = status.try_into().expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}
