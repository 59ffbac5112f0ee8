//! A DynamoDB that misbehaves: what no emulator does.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::test_util::{NeverClient, infallible_client_fn};
use aws_smithy_types::body::SdkBody;
use lambda_http::http::{Request, Response};

use crate::database::{ACCESS_KEY, REGION, SECRET_KEY};

/// A client, wired as the shipped one, whose requests `respond` answers.
///
/// It is given the operation, such as `GetItem`, and the body, and gives a status and a body.
pub fn client(respond: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Client {
    over(infallible_client_fn(move |request: Request<SdkBody>| {
        let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let (status, body) = respond(operation, &body);
        Response::builder()
            .status(status)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body)
            .expect("a response")
    }))
}

/// A client, wired as the shipped one, whose requests are never answered.
pub fn silent_client() -> Client {
    over(SharedHttpClient::new(NeverClient::new()))
}

/// An error as DynamoDB says it: a status and a body.
pub fn error(status: u16, code: &str) -> (u16, String) {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (status, serde_json::json!({ "__type": code, "message": "as asked for" }).to_string())
}

fn over(http_client: SharedHttpClient) -> Client {
    let config = latchkey::client::config(http_client)
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local"));
    Client::from_conf(config.build())
}
