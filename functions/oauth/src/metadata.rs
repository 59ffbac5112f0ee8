//! Metadata (RFC 8414): GET `/.well-known/oauth-authorization-server`.

use lambda_http::http::header::HOST;
use lambda_http::http::{Response, StatusCode};
use lambda_http::{Body, Request};
use latchkey::http::reply;
use serde::Serialize;

#[derive(Serialize)]
struct Metadata {
    issuer: String,
    /// Required, and empty: nobody logs in here.
    response_types_supported: [&'static str; 0],
    grant_types_supported: [&'static str; 0],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
}

pub(crate) fn metadata(request: &Request) -> Response<Body> {
    let issuer = issuer(request);
    let metadata = Metadata {
        response_types_supported: [],
        grant_types_supported: [],
        introspection_endpoint: format!("{issuer}/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: ["none"],
        issuer,
    };
    reply(StatusCode::OK, &metadata)
}

/// Where the client asked: API Gateway lets no other `Host` through than its own and custom domains.
fn issuer(request: &Request) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let local = host.starts_with("127.0.0.1") || host.starts_with("localhost");
    format!("{}://{host}", if local { "http" } else { "https" })
}
