//! What the connectors of this crate share, each of which takes the place of a connection to DynamoDB.

use std::io::ErrorKind;

use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use latchkey_database::{ACCESS_KEY, REGION, SECRET_KEY};
use serde_json::{Value, json};

/// The shipped configuration of a client, over `connector` and with its own budget of retries. The clients of
/// a process otherwise share the SDK's, and so would the tests.
pub(crate) fn config(connector: impl HttpConnector + 'static, budget: TokenBucket) -> Builder {
    let connector = SharedHttpConnector::new(connector);
    let http_client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
    latchkey::store::client::config(http_client)
        .retry_partition(RetryPartition::custom("test").token_bucket(budget).build())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"))
}

/// The operation, such as `GetItem`, and the body of a request.
pub(crate) fn received(request: &HttpRequest) -> (String, String) {
    let target = request.headers().get("x-amz-target");
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    (operation.to_owned(), body.into_owned())
}

/// A response of DynamoDB.
pub(crate) fn response((status, body): (u16, String)) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// A connection that is closed before the response.
pub(crate) fn closed() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(ErrorKind::ConnectionReset).into())
}

/// Whether DynamoDB rejects an operation while another transaction writes one of its items.
pub(crate) fn may_conflict(operation: &str) -> bool {
    matches!(operation, "TransactWriteItems" | "UpdateItem" | "DeleteItem")
}

/// DynamoDB's response while another transaction writes an item of the request, the first one if there are
/// several.
pub(crate) fn conflict(operation: &str, body: &str) -> (u16, String) {
    if operation != "TransactWriteItems" {
        return error(400, "TransactionConflictException", &[]);
    }
    let request: Value = serde_json::from_str(body).expect("JSON");
    let items = request["TransactItems"].as_array().expect("items").len();
    let code = |item| if item == 0 { "TransactionConflict" } else { "None" };
    let reasons: Vec<Value> = (0..items).map(|item| json!({ "Code": code(item) })).collect();
    error(400, "TransactionCanceledException", &[("CancellationReasons", reasons.into())])
}

/// An error in DynamoDB's format: a status and a body.
pub(crate) fn error(status: u16, code: &str, details: &[(&str, Value)]) -> (u16, String) {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let mut body = json!({ "__type": code, "message": "as asked for" });
    for (name, value) in details {
        body[name] = value.clone();
    }
    (status, body.to_string())
}
