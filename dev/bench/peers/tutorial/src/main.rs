//! What the tutorials show: `lambda_http`, `aws_config::load_defaults`, and default features.
//!
//! `MODE` is `mint` or `verify`.

mod dynamodb;

use aws_sdk_dynamodb::Client;
use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    run(service_fn(|request: Request| handle(&client, request))).await
}

async fn handle(client: &Client, request: Request) -> Result<Response<Body>, Error> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let Some(presented) = token.and_then(work::parse) else {
        return Ok(Response::builder().status(401).body(Body::Empty)?);
    };
    let caller = dynamodb::authenticate(client, &presented).await?;
    if std::env::var("MODE").as_deref() == Ok("verify") {
        let response = Response::builder()
            .status(204)
            .header("x-organization", &caller.organization)
            .header("x-account", &caller.account)
            .header("x-scopes", &caller.scopes);
        return Ok(response.body(Body::Empty)?);
    }
    let body: work::Body<'_> = serde_json::from_slice(request.body().as_ref())?;
    let account = work::account_of(request.uri().path());
    let drawn = work::draw(account);
    let expires_at = body.expires_at.as_deref().unwrap_or_default();
    dynamodb::insert(client, account, &drawn, &caller, expires_at).await?;
    let response = Response::builder()
        .status(201)
        .header("content-type", "application/json")
        .header("cache-control", "no-store");
    Ok(response.body(work::response(&drawn, expires_at).into())?)
}
